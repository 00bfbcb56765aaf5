"""The sequential baseline: its weights, what is compared before it is timed, how ours goes over frames."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray

from benchmarks import sequential
from benchmarks.chain import torch_way
from benchmarks.chain.our_way import Lane, OurChain
from benchmarks.chain.parity import compared, decoders_agree
from benchmarks.chain.stages import CHAIN, Arrays, ChainStage, Given, pictures
from trt_anime.errors import CheckpointError, EngineError
from trt_anime.export import catalogue
from trt_anime.export.networks import create

FRAME: NDArray[np.uint8] = np.random.default_rng(3).integers(0, 256, (12, 20, 3), np.uint8)
ROWS = [CHAIN["2a"], CHAIN["2c"]]
NO_PROMPTS = np.zeros((2, 0), np.float32)


def layer_of(row: ChainStage, given: Given) -> Arrays:
    """Something that depends on all that the stage reads."""
    if row.output == "rgba":
        return {"rgba": np.dstack([given["frame"][0], given["frame"][0, ..., 0]])[None]}
    return {"plate": (given["frame"] // 2 + given["hole"][..., None] // 4).astype(np.uint8)}


def test_stages_of_a_frame_get_the_same_inputs_and_the_worst_difference_counts() -> None:
    def off(row: ChainStage, given: Given) -> Arrays:
        found = layer_of(row, given)
        return {"plate": np.maximum(found["plate"], 1) - 1} if row.output == "plate" else found

    found = compared(ROWS, [FRAME, FRAME // 2], NO_PROMPTS, ours=off, theirs=layer_of)
    assert list(found) == ["2a u2netp", "2c lama"]
    assert [found[title].maximum for title in found] == [0.0, 1.0]


def test_results_that_differ_are_refused_with_how_much() -> None:
    def wrong(row: ChainStage, given: Given) -> Arrays:
        found = layer_of(row, given)
        return {"plate": 255 - found["plate"]} if row.output == "plate" else found

    with pytest.raises(
        EngineError, match=r"stage 2c lama differs by max .* p99 1, max 4 of 255 is allowed"
    ):
        compared(ROWS, [FRAME], NO_PROMPTS, ours=wrong, theirs=layer_of)


def test_a_result_of_another_size_is_refused() -> None:
    def smaller(row: ChainStage, given: Given) -> Arrays:
        return {name: array[:, 1:] for name, array in layer_of(row, given).items()}

    with pytest.raises(EngineError, match="2a u2netp gives"):
        compared(ROWS, [FRAME], NO_PROMPTS, ours=smaller, theirs=layer_of)


def test_no_speed_is_told_where_results_differ(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(**given: object) -> None:
        raise EngineError("stage 2a differs")

    monkeypatch.setattr(sequential, "sequential_pairs", fail)
    assert sequential.main(["--quick"]) == 1
    out = capsys.readouterr().out
    assert out == "error: stage 2a differs\n"


def test_decoders_must_give_as_many_frames_and_nearly_the_same() -> None:
    clip = Path("clip.mp4")
    near = np.clip(FRAME.astype(int) + 2, 0, 255).astype(np.uint8)
    assert "differ by" in decoders_agree([FRAME], [near], clip)
    with pytest.raises(EngineError, match="1 frames are read by us, 2 by OpenCV"):
        decoders_agree([FRAME], [FRAME, FRAME], clip)
    with pytest.raises(EngineError, match="of 255 from ours"):
        decoders_agree([FRAME], [np.ascontiguousarray(FRAME[..., ::-1])], clip)


def test_opencv_reads_every_frame(tmp_path: Path) -> None:
    from benchmarks.footage import make_footage

    footage = make_footage(tmp_path, frames=3, height=90)
    frames = list(torch_way.decoded(footage.clip))
    expected = cv2.imread(str(sorted(footage.png.iterdir())[2]))
    assert len(frames) == 3 and expected is not None
    assert np.abs(frames[2][..., ::-1].astype(int) - expected).mean() < 12  # lossy, small, and BT.601


def test_pictures_are_rgba_layers_of_what_ran() -> None:
    heat = np.stack([FRAME[..., 0], FRAME[..., 1]])[None]
    values = {
        "frame": FRAME[None],
        "rgba": layer_of(CHAIN["2a"], {"frame": FRAME[None]})["rgba"],
        "heat": heat,
    }
    found = pictures(values)
    assert list(found) == ["character", "effects"]
    assert all(layer.shape == (12, 20, 4) and layer.dtype == np.uint8 for layer in found.values())
    assert np.array_equal(found["effects"][..., 3], FRAME[..., :2].max(2))


class FakeLane:
    """Computes at once, and notes its frames."""

    def __init__(self) -> None:
        self.frames: list[int] = []

    def run(self, row: ChainStage, inputs: Given) -> Arrays:
        self.frames.append(int(inputs["frame"][0, 0, 0, 0]))
        return {"rgba": inputs["frame"] + 1}


def chain_of(lanes: Sequence[FakeLane]) -> OurChain:
    chain = OurChain({}, cast(Any, None), lanes=len(lanes), threads=2)
    chain.lanes = cast(list[Lane], list(lanes))
    return chain


def test_results_come_in_the_order_of_the_frames_and_lanes_share_them() -> None:
    lanes = [FakeLane(), FakeLane()]
    items: list[Arrays] = [{"frame": np.full((1, 2, 2, 3), number, np.uint8)} for number in range(20)]
    found = chain_of(lanes).over(items, [CHAIN["2a"]])
    assert [int(values["rgba"][0, 0, 0, 0]) for values in found] == list(range(1, 21))
    assert sorted(lanes[0].frames + lanes[1].frames) == list(range(20))


def test_an_error_of_a_stage_comes_out() -> None:
    class Broken(FakeLane):
        def run(self, row: ChainStage, inputs: Given) -> Arrays:
            raise EngineError("broken")

    items: list[Arrays] = [{"frame": FRAME[None]}] * 9
    with pytest.raises(EngineError, match="broken"):
        chain_of([Broken(), Broken()]).over(items, [CHAIN["2a"]])


def folded(network: torch.nn.Module, path: Path, *, drop: int = 0) -> Path:
    """The network's convolutions as a published file has them."""
    nodes, values = [], []
    for number, module in enumerate(torch_way.convolutions_in_order(network)):
        assert module.bias is not None
        for name, tensor in (("w", module.weight), ("b", module.bias)):
            values.append(onnx.numpy_helper.from_array(tensor.detach().numpy(), f"{name}{number}"))
        nodes.append(onnx.helper.make_node("Conv", ["x", f"w{number}", f"b{number}"], [f"y{number}"]))
    graph = onnx.helper.make_graph(nodes[drop:], "g", [], [], values)
    onnx.save(onnx.helper.make_model(graph), str(path))
    return path


def test_a_published_onnx_file_fills_the_network_in_pytorch(tmp_path: Path) -> None:
    torch.manual_seed(4)
    source = create("u2netp").eval()
    for norm in source.modules():
        if isinstance(norm, torch.nn.BatchNorm2d):
            norm.eps = 0.0
    row = catalogue.get("u2netp")
    file = folded(source, tmp_path / "u2netp.onnx")
    picture = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        assert torch.equal(torch_way.matte_network(row, file)(picture), source(picture)[0])
    with pytest.raises(CheckpointError, match="has 118 convolutions, but u2netp has 119"):
        torch_way.matte_network(row, folded(source, tmp_path / "less.onnx", drop=1))
