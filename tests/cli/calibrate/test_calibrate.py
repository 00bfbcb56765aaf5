"""`trt-anime calibrate`, from a short clip to typed graphs in their store."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest

from tests.calibration.toys import bright_frames, bright_matte, folder_of, saved, soft_matte
from trt_anime import typed
from trt_anime.cli import main
from trt_anime.cli.calibrate.work import Work
from trt_anime.errors import EngineError
from trt_anime.files import sha256_of
from trt_anime.stage import StageInfo
from trt_anime.typed import TypedGraph


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str

    @property
    def notes(self) -> list[str]:
        return [line for line in self.err.splitlines() if line.startswith("note: ")]

    @property
    def errors(self) -> list[str]:
        return [line for line in self.err.splitlines() if line.startswith("error: ")]


Run = Callable[..., Outcome]


@pytest.fixture
def graph(home: Path, tmp_path: Path) -> Path:
    return saved(bright_matte(), tmp_path)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Two shots of six drawings; every second frame of the first is held."""
    first, second = bright_frames(6), [255 - frame for frame in bright_frames(6, seed=1)]
    return folder_of([frame for one in first for frame in (one, one)] + second, tmp_path / "clip")


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Run:
    def run(*words: object) -> Outcome:
        code: object = 0
        try:
            main(["calibrate", *map(str, words)])
        except SystemExit as left:
            code = left.code
        text = capfd.readouterr()
        return Outcome(code if isinstance(code, int) else 0, text.out, text.err)

    return run


def found(graph: Path, precision: str, form: typed.Form = "tensorrt") -> TypedGraph | None:
    return typed.find(sha256_of(graph), precision=precision, form=form)


def test_from_a_clip_to_typed_graphs(run: Run, graph: Path, clip: Path, home: Path) -> None:
    done = run("--graph", graph, "--frames", clip)
    assert (done.code, done.errors) == (0, [])
    assert "note: toy: 8 frames to calibrate on, 4 others to judge by" in done.notes
    source = onnx.load(graph)
    for precision, form in (("fp16", "tensorrt"), ("int8", "cpu"), ("int8", "tensorrt")):
        made = found(graph, precision, form)  # type: ignore[arg-type]
        assert made
        record = made.record
        assert f"toy {precision} for {form}: passed, " in done.out and str(made.folder) in done.out
        assert (record.stage, record.model, record.parity.frames) == ("matte", "toy", 4)
        assert record.parity.passed and record.kept == ()
        assert record.tools.keys() >= {"trt-anime", "onnx"} and record.created.endswith("Z")
        frames = record.frames
        assert (frames.clips, frames.seed) == (("clip",), 0)
        assert (len(frames.calibration), len(frames.validation)) == (8, 4)
        assert not set(frames.calibration) & set(frames.validation)
        assert not {index for _, index in (*frames.calibration, *frames.validation)} & set(range(1, 12, 2))
        model = onnx.load(made.graph)
        properties = {entry.key: entry.value for entry in model.metadata_props}
        assert StageInfo.from_metadata(properties, source=made.graph).precision == precision
        assert [value.name for value in model.graph.input] == [value.name for value in source.graph.input]
        picture = cv2.imread(str(made.picture))
        assert picture is not None and picture.shape[1] == 4 * 64 and picture.std() > 10
    cpu = found(graph, "int8", "cpu")
    assert cpu and {speed.provider for speed in cpu.record.speeds} == {"onnxruntime", "openvino"}
    assert all(0 < speed.low <= speed.ratio <= speed.high for speed in cpu.record.speeds)
    best = cpu.record.fastest
    assert best and cpu.record.in_use == (best.low > 1) and best.words in cpu.record.why
    others = [found(graph, precision) for precision in ("fp16", "int8")]
    assert all(one and one.record.in_use and one.record.speeds == () for one in others)


def test_nothing_is_done_twice(run: Run, graph: Path, clip: Path) -> None:
    words = ("--graph", graph, "--frames", clip, "--precision", "int8")
    first = run(*words)
    before = _state(graph)
    second = run(*words)
    assert second.code == 0 and second.out == first.out
    assert second.notes == [
        f"note: toy int8 for {form}: was calibrated on these frames already" for form in ("cpu", "tensorrt")
    ]
    assert "reading clip" not in second.err  # the clip isn't even looked through
    assert _state(graph) == before
    time.sleep(1.1)  # the record's time has seconds
    assert run(*words, "--again").code == 0
    after = _state(graph)
    assert all(after[form] != before[form] for form in after)
    assert run(*words, "--seed", "7").err.count("already") == 0
    made = found(graph, "int8")
    assert made and made.record.frames.seed == 7


def test_frames_that_changed_are_other_frames(run: Run, graph: Path, clip: Path) -> None:
    words = ("--graph", graph, "--frames", clip, "--precision", "fp16")
    run(*words)
    folder_of(bright_frames(3, seed=9), clip / "more")
    (clip / "more" / "000.png").rename(clip / "100.png")
    assert run(*words).err.count("already") == 0


def test_videos_and_mixed_sizes(run: Run, graph: Path, clip: Path, tmp_path: Path) -> None:
    from tests.runtime.media import write_clip

    video = tmp_path / "film.mkv"
    write_clip(video, bright_frames(5, height=64, width=96), codec="ffv1", pixel_format="bgr0")
    done = run("--graph", graph, "--frames", clip, "--frames", video, "--precision", "fp16,int8")
    assert done.code == 0, done.err
    made = found(graph, "int8")
    assert made and made.record.frames.clips == ("clip", "film.mkv")
    assert {number for number, _ in made.record.frames.calibration} == {0, 1}


def test_one_clip_named_twice_is_one(run: Run, graph: Path, clip: Path) -> None:
    """Else frames would judge that have calibrated."""
    words = ("--graph", graph, "--frames", clip, "--frames", clip, "--precision", "fp16")
    assert run(*words).code == 0
    made = found(graph, "fp16")
    assert made and made.record.frames.clips == ("clip",)


def test_a_failed_one_is_kept_and_not_used(run: Run, clip: Path, home: Path, tmp_path: Path) -> None:
    graph = saved(bright_matte("hopeless"), tmp_path)
    done = run("--graph", graph, "--frames", clip)
    assert done.code == 1
    assert [line.partition(" (")[0] for line in done.errors] == [
        "error: toy int8 for cpu: too far from FP32",
        "error: toy int8 for tensorrt: too far from FP32",
        "error: 2 of 3 calibrations failed, reasons above",
    ]
    for form in ("cpu", "tensorrt"):
        made = found(graph, "int8", form)
        assert made and not made.record.parity.passed and not made.record.in_use
        assert made.record.why == "it is too far from FP32"
        assert f"look at {made.picture}" in done.err
        assert cv2.imread(str(made.picture)) is not None
    half = found(graph, "fp16")
    assert half and half.record.in_use
    again = run("--graph", graph, "--frames", clip)
    assert again.code == 1 and "already" in again.err  # it has not become better


def test_what_was_kept_out_is_in_the_record(run: Run, clip: Path, home: Path, tmp_path: Path) -> None:
    graph = saved(bright_matte("int8"), tmp_path)
    done = run("--graph", graph, "--frames", clip, "--precision", "int8")
    assert done.code == 0
    assert "; 1 node in higher precision" in done.out
    made = found(graph, "int8")
    assert made and [row.node for row in made.record.kept] == ["net/Conv_2"]
    assert made.record.kept[0].reason.startswith("alone it changes the network's outputs by ")


def test_without_the_extra_cpus_get_their_int8(
    run: Run, graph: Path, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "modelopt.onnx.autocast.convert", None)
    done = run("--graph", graph, "--frames", clip)
    assert done.code == 3
    needs = "FP16 and INT8 for TensorRT need pip install 'trt-anime[calibration]'"
    first, second, last = done.errors
    assert first.startswith(f"error: toy fp16 for tensorrt: {needs}")
    assert second.startswith(f"error: toy int8 for tensorrt: {needs}")
    assert last == "error: 2 of 3 calibrations failed, reasons above"
    assert found(graph, "int8", "cpu")
    assert (
        run("--graph", graph, "--frames", clip, "--precision", "fp16")
        .errors[0]
        .startswith(f"error: {needs}")
    )


def test_what_can_not_be_timed_is_kept(
    run: Run, graph: Path, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from trt_anime.errors import EngineError
    from trt_anime.runtime.sessions import timing

    class Refuses:
        def __init__(self, *arguments: object, **options: object) -> None:
            raise EngineError("it refuses the graph; use another")

    monkeypatch.setitem(timing._SESSIONS, "openvino", Refuses)
    done = run("--graph", graph, "--frames", clip, "--precision", "int8")
    assert done.code == 0
    assert "note: not timed with openvino: it refuses the graph; use another" in done.notes
    made = found(graph, "int8", "cpu")
    assert made and [speed.provider for speed in made.record.speeds] == ["onnxruntime"]
    monkeypatch.setitem(timing._SESSIONS, "onnxruntime", Refuses)
    assert run("--graph", graph, "--frames", clip, "--precision", "int8", "--again").code == 0
    made = found(graph, "int8", "cpu")
    assert made and made.record.speeds == () and not made.record.in_use
    assert made.record.why == "whether it is faster could not be measured here"


def test_black_frames(run: Run, graph: Path, tmp_path: Path) -> None:
    black = folder_of([np.full((48, 64, 3), level, np.uint8) for level in (0, 9, 0, 9)], tmp_path / "black")
    done = run("--graph", graph, "--frames", black)
    assert done.code == 2
    assert done.errors == [
        f"error: --frames {black}: of 4 different frames 0 show what the model is for, and at least 3 must;"
        " choose a clip with characters, like those that you will process"
    ]
    assert not list(tmp_path.rglob("record.json"))


def test_too_few_frames(run: Run, graph: Path, tmp_path: Path) -> None:
    """One image; and two drawings that are held for long."""
    one = folder_of(bright_frames(1), tmp_path / "one") / "000.png"
    done = run("--graph", graph, "--frames", one)
    assert done.code == 2 and f"--frames {one}: of 1 different frames 1 show" in done.err
    two = folder_of([frame for frame in bright_frames(2) for _ in range(9)], tmp_path / "two")
    done = run("--graph", graph, "--frames", two)
    assert done.code == 2 and f"--frames {two}: of 2 different frames 2 show" in done.err


def test_what_is_not_there(run: Run, graph: Path, clip: Path, tmp_path: Path) -> None:
    cases = {
        ("--graph", graph): "--frames: name a clip or a folder of frames",
        ("--graph", graph, "--frames", tmp_path / "no.mp4"): f"{tmp_path}/no.mp4: does not exist",
        ("--graph", tmp_path / "no.onnx", "--frames", clip): f"{tmp_path}/no.onnx: can't be read",
        ("--frames", clip): "Name the models to build",
        ("--graph", graph, "--frames", clip, "--precision", "int4"): "--precision 'int4': not one of fp16",
        ("--graph", graph, "--frames", clip, "--precision", "fp16,"): "--precision '': not one of fp16",
        ("nonet", "--frames", clip): "nonet",
    }
    for words, sentence in cases.items():
        done = run(*words)
        assert done.code == 2, words
        assert sentence in done.errors[0] and len(done.errors) == 1


def test_one_model_of_two_fails(
    run: Run, graph: Path, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from trt_anime.cli.engines import sources
    from trt_anime.errors import DownloadError

    def made(model: str) -> list[sources.Source]:
        if model == "modnet":
            return [sources.Source(model, error=DownloadError("no source gave modnet; try again"))]
        return [sources.Source(model, graph)]

    monkeypatch.setattr(sources, "_of_model", made)
    done = run("modnet", "u2netp", "--frames", clip, "--precision", "fp16")
    assert done.code == 1
    assert done.errors == [
        "error: modnet: no source gave modnet; try again",
        "error: 1 of 2 calibrations failed, reason above",
    ]
    assert found(graph, "fp16")


def test_a_graph_is_fed_by_those_before_it(
    run: Run, graph: Path, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its input is what the model's first graph makes of the frames, and it has no measure of its own."""
    from trt_anime.cli.engines import sources

    second = saved(soft_matte(), tmp_path, "soft.onnx")

    def made(model: str) -> list[sources.Source]:
        return [sources.Source(model, graph), sources.Source(model, second, before=(graph,))]

    monkeypatch.setattr(sources, "_of_model", made)
    done = run("u2netp", "--frames", clip, "--precision", "fp16,int8")
    assert (done.code, done.errors) == (0, [])
    half, cpu = found(second, "fp16"), found(second, "int8", "cpu")
    assert half and cpu and half.record.stage == "soft"
    (error,) = (one for one in half.record.parity.metrics if one.name == "relative_error")
    assert 0 < error.value < 0.2 and half.record.parity.passed
    assert cpu.record.speeds[0].provider == "onnxruntime"  # timed on inputs of its own kind
    alone = run("--graph", second, "--frames", clip, "--precision", "fp16", "--again")
    assert alone.code == 0  # noise instead


def test_inputs_of_a_graph_without_a_network(graph: Path, clip: Path, tmp_path: Path) -> None:
    """A part of XMem only moves values: it has an engine, and nothing to type."""
    model = onnx.load(graph)
    for node in model.graph.node:
        node.name = node.name.removeprefix("net/")
    onnx.save(model, tmp_path / "bare.onnx")
    work = Work([clip], seed=0, method=None, again=False, say=lambda line: None)
    assert work.example(tmp_path / "bare.onnx").keys() == {value.name for value in model.graph.input}
    with pytest.raises(EngineError, match="no node named net/"):
        work.typed(tmp_path / "bare.onnx", "fp16", "tensorrt")


def test_ctrl_c(graph: Path, clip: Path, home: Path) -> None:
    """In the middle of the second of three: the first is kept, and nothing is half-written."""
    command = [sys.executable, "-m", "trt_anime", "calibrate", "--graph", str(graph), "--frames", str(clip)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert child.stderr
    told = []
    for line in child.stderr:
        told.append(line)
        if line.startswith("note: ranges: "):
            break
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=60)
    assert child.returncode == 130, err
    assert "interrupted: 1 of 3 calibrations have ended, their graphs are kept; the same command" in err
    assert "Traceback" not in err and out.startswith("toy fp16 for tensorrt: passed")
    assert [path.name for path in (home / "typed").iterdir()] == [
        f"matte-toy-fp16-tensorrt-{sha256_of(graph)[:12]}"
    ]
    assert not list(home.rglob(".*.partial"))


def _state(graph: Path) -> dict[str, tuple[int, str]]:
    """When each form of INT8 was written, and what its record says."""
    state = {}
    for form in ("cpu", "tensorrt"):
        made = found(graph, "int8", form)
        assert made
        text = (made.folder / "record.json").read_text()
        state[form] = (made.graph.stat().st_mtime_ns, json.loads(text)["created"])
    return state
