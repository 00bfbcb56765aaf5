"""Published .onnx files become networks to compose with; other files are refused in one sentence."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from tests.matte.official import official_like, saved
from tests.matte.pieces import first_output, session_of
from trt_anime.errors import CheckpointError
from trt_anime.export.matte.official import network_from_onnx
from trt_anime.export.parts import OPSET

SIDE = 48


@pytest.fixture
def published(tmp_path: Path) -> Path:
    return saved(official_like(SIDE), tmp_path / "published.onnx")


def images(batch: int) -> np.ndarray:
    return np.random.default_rng(2).normal(0, 1, (batch, 3, SIDE, SIDE)).astype(np.float32)


@pytest.mark.parametrize("batch", [1, 3])
def test_equals_the_published_file_on_each_frame(published: Path, batch: int) -> None:
    original, network = onnx.load(published), network_from_onnx(published)
    found = first_output(session_of(network), image=images(batch))
    alone = session_of(original)
    wanted = [first_output(alone, **{"input.1": image[None]}) for image in images(batch)]
    np.testing.assert_allclose(found, np.concatenate(wanted), atol=1e-6)
    assert np.ptp(found) > 0.5


def test_interface(published: Path) -> None:
    network = network_from_onnx(published)
    onnx.checker.check_model(network, full_check=True)
    (image,), (matte,) = network.graph.input, network.graph.output
    assert (image.name, matte.name) == ("image", "map")
    assert [d.dim_param or d.dim_value for d in image.type.tensor_type.shape.dim] == [
        "batch",
        3,
        SIDE,
        SIDE,
    ]
    assert [d.dim_param or d.dim_value for d in matte.type.tensor_type.shape.dim] == [
        "batch",
        1,
        SIDE,
        SIDE,
    ]
    assert [(item.domain, item.version) for item in network.opset_import] == [("", OPSET)]


def test_side_outputs_go_with_what_only_they_need(published: Path) -> None:
    def kinds(model: onnx.ModelProto) -> list[str]:
        return [node.op_type for node in model.graph.node]

    original, network = onnx.load(published), network_from_onnx(published)
    assert kinds(original).count("Sigmoid") == 7
    assert kinds(network).count("Sigmoid") == 1


def small(
    inputs: list[list[int]], output: list[int], kind: int = TensorProto.FLOAT, node: str = "Relu"
) -> onnx.ModelProto:
    """One node, and ends as told."""
    names = [f"in{number}" for number in range(len(inputs))]
    graph = helper.make_graph(
        [helper.make_node(node, names, ["out"])],
        "small",
        [helper.make_tensor_value_info(n, kind, shape) for n, shape in zip(names, inputs, strict=True)],
        [helper.make_tensor_value_info("out", kind, output)],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=6)


PICTURE, MAP = [1, 3, SIDE, SIDE], [1, 1, SIDE, SIDE]

WRONG: dict[str, Callable[[], bytes]] = {
    "empty": lambda: b"",
    "text": lambda: b"these are not the weights",
    "cut short": lambda: official_like(SIDE).SerializeToString()[:-500],
    "two inputs": lambda: small([PICTURE, PICTURE], PICTURE, node="Add").SerializeToString(),
    "grey picture": lambda: small([MAP], MAP).SerializeToString(),
    "channels last": lambda: small([[1, SIDE, SIDE, 3]], [1, SIDE, SIDE, 3]).SerializeToString(),
    "three maps": lambda: small([PICTURE], PICTURE).SerializeToString(),
    "a class": lambda: small([PICTURE], [1, 1000]).SerializeToString(),
    "half precision": lambda: small([PICTURE], MAP, TensorProto.FLOAT16).SerializeToString(),
}


@pytest.mark.parametrize("kind", WRONG)
def test_wrong_file(tmp_path: Path, kind: str, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "wrong.onnx"
    path.write_bytes(WRONG[kind]())
    with pytest.raises(CheckpointError) as raised:
        network_from_onnx(path)
    sentence = str(raised.value)
    assert sentence.startswith(f"{path}: ") and "; " in sentence and "\n" not in sentence
    assert capfd.readouterr() == ("", "")


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"none\.onnx: .*No such file"):
        network_from_onnx(tmp_path / "none.onnx")
