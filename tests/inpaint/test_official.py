"""The generator is cut out of the published program, and computes what the program computes."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from tests.inpaint.official import inside, pipeline
from tests.inpaint.pieces import row
from tests.matte.pieces import drawing, first_output, session_of
from trt_anime.errors import CheckpointError
from trt_anime.export import checkpoints
from trt_anime.export.catalogue import Model, get
from trt_anime.export.inpaint.official import network_from_onnx
from trt_anime.export.parts import OPSET
from trt_anime.export.recipes.inpaint import Inpainting

SIDE = 64


def small_row() -> Model:
    rule = get("migan").recipe_as(Inpainting)
    return row(replace(rule, size_rule=replace(rule.size_rule, side=SIDE, multiple_of=SIDE)))


def saved(model: onnx.ModelProto, folder: Path) -> Path:
    onnx.save(model, folder / "pipeline.onnx")
    return folder / "pipeline.onnx"


def shape(value: onnx.ValueInfoProto) -> list[int | str]:
    return [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]


def agrees(program: onnx.ModelProto, network: onnx.ModelProto, side: int) -> None:
    """Inside the hole, both paint the same; the program cuts decimals off."""
    picture = drawing(side, side).transpose(2, 0, 1)
    keep = np.ones((side, side), bool)
    keep[side // 5 : 4 * side // 5, side // 6 : 5 * side // 6] = False
    mask = np.where(keep, 255, 0).astype(np.uint8)
    whole = first_output(session_of(program), image=picture[None], mask=mask[None, None])[0]
    painted = inside(network, picture, keep)
    deep = np.zeros_like(keep)  # the published program blends along the rim
    deep[side // 4 : 3 * side // 4, side // 4 : 3 * side // 4] = True
    gap = np.abs(whole.astype(np.float32) + 0.5 - painted)[:, deep]
    assert gap.max() <= 0.51
    assert np.ptp(whole[:, deep]) > 20


def test_the_cut_network_is_the_one_in_the_program(tmp_path: Path) -> None:
    program = pipeline(SIDE)
    network = network_from_onnx(saved(program, tmp_path), small_row())
    assert shape(network.graph.input[0]) == ["batch", 4, SIDE, SIDE]
    assert shape(network.graph.output[0]) == ["batch", 3, SIDE, SIDE]
    assert [value.name for value in (*network.graph.input, *network.graph.output)] == ["image", "fill"]
    assert [(item.domain, item.version) for item in network.opset_import] == [("", OPSET)]
    assert not {"Cast", "Concat", "Identity", "Clip"} & {node.op_type for node in network.graph.node}
    agrees(program, network, SIDE)


def test_the_batch_is_free(tmp_path: Path) -> None:
    network = network_from_onnx(saved(pipeline(SIDE), tmp_path), small_row())
    images = np.random.default_rng(0).normal(0, 1, (3, 4, SIDE, SIDE)).astype(np.float32)
    together = first_output(session_of(network), image=images)
    for number in range(3):
        alone = first_output(session_of(network), image=images[[number]])
        np.testing.assert_allclose(together[[number]], alone, atol=1e-5)


def renamed(model: onnx.ModelProto) -> onnx.ModelProto:
    for node in model.graph.node:
        node.name = node.name.replace("/model/", "/net/")
    return model


WRONG: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty": (lambda: b"", "0 values go into the nodes named /model/"),
    "text": (lambda: b"these are not the weights", "no generator of migan"),
    "cut short": (lambda: pipeline(SIDE).SerializeToString()[:-400], "no generator of migan"),
    "no generator": (lambda: renamed(pipeline(SIDE)).SerializeToString(), "0 values go into"),
    "two results": (lambda: pipeline(SIDE, exits=2).SerializeToString(), "1 values go into .* 2 come out"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_wrong_file(kind: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    content, reason = WRONG[kind]
    path = tmp_path / "wrong.onnx"
    path.write_bytes(content())
    with pytest.raises(CheckpointError, match=reason) as raised:
        network_from_onnx(path, small_row())
    sentence = str(raised.value)
    assert sentence.startswith(f"{path}: ") and "; run `trt-anime models pull migan" in sentence
    assert "\n" not in sentence
    assert capfd.readouterr() == ("", "")


@pytest.mark.network
@pytest.mark.skipif(
    os.environ.get("TRT_ANIME_NETWORK_TESTS") != "1",
    reason="downloads 58 MB; set TRT_ANIME_NETWORK_TESTS=1",
)
def test_the_published_file(home: Path) -> None:
    path = checkpoints.pull(get("migan"))
    network = network_from_onnx(path, get("migan"))
    assert shape(network.graph.output[0]) == ["batch", 3, 512, 512]
    agrees(onnx.load(path), network, 512)
