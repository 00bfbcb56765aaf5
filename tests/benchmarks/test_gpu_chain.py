"""No part of `make gpu-check` tells a speed of other results than the CPU's; and the chain's own part."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

from benchmarks import synthetic_run
from benchmarks.gpu import (
    part_chain,
    part_layers,
    part_parity,
    part_profile,
    part_soak,
    part_sweep,
    same,
)
from benchmarks.gpu.chain_here import choices_here, stages_of
from benchmarks.gpu.deadline import Deadline
from benchmarks.gpu.findings import Finding, Found, StepError, Store
from benchmarks.gpu.running import Context
from benchmarks.gpu.session import small_graph
from benchmarks.synthetic_run import CAPTIONS, STAGES
from trt_anime.errors import EngineError, MissingError
from trt_anime.export import graphs
from trt_anime.runtime.passes.choices import NONE, PRESETS
from trt_anime.runtime.passes.networks import ModelFiles
from trt_anime.runtime.profiling.chain import profiled
from trt_anime.runtime.profiling.chain.recording import NETWORK
from trt_anime.runtime.profiling.spans import Recording, Span

WHOLE = set(PRESETS["balanced"].models(STAGES)) | {"clipseg"}
WAY = "ONNX Runtime CPU, through our streams"


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    return small_graph(tmp_path / "small.onnx")


@pytest.fixture
def context(graph: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Context:
    """A rehearsal, in which one convolution stands for the only network that is here."""
    monkeypatch.setattr(graphs, "ensure", lambda model: {"matte": graph})
    monkeypatch.setattr(part_chain, "models_here", lambda: {"u2netp"})
    monkeypatch.setattr(synthetic_run, "files", lambda model: ModelFiles({"matte": graph}))
    return Context(Deadline(300), tmp_path / "findings", rehearsal=True)


def off(array: Any) -> Any:
    return 255 - array


def wrong_sessions(monkeypatch: pytest.MonkeyPatch) -> None:
    """The CPU gives something else than the device does."""
    real = part_parity.readings

    def inverted(run: Any) -> Any:
        return lambda inputs: {name: off(array) for name, array in run(inputs).items()}

    def readings(given: list[Path]) -> list[Any]:
        return [replace(one, run=inverted(one.run)) for one in real(given)]

    monkeypatch.setattr(part_parity, "readings", readings)
    monkeypatch.setattr(same, "readings", readings)


def wrong_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """The device writes other layers than the CPU."""
    real = same._layers

    def layers(folder: Path) -> list[Any]:
        found = real(folder)
        return [off(layer) for layer in found] if folder.name == "device" else found

    monkeypatch.setattr(same, "_layers", layers)


@pytest.mark.parametrize(
    ("part", "number", "wrong"),
    [
        (part_layers, 0, wrong_sessions),
        (part_sweep, 0, wrong_sessions),
        (part_soak, 0, wrong_sessions),
        (part_soak, 1, wrong_files),
        (part_profile, 0, wrong_files),
        (part_chain, 0, wrong_sessions),
        (part_chain, 0, wrong_files),
    ],
)
def test_no_speed_is_told_of_other_results_than_the_cpus(
    part: Any, number: int, wrong: Any, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong(monkeypatch)
    monkeypatch.setattr(part_chain, "stages_of", lambda chosen: ("1", "2a"))  # the others take their time
    with pytest.raises(StepError, match=r"too far from the CPU: failed, .*; no speed is told$") as error:
        part.steps(context)[number].run()
    assert "FPS" not in str(error.value) and error.value.tables == ()
    assert not list(context.folder.rglob("report.html"))


def test_a_soak_whose_layers_change_has_failed(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(part_soak, "_REHEARSED_S", 0.5)
    real, calls = part_soak._layers, []

    def layers(line: Any, pictures: Any) -> Any:
        calls.append(1)
        return [off(one) if len(calls) == 2 else one for one in real(line, pictures)]

    monkeypatch.setattr(part_soak, "_layers", layers)
    with pytest.raises(StepError, match=r"frame 0 differs by \d+ of 255 from what it gave before"):
        part_soak.steps(context)[0].run()


def test_pictures_near_each_other_are_counted(tmp_path: Path) -> None:
    picture = np.full((4, 6, 3), 100, np.uint8)
    for name, change in (("one", 0), ("near", 4), ("far", 5)):
        cv2.imwrite(str(tmp_path / f"{name}.png"), picture + np.uint8(change))
    cv2.imwrite(str(tmp_path / "small.png"), picture[:2])
    near = [same._near(tmp_path / "one.png", tmp_path / f"{name}.png") for name in ("near", "far", "small")]
    assert near == [True, False, False]
    (tmp_path / "far.png").write_bytes(b"")
    with pytest.raises(StepError, match=r"far\.png: is no picture"):
        same._near(tmp_path / "one.png", tmp_path / "far.png")


def test_the_chain_is_profiled_stage_by_stage(context: Context) -> None:
    """With what is here: the matte's network, and stages that do without one."""
    [step] = part_chain.steps(context)
    seen = step.run()
    assert seen.words.startswith(
        "1 graphs give what the CPU's do; layers against the CPU: 3 frames, passed"
    )
    assert "whose weights or graphs aren't here" in seen.words
    [table] = seen.tables
    rows = {row[0]: row for row in table.rows}
    assert rows.keys() >= {"look", "matte", "segment", "track", "plate", "characters", "annotate", "all"}
    assert rows["plate"][1] == "2c" and all(len(row) == len(part_chain.HEAD) for row in table.rows)
    assert f"{context.folder.name}/chain-90p/." in table.words and "12 frames" in table.words
    report = context.folder / "chain-90p"
    assert sorted(path.name for path in report.iterdir()) == ["profile.json", "report.html", "trace.json"]


def test_networks_that_are_not_here_are_brought_first(context: Context) -> None:
    context.rehearsal = False
    names = [step.name for step in part_chain.steps(context)]
    assert set(names[:-2]) == WHOLE - {"u2netp"} and names[-2:] == ["720p", "1080p"]


def test_the_chain_is_the_default_one() -> None:
    found, lacks = choices_here(WHOLE)
    preset = PRESETS["balanced"]
    assert lacks == [] and stages_of(found) == STAGES and found.effects.wanted == ["glow"]
    assert replace(found, effects=preset.effects) == preset
    assert CAPTIONS not in found.models(STAGES)


def test_what_is_not_here_is_left_out_or_replaced() -> None:
    found, lacks = choices_here({"u2netp", "migan", "dinov2-s"})
    assert set(lacks) == {"mobile-sam", "clipseg", "lama", "xmem", "clip-b32"}
    assert (found.segmentation.method, found.tracking.method, found.plates.model) == (
        "matte",
        "flow",
        "migan",
    )
    assert (found.annotation.tags, found.annotation.embeddings) == (NONE, "dinov2-s")
    assert stages_of(found) == tuple(stage for stage in STAGES if stage != "2b")
    assert choices_here({"u2netp"})[0].plates.model == NONE
    with pytest.raises(MissingError, match="run `make gpu-check PARTS=graphs`"):
        choices_here({"lama"})


@pytest.mark.parametrize(("outcome", "again"), [("passed", 0), ("failed", 1), ("skipped", 1)])
def test_what_part_parity_has_compared_is_not_compared_again(
    outcome: Any, again: int, context: Context, graph: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[Path] = []
    monkeypatch.setattr(part_chain, "compared", lambda context, graphs, path, opened: compared.append(path))
    store, name = Store(context.folder), f"{graph.stem} by {WAY}"
    store.write(Finding("chain", {"code": "1"}))
    store.write(Finding("parity", {"code": "1"}, [name], {name: Found(outcome, "")}))
    chosen, _ = choices_here({"u2netp"})
    part_chain.require_networks(context, chosen, synthetic_run.files)
    assert len(compared) == again
    store.write(Finding("chain", {"code": "2"}))  # of other code nothing is known
    compared.clear()
    part_chain.require_networks(context, chosen, synthetic_run.files)
    assert compared == [graph]


@pytest.mark.parametrize(
    ("took_s", "left_s", "frames"),
    [(3.0, 400.0, 48), (25.0, 380.0, 17), (60.0, 200.0, 12), (0.9, 130.0, 19)],
)
def test_runs_are_as_long_as_time_allows(took_s: float, left_s: float, frames: int) -> None:
    assert part_chain.frames_for(took_s, left_s) == frames


def test_idle_and_overlap_of_a_pass() -> None:
    row = part_chain.row_of(
        {
            "name": "plate",
            "stages": "2c",
            "s": 2.0,
            "fps": 6.0,
            "network_s": 0.5,
            "own_thread_s": {"compute": 1.0, "network": 0.4, "wait": 0.6, "wait for writers": 9.0},
            "helpers_s": {"write files": 0.5},
        }
    )
    assert row == ("plate", "2c", "2.00", "6.0", "75%", "1.00")


def test_the_device_is_idle_where_no_network_runs() -> None:
    """Two at once count once."""
    spans = [(NETWORK + "a", 0.0, 2.0), (NETWORK + "b", 1.0, 3.0), ("pass plate", 0.0, 10.0)]
    recording = Recording()
    recording.spans += [Span(what, "network", start, end, -1) for what, start, end in spans]
    profile: Any = SimpleNamespace(recording=recording)
    assert part_chain.idle_share(profile, 10.0) == pytest.approx(0.7)


def test_a_chain_that_the_gpu_fails_on_is_no_pass(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def broken(path: Path, device: Any) -> Iterator[Any]:
        raise EngineError("no kernel image")
        yield

    monkeypatch.setattr(part_chain, "ways_of", lambda context: ({WAY: broken}, {}))
    monkeypatch.setattr(profiled, "profile_chain", lambda *given, **options: pytest.fail("it was profiled"))
    with pytest.raises(StepError, match="small: no kernel image; no speed is told"):
        part_chain.steps(context)[0].run()
