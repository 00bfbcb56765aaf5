"""The sequential baseline: its weights, what is timed of it, how ours goes over frames."""

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray

from benchmarks import sequential
from benchmarks.chain import our_way, torch_matte, torch_way
from benchmarks.chain.measuring import Both
from benchmarks.chain.our_stages import Runner
from benchmarks.chain.our_way import Lane, OurChain
from benchmarks.chain.stages import CHAIN, Arrays, ChainStage, Given, pictures, values_of
from benchmarks.chain.torch_way import TorchChain
from benchmarks.footage import make_footage
from tests.benchmarks.chain_rows import DESCRIBE, FOLLOW, FRAME, MATTE, NO_PROMPTS, ROWS, layer_of
from trt_anime.errors import CheckpointError, EngineError
from trt_anime.export import catalogue
from trt_anime.export.networks import create
from trt_anime.runtime.media.reader import open_source
from trt_anime.runtime.results.planes import write_frame


def test_no_speed_is_told_where_results_differ(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(**given: object) -> None:
        raise EngineError("stage 2a differs")

    monkeypatch.setattr(sequential, "sequential_pairs", fail)
    assert sequential.main(["--quick"]) == 1
    out = capsys.readouterr().out
    assert out == "error: stage 2a differs\n"


def test_opencv_reads_every_frame(tmp_path: Path) -> None:
    footage = make_footage(tmp_path, frames=3, height=90)
    frames = list(torch_way.decoded(footage.clip))
    expected = cv2.imread(str(sorted(footage.png.iterdir())[2]))
    assert len(frames) == 3 and expected is not None
    assert np.abs(frames[2][..., ::-1].astype(int) - expected).mean() < 12  # lossy, small, and BT.601


def test_pictures_are_rgba_layers_of_what_ran() -> None:
    heat = np.stack([FRAME[..., 0], FRAME[..., 1]])[None]
    values = {
        "frame": FRAME[None],
        "rgba": layer_of(MATTE, {"frame": FRAME[None]})["rgba"],
        "heat": heat,
    }
    found = pictures(values)
    assert list(found) == ["character", "effects"]
    assert all(layer.shape == (12, 20, 4) and layer.dtype == np.uint8 for layer in found.values())
    assert np.array_equal(found["effects"][..., 3], FRAME[..., :2].max(2))


def test_maps_are_written_as_they_are() -> None:
    plane = FRAME[..., 0]
    values = {"frame": FRAME[None], "rgba": layer_of(MATTE, {"frame": FRAME[None]})["rgba"]}
    found = pictures({**values, "ids": plane[None]})
    assert list(found) == ["character", "tracks"] and np.array_equal(found["tracks"], plane)


class FakeLane:
    """Computes at once, and notes its frames."""

    def __init__(self) -> None:
        self.frames: list[int] = []

    def run(self, row: ChainStage, inputs: Given) -> Arrays:
        self.frames.append(int(inputs["frame"][0, 0, 0, 0]))
        return {"rgba": inputs["frame"] + 1}

    def through(self, rows: Sequence[ChainStage], values: Arrays) -> Arrays:
        return Lane.through(cast(Lane, self), rows, values)


def chain_of(lanes: Sequence[FakeLane], runners: Mapping[str, Runner] | None = None) -> OurChain:
    chain = OurChain({}, runners or {}, cast(Any, None), lanes=len(lanes), threads=2)
    chain.lanes = cast(list[Lane], list(lanes))
    return chain


def test_results_come_in_the_order_of_the_frames_and_lanes_share_them() -> None:
    lanes = [FakeLane(), FakeLane()]
    items: list[Arrays] = [{"frame": np.full((1, 2, 2, 3), number, np.uint8)} for number in range(20)]
    found = chain_of(lanes).over(items, [MATTE])
    assert [int(values["rgba"][0, 0, 0, 0]) for values in found] == list(range(1, 21))
    assert sorted(lanes[0].frames + lanes[1].frames) == list(range(20))


class FakeRunner:
    """Notes frames in the order in which they come, and counts them if they are to be followed."""

    def __init__(self, output: str) -> None:
        self.output, self.starts, self.closed = output, 0, False
        self.frames: list[int] = []

    def __call__(self, inputs: Given) -> Arrays:
        self.frames.append(int(inputs["frame"][0, 0, 0, 0]))
        self.starts += "ids" in inputs
        return {self.output: np.full((1, 2, 2), self.frames[-1], np.uint8)}

    def close(self) -> None:
        self.closed = True


class UnevenLane(FakeLane):
    """Takes longer for one frame than for the next."""

    def run(self, row: ChainStage, inputs: Given) -> Arrays:
        found = super().run(row, inputs)
        time.sleep(0.004 * (int(inputs["frame"][0, 0, 0, 0]) % 2))
        return {"rgba": np.repeat(found["rgba"], 2, axis=-1)[..., :4]}


def test_a_stage_that_remembers_gets_frames_in_order_and_the_captioner_one() -> None:
    follow, describe = FakeRunner("ids"), FakeRunner("tokens")
    lanes = [UnevenLane(), UnevenLane()]
    chain = chain_of(lanes, {"xmem": follow, "blip-base": describe})
    items = [values_of(np.full((2, 2, 3), number, np.uint8), number, NO_PROMPTS) for number in range(12)]
    found = chain.over(items, [MATTE, FOLLOW, DESCRIBE])
    assert follow.frames == list(range(12)) and follow.starts == 1 and describe.frames == [0]
    assert [int(values["ids"][0, 0, 0]) for values in found] == list(range(12))
    assert ["tokens" in values for values in found] == [True] + [False] * 11
    assert sorted(lanes[0].frames + lanes[1].frames) == list(range(12))


def test_an_error_of_a_stage_beside_the_others_comes_out() -> None:
    class Broken(FakeRunner):
        def __call__(self, inputs: Given) -> Arrays:
            raise EngineError("broken")

    items = [values_of(FRAME, number, NO_PROMPTS) for number in range(9)]
    with pytest.raises(EngineError, match="broken"):
        chain_of([UnevenLane(), UnevenLane()], {"xmem": Broken("ids")}).over(items, [MATTE, FOLLOW])


class FakeTorch:
    """PyTorch's side without networks."""

    prompts = NO_PROMPTS

    def __init__(self) -> None:
        self.ran: list[str] = []

    def run(self, row: ChainStage, inputs: Given) -> Arrays:
        self.ran.append(row.model)
        return {row.output: inputs["frame"][..., 0]} if row is not MATTE else layer_of(row, inputs)


def test_each_stage_has_a_row_and_the_whole_chain_a_floor(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A network that another stands in for is measured by itself alone."""
    whole: list[list[str]] = []

    class Computing(FakeLane):
        def run(self, row: ChainStage, inputs: Given) -> Arrays:
            return layer_of(row, inputs) if row is MATTE else {row.output: inputs["frame"][..., 0]}

    class Fixed(FakeRunner):
        def __call__(self, inputs: Given) -> Arrays:
            return {self.output: inputs["frame"][..., 0]}

    @contextmanager
    def opened(rows: Sequence[ChainStage], **given: object) -> Iterator[OurChain]:
        chain = chain_of([Computing(), Computing()], {"xmem": Fixed("ids"), "blip-base": Fixed("tokens")})
        clip = chain.clip

        def noted(rows: Sequence[ChainStage], *rest: Any) -> int:
            whole.append([row.model for row in rows])
            return clip(rows, *rest)

        monkeypatch.setattr(chain, "clip", noted)
        yield chain

    monkeypatch.setattr(our_way.OurChain, "open", opened)
    monkeypatch.setattr(torch_way, "TorchChain", lambda rows, **options: FakeTorch())
    models = ["u2netp", "mask2former-tiny", "xmem", "blip-base"]
    pairs = sequential.sequential_pairs(stages=models, size="180p", frames=2, rounds=2, threads=2)
    assert [(pair.name, pair.unit, pair.floor) for pair in pairs] == [
        ("180p, stage 2a u2netp", "frame", None),
        ("180p, stage 1 mask2former-tiny", "frame", None),
        ("180p, stage 3 xmem", "frame", None),
        ("180p, stage 4 blip-base", "caption", None),
        ("180p, chain of 2a, 3, 4", "frame", 1.6),
    ]
    assert all(len(pair.ours) == len(pair.theirs) == 2 for pair in pairs)
    assert whole == [["u2netp", "xmem", "blip-base"]] * 3  # once to warm up
    assert "stage 3 xmem: max 0" in capsys.readouterr().out
    assert (
        "files of both, decoded: character max 0" in pairs[-1].checked
        and "tracks max 0" in pairs[-1].checked
    )


def test_stages_are_asked_for_by_number_too() -> None:
    assert {row.name for row in CHAIN.values()} == set(sequential.NAMES)


def test_stages_that_need_the_matte_are_refused_without_it(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        sequential.main(["--stages", "1", "3"])
    assert "--stages: 2c and 3 look at what 2a cuts out; name it, too" in capsys.readouterr().err


def test_both_ways_write_every_picture_of_every_frame_and_are_timed_in_turns(tmp_path: Path) -> None:
    class Copying(FakeLane):
        def run(self, row: ChainStage, inputs: Given) -> Arrays:
            return layer_of(row, inputs)

    class Follower(FakeRunner):
        def __call__(self, inputs: Given) -> Arrays:
            return {"ids": inputs["frame"][..., 0]}

    footage, theirs = make_footage(tmp_path / "in", frames=3, height=90, is_plain=True), FakeTorch()
    ours = chain_of([cast(FakeLane, Copying())], {"xmem": Follower("ids"), "blip-base": Follower("tokens")})
    rows = [MATTE, FOLLOW, DESCRIBE]
    both = Both(ours, cast(TorchChain, theirs), rows, footage, tmp_path)
    timed, words = both.chain(2)
    assert len(timed.ours) == 2 and "tracks max 0" in words
    for way in ("ours", "theirs"):
        for folder in ("character", "tracks"):
            assert len(list((tmp_path / way / folder).glob("*.png"))) == 3
    assert theirs.ran == [*("u2netp", "xmem", "blip-base"), *("u2netp", "xmem") * 2] * 2
    theirs.ran.clear()
    assert len(both.stage(DESCRIBE, 2).theirs) == 2 and theirs.ran == ["blip-base"] * 2


def test_frames_that_one_way_has_swapped_end_it_before_a_ratio(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both compute the same, which is all that arrays in memory can show."""

    class Copying(FakeLane):
        def run(self, row: ChainStage, inputs: Given) -> Arrays:
            return layer_of(row, inputs)

    footage = make_footage(tmp_path / "in", frames=2, height=90, is_plain=True)
    ours = chain_of([cast(FakeLane, Copying())])
    both = Both(ours, cast(TorchChain, FakeTorch()), [MATTE], footage, tmp_path)
    assert "2a u2netp" in both.check(2)

    def swapped(folder: Path, frames: Sequence[int], picture: NDArray[np.uint8]) -> None:
        write_frame(folder, [1 - index for index in frames], picture)

    monkeypatch.setattr(our_way, "write_frame", swapped)
    with pytest.raises(EngineError, match=r"character/frame_00000\d.png, .* by max .* and 1 more"):
        both.chain(1)


def test_the_clip_is_the_same_pixels_to_both_decoders(tmp_path: Path) -> None:
    footage = make_footage(tmp_path, frames=2, height=90, is_plain=True)
    with open_source(footage.clip, threads=1) as source:
        ours = [frame.rgb for frame in source]
    assert all(np.array_equal(*pair) for pair in zip(ours, torch_way.decoded(footage.clip), strict=True))


def test_a_stage_that_remembers_does_not_wait_for_a_frames_other_stages() -> None:
    seen = threading.Event()

    class Waiting(FakeLane):
        def run(self, row: ChainStage, inputs: Given) -> Arrays:
            if row is not MATTE:
                assert seen.wait(20)
            return layer_of(row, inputs)

    class Seeing(FakeRunner):
        def __call__(self, inputs: Given) -> Arrays:
            seen.set()
            return {"ids": inputs["frame"][..., 0]}

    chain = chain_of([cast(FakeLane, Waiting())], {"xmem": Seeing("ids")})
    [found] = chain.over([values_of(FRAME, 0, NO_PROMPTS)], [*ROWS, FOLLOW])
    assert {"rgba", "plate", "ids"} <= found.keys()


def test_an_error_of_a_stage_comes_out() -> None:
    class Broken(FakeLane):
        def run(self, row: ChainStage, inputs: Given) -> Arrays:
            raise EngineError("broken")

    items: list[Arrays] = [{"frame": FRAME[None]}] * 9
    with pytest.raises(EngineError, match="broken"):
        chain_of([Broken(), Broken()]).over(items, [MATTE])


def folded(network: torch.nn.Module, path: Path, *, drop: int = 0) -> Path:
    """The network's convolutions as a published file has them."""
    nodes, values = [], []
    for number, module in enumerate(torch_matte.convolutions_in_order(network)):
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
        assert torch.equal(torch_matte.matte_network(row, file)(picture), source(picture)[0])
    with pytest.raises(CheckpointError, match="has 118 convolutions, but u2netp has 119"):
        torch_matte.matte_network(row, folded(source, tmp_path / "less.onnx", drop=1))
