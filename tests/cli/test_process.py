"""`trt-anime process`: one clear sentence, the right exit code, nothing half-written."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from tests.calibration.toys import bright_frames, bright_matte, saved
from tests.engines.calibrated import FAILED, calibrated
from tests.runtime.media import picture, read_png, stage_graph, tree, write_clip, write_images
from trt_anime.cli import main
from trt_anime.runtime.stages import STAGES
from trt_anime.typed import Speed

LAYER_FOLDER = STAGES["2a"].layers[0].folder


FACTS = ("ledger.jsonl", "run.json", "timecodes.txt")


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str


Run = Callable[..., Outcome]


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    return stage_graph(tmp_path / "luma.onnx")


@pytest.fixture
def run(tmp_path: Path, graph: Path, capfd: pytest.CaptureFixture[str]) -> Run:
    """Run `process INPUT -o tmp_path/out` with the tiny graph and more options."""

    def run(source: Path, *options: str) -> Outcome:
        words = ["process", str(source), "-o", str(tmp_path / "out"), *options]
        if not {"--graph", "--model"} & set(options):
            words += ["--graph", str(graph)]
        with pytest.raises(SystemExit) as left:
            main(words)
        text = capfd.readouterr()
        code = left.value.code
        return Outcome(code if isinstance(code, int) else 0, text.out, text.err)

    return run


def only_error(outcome: Outcome) -> str:
    """The one sentence on stderr."""
    lines = outcome.err.splitlines()
    assert len(lines) == 1, outcome.err
    assert lines[0].startswith("error: ")
    assert outcome.out == ""
    return lines[0]


def film(path: Path, count: int = 12, **options: object) -> Path:
    frames = [picture(i) for i in range(count)]
    return write_clip(path, frames, codec="libx264", pixel_format="yuv420p", **options)  # type: ignore[arg-type]


def test_done(tmp_path: Path, run: Run) -> None:
    outcome = run(film(tmp_path / "clip.mp4"))
    assert outcome.code == 0
    assert outcome.out.startswith(f"{tmp_path / 'out' / LAYER_FOLDER}: 12 frames in ")
    note, plan, bar = outcome.err.splitlines()
    assert note.startswith("note: device auto: runs on cpu (")
    assert plan.startswith("note: plan: ")
    assert "12 frames of 12 frames (100%)" in bar and bar.endswith("0 s left")
    assert len(tree(tmp_path / "out")) == 12 + len(FACTS)


def audio_only(path: Path) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        sound.sample_rate = 8000
        container.mux(stream.encode(sound))
        container.mux(stream.encode(None))
    return path


def zero_frames(path: Path) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=24)
        assert isinstance(stream, av.VideoStream)
        stream.width = stream.height = 16
        container.start_encoding()
    return path


def cut(path: Path, share: float) -> Path:
    """A film whose index, at its end, is gone."""
    data = film(path).read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def made(path: Path) -> Path:
    path.mkdir()
    return path


def mixed(path: Path) -> Path:
    write_images(path, [picture(i) for i in range(6)])
    return write_images(path, [picture(9, height=32)], pattern="frame_0004.png")


BAD: dict[str, tuple[Callable[[Path], Path], str]] = {
    "missing": (lambda d: d / "none.mp4", "none.mp4: does not exist"),
    "empty file": (lambda d: written(d / "c.mp4", b""), "c.mp4: is empty"),
    "empty image": (lambda d: written(d / "c.png", b""), "c.png: can't be decoded as an image"),
    "empty folder": (lambda d: made(d / "in"), "in: holds no images"),
    "text": (lambda d: written(d / "c.mp4", b"hello " * 99), "is not a video that can be read"),
    "half": (lambda d: cut(d / "c.mp4", 0.5), "is not a video that can be read"),
    "half an index": (lambda d: cut(d / "c.mp4", 0.85), "check that the file is complete"),
    "audio only": (lambda d: audio_only(d / "c.wav"), "has no video stream (only audio)"),
    "no frames": (lambda d: zero_frames(d / "c.mkv"), "ends before its first frame"),
    "zero frames": (lambda d: zero_frames(d / "c.avi"), "holds no frames"),
    "mixed sizes": (lambda d: mixed(d / "in"), "frame_0004.png: is 64x32, but frame_0000.png is 64x48"),
    "too long": (lambda d: d / ("x" * 300), "File name too long"),
    "inside a file": (lambda d: written(d / "f", b"") / "c.mp4", "Not a directory"),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_input(tmp_path: Path, run: Run, kind: str) -> None:
    make, sentence = BAD[kind]
    outcome = run(make(tmp_path))
    assert outcome.code == 2
    assert sentence in only_error(outcome)
    assert not (tmp_path / "out").exists()


OPTIONS: dict[str, tuple[tuple[str, ...], int, str]] = {
    "cuda": (("--device", "cuda:0"), 3, "no NVIDIA driver answers on this machine"),
    "device": (("--device", "gpu"), 2, "use auto, cpu, cuda:0"),
    "devices": (("--device", "cuda:0,1"), 2, "one GPU at a time"),
    "stages": (("--stages", "2a,5"), 2, "--stages 5: no such stage; use 1, 2a, 2b, 2c, 3, 4"),
    "no prompts": (
        ("--stages", "2b", "--device", "cpu"),
        2,
        "stage 2b has nothing to look for; add --effects 'glow, fire'",
    ),
    "no prompts on null": (
        ("--stages", "1,2a,2b", "--device", "null"),
        2,
        "stage 2b has nothing to look for; add --effects 'glow, fire'",
    ),
    "graph for more": (("--stages", "2a,2c"), 2, "goes with --stages 2a"),
    "both ways": (("--stages", "2a", "--start-stage", "2"), 2, "give one of the two"),
    "backwards": (("--start-stage", "3", "--end-stage", "2"), 2, "lies behind --end-stage 2; swap them"),
    "provider": (("--provider", "tensorrt", "--device", "cpu"), 2, "does not run on device cpu"),
    "latencies": (("--latencies", "l.json"), 2, "goes with --device null only"),
    "preset": (("--preset", "best"), 2, "--preset: input should be 'fast', 'balanced' or 'quality'"),
    "resume": (("--resume", "--overwrite"), 2, "give one of the two"),
    "format": (
        ("--format", "gif"),
        2,
        "--format: input should be 'png', 'png16', 'ffv1', 'prores', 'webm' or 'exr', not 'gif'",
    ),
    "batch": (("--batch-size", "0"), 2, "--batch-size: input should be greater than or equal to 1, not 0"),
    "rate": (("--rate", "fast"), 2, "--rate fast: not a number of frames per second"),
    "no rate": (("--rate", "1/0"), 2, "--rate 1/0: not a number of frames per second"),
    "odd rate": (("--rate", "999.999999999"), 2, "not a number of frames per second"),
    "threads": (("--threads", "100000"), 2, "--threads: input should be less than or equal to 1024"),
    "both": (("--graph", "a.onnx", "--model", "u2net"), 2, "give one of the two"),
    "no graph": (("--graph", "none.onnx"), 2, "none.onnx: no such file"),
    "no config": (("--config", "none.json"), 2, "none.json: can't be read"),
}


@pytest.mark.parametrize("kind", OPTIONS)
def test_bad_options(tmp_path: Path, run: Run, kind: str) -> None:
    words, code, sentence = OPTIONS[kind]
    outcome = run(film(tmp_path / "clip.mp4"), *words)
    assert outcome.code == code
    assert sentence in only_error(outcome)
    assert not (tmp_path / "out").exists()


def test_wrong_weights(tmp_path: Path, run: Run) -> None:
    plain = stage_graph(tmp_path / "plain.onnx", info=None)
    text = written(tmp_path / "text.onnx", b"weights")
    for path in (plain, text, tmp_path):
        outcome = run(film(tmp_path / "clip.mp4"), "--graph", str(path), "--device", "cpu")
        assert outcome.code == 2
        assert str(path) in only_error(outcome)
    assert not (tmp_path / "out").exists()


def test_a_used_folder(tmp_path: Path, run: Run) -> None:
    clip = film(tmp_path / "clip.mp4")
    assert run(clip).code == 0
    before = tree(tmp_path / "out")
    outcome = run(clip, "--limit", "2")
    assert outcome.code == 2
    assert "earlier run" in only_error(outcome)
    assert tree(tmp_path / "out") == before
    assert run(clip, "--limit", "2", "--overwrite").code == 0
    assert len(tree(tmp_path / "out")) == 2 + len(FACTS)


def test_a_cut_film_keeps_its_frames(tmp_path: Path, run: Run) -> None:
    clip = film(tmp_path / "c.mp4", 60, container_options={"movflags": "faststart"})
    clip.write_bytes(clip.read_bytes()[: clip.stat().st_size * 2 // 3])
    outcome = run(clip, "--device", "cpu")
    assert outcome.code == 1
    assert "breaks off after" in outcome.err.splitlines()[-1]
    facts = json.loads((tmp_path / "out" / "run.json").read_text())
    assert facts["status"] == "failed"
    frames = tree(tmp_path / "out" / LAYER_FOLDER)
    assert len(frames) == facts["frames"] > 10
    for name in frames:
        read_png(tmp_path / "out" / LAYER_FOLDER / name)


def test_a_broken_image_names_itself(tmp_path: Path, run: Run) -> None:
    source = write_images(tmp_path / "in", [picture(i) for i in range(8)])
    (source / "frame_0003.png").write_bytes(b"oops")
    outcome = run(source, "--device", "cpu")
    assert outcome.code == 1
    assert "frame_0003.png: can't be decoded" in outcome.err.splitlines()[-1]
    assert len(tree(tmp_path / "out")) == 3 + len(FACTS[:2])


def test_variable_frame_rate_survives(tmp_path: Path, run: Run) -> None:
    pts = [11, 1001, 3003, 3004, 20020]
    clip = write_clip(
        tmp_path / "vfr.mov",
        [picture(i) for i in range(5)],
        codec="prores_ks",
        pixel_format="yuv444p10le",
        pts=pts,
        time_base=Fraction(1, 24000),
        container_options={"video_track_timescale": "24000", "movie_timescale": "24000"},
    )
    assert run(clip, "--format", "prores").code == 0
    with av.open(str(tmp_path / "out" / LAYER_FOLDER / "character.mov")) as container:
        stream = container.streams.video[0]
        assert stream.time_base == Fraction(1, 24000)
        assert [frame.pts for frame in container.decode(stream)] == pts


CHILD = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where tests run in the background
from trt_anime.cli import main
main(sys.argv[1:])
"""


@pytest.mark.parametrize("format", ["png", "ffv1"])
def test_interrupt(tmp_path: Path, graph: Path, format: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (256, 256, 3), np.uint8)
    source = write_images(tmp_path / "in", [noise])
    for index in range(1, 4000):
        (source / f"frame_{index:04d}.png").hardlink_to(source / "frame_0000.png")
    out = tmp_path / "out"
    words = ["process", str(source), "-o", str(out), "--graph", str(graph), "--format", format]
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, *words], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    layer = out / LAYER_FOLDER
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and not started(layer, format):
        time.sleep(0.01)
    child.send_signal(signal.SIGINT)
    stdout, stderr = child.communicate(timeout=30)
    assert child.returncode == 130, stderr
    assert stdout == ""
    assert stderr.splitlines()[-1].startswith("note: interrupted: finished work is kept in")
    facts = json.loads((out / "run.json").read_text())
    count = facts["frames"]
    assert facts["status"] == "interrupted"
    assert 0 < count < 4000
    if format == "png":
        assert tree(layer) == [f"frame_{i:06d}.png" for i in range(count)]
        for name in tree(layer):
            assert read_png(layer / name).shape == (256, 256, 4)
    else:
        segments = [layer / name for name in tree(layer)]
        assert {path.parent.name for path in segments} == {"character.segments"}
        assert sum(map(pictures_in, segments)) == count


def started(layer: Path, format: str) -> bool:
    if format == "png":
        return (layer / "frame_000005.png").exists()
    return (layer / "character.segments" / "000000.mkv").exists()


def pictures_in(path: Path) -> int:
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


HELP = """
import sys
heavy = ("torch", "numpy", "cv2", "av", "onnx", "onnxruntime", "spox")
for name in heavy:
    sys.modules[name] = None
from trt_anime.cli import main
main(["process", "--help"])
"""


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TRT_ANIME_HOME", str(tmp_path / "home"))
    return saved(bright_matte(), tmp_path)


def run_on_cpu(run: Run, tmp_path: Path, graph: Path, *options: str) -> tuple[Outcome, str]:
    """With it, the precision that `run.json` says the stage ran in; empty if there is none."""
    source = tmp_path / "film.mkv"
    if not source.exists():
        write_clip(source, bright_frames(4), codec="ffv1", pixel_format="bgr0")
    done = run(source, "--device", "cpu", "--graph", str(graph), "--overwrite", *options)
    facts = tmp_path / "out" / "run.json"
    stages = json.loads(facts.read_text())["stages"] if facts.exists() else []
    return done, stages[0]["origin"]["precision"] if stages else ""


def test_int8_that_is_not_calibrated(tmp_path: Path, run: Run, toy: Path) -> None:
    done, precision = run_on_cpu(run, tmp_path, toy, "--precision", "int8")
    assert (done.code, precision) == (3, "")
    assert f"run `trt-anime calibrate --graph {toy} --frames CLIP --precision int8`" in done.err


def test_int8_that_is_too_far_from_fp32(tmp_path: Path, run: Run, toy: Path) -> None:
    calibrated(toy, "int8", form="cpu", parity=FAILED, in_use=False)
    done, precision = run_on_cpu(run, tmp_path, toy, "--precision", "int8")
    assert (done.code, precision) == (1, "")
    assert "is too far from FP32 (alpha_sad 3 where 0.5 is allowed)" in done.err
    assert run_on_cpu(run, tmp_path, toy)[1] == "fp32"


@pytest.mark.parametrize("provider", ["onnxruntime", "openvino"])
def test_int8_where_it_pays(tmp_path: Path, run: Run, toy: Path, provider: str) -> None:
    pytest.importorskip(provider)
    calibrated(toy, "int8", form="cpu", speeds=(Speed(provider, 0.5, 1.0, 2.0, 1.8, 2.2),))
    done, precision = run_on_cpu(run, tmp_path, toy)
    assert (done.code, precision) == (0, "int8")
    assert f"2.00 times as fast as FP32 (1.80 to 2.20) with {provider}; --precision fp32 for" in done.err
    quantized = read_png(tmp_path / "out" / LAYER_FOLDER / "frame_000002.png")
    done, precision = run_on_cpu(run, tmp_path, toy, "--precision", "fp32")
    assert (done.code, precision) == (0, "fp32")
    assert "int8" not in done.err
    exact = read_png(tmp_path / "out" / LAYER_FOLDER / "frame_000002.png")
    gap = np.abs(quantized[..., 3].astype(int) - exact[..., 3])
    assert gap.max() > 0 and gap.mean() < 3


def test_fp16_on_a_cpu_is_refused(tmp_path: Path, run: Run, toy: Path) -> None:
    done, precision = run_on_cpu(run, tmp_path, toy, "--precision", "fp16")
    assert (done.code, precision) == (2, "")
    assert "--precision fp16: stage 2a runs in fp32 on CPUExecutionProvider; leave --precision" in done.err


def test_help_needs_nothing_heavy() -> None:
    done = subprocess.run([sys.executable, "-c", HELP], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "--batch-size" in done.stdout


def test_a_prediction_is_called_one_and_needs_no_network(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    latencies = tmp_path / "l.json"
    seconds = {stage: 0.001 for stage in ("1", "2a", "2c", "3")}
    latencies.write_text(json.dumps({"schema": 1, "gpu": "a GPU", "seconds_per_run": seconds}))
    words = ["process", str(film(tmp_path / "clip.mp4")), "-o", str(tmp_path / "out"), "--end-stage", "3"]
    words += ["--preset", "fast", "--device", "null", "--latencies", str(latencies)]
    with pytest.raises(SystemExit) as left:
        main(words)
    text = capfd.readouterr()
    assert not left.value.code, text.err
    lines = text.out.splitlines()
    assert lines[0].startswith(f"{tmp_path / 'out'}: predicted: 12 frames, ") and "FPS)" in lines[0]
    names = [line.split()[0] for line in lines[2:]]
    assert names[:3] == ["matte", "segment", "track"] and "all" in names
    assert lines[-1].strip() == "what lies there is made up, and no result"
    assert "note: device null: times are predicted for a GPU" in text.err
