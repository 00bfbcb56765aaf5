"""The parts of `make gpu-check` that also work on a CPU, really run there, small; and what they refuse."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import sequential
from benchmarks.gpu import (
    endurance,
    part_baseline,
    part_graphs,
    part_layers,
    part_parity,
    part_profile,
    part_soak,
    part_sweep,
)
from benchmarks.gpu.deadline import Deadline
from benchmarks.gpu.findings import Seen, StepError
from benchmarks.gpu.line import Frames, Layers, Line, Work
from benchmarks.gpu.models import MODEL
from benchmarks.gpu.pipeline import CopySession
from benchmarks.gpu.running import Context
from benchmarks.gpu.session import small_graph
from benchmarks.pairs import Pair
from trt_anime.engines import machine
from trt_anime.errors import EngineError, MissingError
from trt_anime.export import checkpoints, graphs
from trt_anime.runtime.devices.api import Memory
from trt_anime.runtime.devices.host import HostDevice
from trt_anime.runtime.pipeline.chain import Node
from trt_anime.runtime.profiling.layers import Layer as TimedLayer
from trt_anime.runtime.stages import Layer, Stage

HEIGHT, WIDTH = 12, 20
COPY = Stage("2a", "copy", {"picture": "frame"}, (Layer("character", "first", "copy"),))


@pytest.fixture
def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Context:
    """A rehearsal, in which one convolution stands for the network."""
    graph = small_graph(tmp_path / "small.onnx")
    monkeypatch.setattr(graphs, "ensure", lambda model: {"matte": graph})
    monkeypatch.setattr(part_parity, "models_here", lambda: iter([[graph]]))
    return Context(Deadline(300), tmp_path / "findings", rehearsal=True)


def pictures(count: int) -> list[Frames]:
    rng = np.random.default_rng(4)
    return [rng.integers(0, 256, (1, HEIGHT, WIDTH, 3), np.uint8) for _ in range(count)]


@contextmanager
def line(device: HostDevice, **options: Any) -> Iterator[Line]:
    session = CopySession(device, "2a")
    with Line(device, [Node(COPY, session)], height=HEIGHT, width=WIDTH, **options) as opened:
        yield opened


@pytest.mark.parametrize(("batch", "depth", "count"), [(1, 2, 1), (1, 3, 7), (3, 2, 4)])
def test_frames_come_out_of_the_line_in_their_order(batch: int, depth: int, count: int) -> None:
    """On the device that fails on any order that is left open."""
    sent = [np.concatenate(pictures(batch)) ^ np.uint8(number) for number in range(count)]
    found: list[Layers] = []
    with HostDevice() as device, line(device, batch=batch, depth=depth) as opened:
        done = opened.run(sent, found.append)
        again = opened.run(sent)
    assert all(np.array_equal(one["character"], batch) for one, batch in zip(found, sent, strict=True))
    assert done.frames == again.frames == batch * count and done.wall_s > 0
    assert 0 <= done.idle <= 1 and 0 < done.overlap < 4


def test_a_line_that_memory_is_too_short_for_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with HostDevice() as device:
        monkeypatch.setattr(device, "memory", lambda: Memory(20 * HEIGHT * WIDTH, 1 << 20))
        with pytest.raises(MissingError, match="memory is short"), line(device, batch=2, depth=4):
            pass


def test_idle_and_overlap_are_shares_of_the_wall_clock() -> None:
    done = Work(frames=10, wall_s=2.0, computing_s=1.5, copying_s=1.0)
    assert (done.fps, done.idle, done.overlap) == (5.0, 0.25, 1.25)
    assert part_sweep.row_of(2, 3, [done]) == ("2", "3", "5.0 (5.0\N{EN DASH}5.0)", "25%", "1.25")


def test_sweep_gives_a_row_for_each_depth(context: Context) -> None:
    steps = part_sweep.steps(context)
    assert [step.name for step in steps] == ["batch 1", "batch 2"]
    [table] = steps[1].run().tables
    assert [row[:2] for row in table.rows] == [("2", "2"), ("2", "3")]
    assert all(len(row) == len(table.head) for row in table.rows)


def test_sweep_tells_no_speed_where_a_batch_gives_other_layers(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = part_sweep._expected

    def other(*given: Any) -> Any:
        layers, words = real(*given)
        return [one ^ np.uint8(64) for one in layers], words

    monkeypatch.setattr(part_sweep, "_expected", other)
    with pytest.raises(StepError, match=r"frame 0 differs by .* no speed is told"):
        part_sweep.steps(context)[1].run()


def test_sweep_says_which_depths_it_left_out(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(context.deadline, "allows", lambda seconds: False)
    seen = part_sweep.steps(context)[0].run()
    assert seen.words.endswith("1 depths; left out: 3 slots") and len(seen.tables[0].rows) == 1


def test_parity_of_a_graph_and_its_absence(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    [step] = part_parity.steps(context)
    assert step.name == "small by ONNX Runtime CPU, through our streams"
    assert step.run().words == "3 frames, passed, relative_error 0 % (≤ 1), by its values alone"
    real = part_parity.as_function

    @contextmanager
    def off(session: Any, device: Any) -> Iterator[Any]:
        with real(session, device) as run:
            yield lambda inputs: {name: array // 2 for name, array in run(inputs).items()}

    monkeypatch.setattr(part_parity, "as_function", off)
    with pytest.raises(EngineError, match="too far from the CPU: failed, relative_error"):
        step.run()


def test_parity_asks_every_library_for_every_graph(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "flavours_here", lambda names: dict.fromkeys(names, "11.4"))
    context.rehearsal = False
    names = [step.name for step in part_parity.steps(context)]
    assert names == [f"small by {name}" for name in ("ONNX Runtime CUDA", "TensorRT", "TensorRT-RTX")]


def test_profile_keeps_its_report(context: Context) -> None:
    [step] = part_profile.steps(context)
    [table] = step.run().tables
    assert table.head == part_profile.HEAD and len(table.rows[0]) == len(table.head)
    assert "onnxruntime" not in table.title and "CPUExecutionProvider" in table.words
    report = context.folder / "profile-180p"
    assert sorted(path.name for path in report.iterdir()) == ["profile.json", "report.html", "trace.json"]


def test_layers_are_told_by_library_and_by_part(context: Context) -> None:
    [step] = part_layers.steps(context)
    seen = step.run()
    layers, parts = seen.tables
    assert (step.name, layers.title) == ("ONNX Runtime CPU", "Layers by CPUExecutionProvider")
    assert all(len(row) == len(layers.head) for row in layers.rows) and layers.head == part_layers.HEAD
    assert "Conv" in {row[1].removeprefix("Nhwc").removeprefix("Fused") for row in layers.rows}
    assert sum(float(row[2]) for row in parts.rows) == pytest.approx(
        float(seen.words.split(" layers, ")[1].split()[0]), abs=0.01
    )


def test_layers_ask_every_library_that_compiles_engines(context: Context) -> None:
    context.rehearsal = False
    steps = part_layers.steps(context)
    assert [step.name for step in steps] == ["TensorRT", "TensorRT-RTX"]


def test_the_layers_that_take_most_are_shown() -> None:
    layers = [
        TimedLayer(
            *(f"net/{index}", "gemm", "net" if index % 2 else "post", float(index)),
            *((), ("half 1x2",), None, 4),
        )
        for index in range(1, 31)
    ]
    largest, parts = part_layers.tables_of("TensorRT", "Words.", layers)
    assert len(largest.rows) == part_layers.MOST and largest.words == "Words. The 20 that take most."
    assert largest.rows[0] == ("net/30", "gemm", "post", "30.000", "6%", "half 1x2")
    assert parts.rows == [("net", "15", "225.000", "48%"), ("post", "15", "240.000", "52%")]


def test_soak_runs_both_ways(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(part_soak, "_REHEARSED_S", 1.5)
    monkeypatch.setattr(part_soak, "_REHEARSED_STRETCH_S", 0.02)
    monkeypatch.setattr(endurance, "SPEED_DROP", 1.0)  # how steady this machine is doesn't matter here
    for step in part_soak.steps(context):
        seen = step.run()
        assert "GPU memory: 0 looks are too few" in seen.words  # nobody told of any
        assert seen.tables[0].head[:3] == ("s", "FPS", "GPU MB") and seen.tables[0].rows


def test_a_soak_that_nobody_watched_is_no_pass(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(part_soak, "looker", lambda: part_soak._told_nothing)
    monkeypatch.setattr(part_soak, "_stretches", lambda context, deadline, noted: noted.note(5.0) or "work")
    context.rehearsal = False
    with pytest.raises(MissingError, match=r"it can't be judged: .*GPU memory: 0 looks"):
        part_soak._soaked(context, part_soak._told_nothing, part_soak._stretches, 1.0)


def pair() -> Pair:
    return Pair("180p, chain of 2a", "sequential PyTorch", [1.0, 1.0], [2.0, 2.0], "equal")


def test_baseline_names_stages_without_weights(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(part_baseline, "models_here", lambda context: ["u2netp", "mobile-sam", "xmem"])

    def pairs(**given: Any) -> list[Pair]:
        asked.append(given)
        return [pair()]

    monkeypatch.setattr(sequential, "sequential_pairs", pairs)
    context.rehearsal = False
    seen: Seen = part_baseline._paired(context, "1080p", 12, 3)
    assert (asked[0]["device"], asked[0]["stages"], asked[0]["size"]) == (
        "cuda",
        ["u2netp", "mobile-sam", "xmem"],
        "1080p",
    )
    assert "2.00 (2.00\N{EN DASH}2.00) times as fast" in seen.words
    assert seen.words.endswith(
        "without stages 4 dinov2-s, 2c lama, 2b clipseg, 4 blip-base, 1 mask2former-tiny, whose weights or"
        " graphs aren't here"
    )
    assert seen.tables[0].rows[0][0] == "180p, chain of 2a"


def test_the_part_graphs_brings_every_network_of_the_chain() -> None:
    """It names them itself, as it needs no PyTorch."""
    from benchmarks.chain.stages import CHAIN

    assert {row.model: row.name for row in CHAIN.values()} == part_graphs.MODELS
    assert next(iter(part_graphs.MODELS)) == MODEL  # a rehearsal's


def test_baseline_takes_every_network_that_is_here(
    context: Context, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    lacking = {"lama", "clipseg"}
    monkeypatch.setattr(checkpoints, "find", lambda row: None if row.name == "lama" else tmp_path)
    monkeypatch.setattr(graphs, "existing", lambda row: None if row.name == "clipseg" else {})
    assert part_baseline.models_here(context) == ["u2netp"]  # a rehearsal
    context.rehearsal = False
    assert set(part_baseline.models_here(context)) == {*part_graphs.MODELS} - lacking


def test_baseline_needs_the_mattes_graph(
    context: Context, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TRT_ANIME_HOME", str(tmp_path / "empty"))
    with pytest.raises(MissingError, match="run `make gpu-check PARTS=graphs`"):
        part_baseline.models_here(context)
