"""`engines verify --frames` on doubles of CUDA and TensorRT-RTX; no real GPU was tried here."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.cli.engines.card import HEIGHT, WIDTH, Card, machine_with_card
from tests.cli.engines.card import engine as engine_of
from tests.engines.test_command import run
from tests.runtime.media import picture, stage_graph, write_clip
from trt_anime.cli.engines import build
from trt_anime.engines import flavours, store
from trt_anime.engines.batch import Order, Outcome
from trt_anime.engines.builder import Built
from trt_anime.engines.manifest import Precision, Profile
from trt_anime.engines.store import Entry
from trt_anime.engines.targets import Target

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """With the stage graph that engines are made of."""
    monkeypatch.setenv("TRT_ANIME_HOME", str(tmp_path / "home"))
    (tmp_path / "home" / "graphs").mkdir(parents=True)
    stage_graph(tmp_path / "home" / "graphs" / "matte.onnx")
    return tmp_path / "home"


@pytest.fixture
def card(home: Path, monkeypatch: pytest.MonkeyPatch) -> Card:
    return machine_with_card(monkeypatch)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "clip.mkv", [picture(index) for index in range(9)])


def engine(home: Path, precision: Precision, **changes: Any) -> Entry:
    return engine_of(home / "graphs" / "matte.onnx", precision, **changes)


def manifest_of(entry: Entry) -> Any:
    return json.loads((entry.folder / "manifest.json").read_text())


def test_an_engine_that_is_near_enough(home: Path, card: Card, clip: Path, capsys: Capture) -> None:
    entry = engine(home, "fp16")
    card.takes_ms[b"fp16"] = 4
    assert run("verify", "--frames", clip) == 0
    assert capsys.readouterr().out == f"{entry.folder.name}: passed, alpha_sad 0 % (≤ 0.5); 4 ms a frame\n"
    found = manifest_of(entry)
    assert (found["seconds_per_frame"], found["forced"]) == (0.004, False)
    assert found["measured_on"] == "NVIDIA L4, driver 580.65.6"
    parity = found["engine_parity"]
    assert parity["candidate"] == "fp16 engine, tensorrt_rtx 1.7.1 on NVIDIA L4"
    assert parity["reference"].startswith("fp32 graph, onnxruntime 1.")
    assert parity["frames"] == 3  # those of nine that a calibration doesn't see
    assert parity["tensors"]["rgba"]["max"] == 0
    assert _is_picture(entry.picture)
    assert card.driver.left == 0
    assert run("verify") == run("list") == 0


def test_an_engine_that_is_not_is_removed(home: Path, card: Card, clip: Path, capsys: Capture) -> None:
    good, bad = engine(home, "fp16"), engine(home, "int8")
    card.off[b"int8"] = 20
    assert run("verify", "--frames", clip) == 1
    captured = capsys.readouterr()
    _, line = captured.out.splitlines()
    seen = home / "engines" / ".failed" / f"{bad.folder.name}.png"
    assert line.startswith(f"{bad.folder.name}: failed, alpha_sad ")
    assert line.endswith(f"; 1 ms a frame; removed, look at {seen}")
    assert captured.err.endswith(
        "error: 1 of 2 engines failed, reasons above; calibrate on more frames like these, or take another"
        " precision, and build again\n"
    )
    assert [entry.folder for entry in store.entries()] == [good.folder] and _is_picture(seen)


def test_unless_it_is_forced(home: Path, card: Card, clip: Path, capsys: Capture) -> None:
    entry = engine(home, "fp16")
    card.off[b"fp16"] = 20
    assert run("verify", "--frames", clip, "--force") == 0
    assert ": forced, alpha_sad " in capsys.readouterr().out
    assert manifest_of(entry)["forced"] and _is_picture(entry.picture)
    # It stays forced, until it passes.
    assert run("verify", "--frames", clip) == 0
    assert manifest_of(entry)["forced"]
    card.off.clear()
    assert run("verify", "--frames", clip) == 0
    assert not manifest_of(entry)["forced"]


def test_int8_that_is_slower_is_not_used(home: Path, card: Card, clip: Path, capsys: Capture) -> None:
    fp16, int8 = engine(home, "fp16"), engine(home, "int8")
    for entry in (fp16, int8):
        (entry.folder / store.kernels_file("NVIDIA L4")).write_bytes(b"kernels")
    card.takes_ms = {b"fp16": 3, b"int8": 4}
    why = "takes 4 ms a frame, and the fp16 engine 3 ms; the fp16 engine goes before it"
    assert run("verify", "--frames", clip) == 0
    assert capsys.readouterr().out.endswith(f"\n{int8.folder.name}: not used: {why}\n")
    assert run("check") == 0
    lines = capsys.readouterr().out.splitlines()
    assert f"{int8.folder.name}: usable but slower: {why}" in lines
    assert f"{fp16.folder.name}: usable" in lines
    card.takes_ms[b"int8"] = 2
    assert run("verify", "--frames", clip, int8.folder.name) == run("check") == 0
    assert f"{int8.folder.name}: usable\n" in capsys.readouterr().out


def test_batches_that_it_is_tuned_for(home: Path, card: Card, clip: Path) -> None:
    """What fills the last batch up isn't counted."""
    profile = Profile(height=HEIGHT, width=WIDTH, max_batch=4, opt_batch=2)
    entry = engine(home, "fp16", profile=profile)
    card.takes_ms[b"fp16"] = 6
    assert run("verify", "--frames", clip) == 0
    found = manifest_of(entry)
    assert (found["seconds_per_frame"], found["engine_parity"]["frames"]) == (0.003, 3)


def _another_size(home: Path, card: Card) -> str:
    engine(home, "fp16", profile=Profile(height=96, width=64, max_batch=4))
    return "takes frames of 64x96, not 64x48"


def _another_gpu(home: Path, card: Card) -> str:
    engine(home, "fp16", target="rtx-sm75")
    return "is for sm75, and here is NVIDIA L4 (sm89)"


def _without_graph(home: Path, card: Card) -> str:
    engine(home, "fp16")
    (home / "graphs" / "matte.onnx").unlink()
    return "the graph that it was built from is not in "


def _without_memory(home: Path, card: Card) -> str:
    engine(home, "fp16")
    card.driver.memory_bytes = HEIGHT * WIDTH * 8
    return "frame: needs"


@pytest.mark.parametrize("why", [_another_size, _another_gpu, _without_graph, _without_memory])
def test_passed_over(
    home: Path, card: Card, clip: Path, capsys: Capture, why: Callable[[Path, Card], str]
) -> None:
    """What can't be measured here stays as it is, and nothing is said to be proved."""
    words = why(home, card)
    before = store.entries()
    assert run("verify", "--frames", clip) == 3
    captured = capsys.readouterr()
    assert f": passed over: {words}" in captured.out
    assert captured.err.endswith(
        "error: none of 1 engines was run, reasons above; build one for this GPU and this size with"
        " `trt-anime engines build`\n"
    )
    assert store.entries() == before


def test_engines_that_do_not_run_stay(home: Path, card: Card, clip: Path, capsys: Capture) -> None:
    """What is wrong may be the machine: nothing was measured."""
    entry, damaged = engine(home, "fp16"), engine(home, "fp32")
    damaged.engine.write_bytes(b"FP32")
    card.library.runs = False
    assert run("verify", "--frames", clip) == 1
    captured = capsys.readouterr()
    assert (
        f"{entry.folder.name}: failed: {entry.engine}: TensorRT-RTX could not run (nothing is"
        in captured.out
    )
    assert f"{damaged.folder.name}: its engine.plan is damaged" in captured.out
    assert captured.err.endswith("error: 2 of 2 engines failed, reasons above\n")
    assert store.entries() == [entry, damaged] and card.driver.left == 0


def test_without_a_gpu(home: Path, clip: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cuda.core", None)
    entry = engine(home, "fp16")
    assert run("verify", "--frames", clip) == 3
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == (
        "error: --frames: no NVIDIA GPU answers on this machine, so no engine was run and none is proved;"
        " run it where the GPU is, with pip install 'trt-anime[gpu]'\n"
    )
    assert store.entries() == [entry]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--force"], "--force: goes with --frames"),
        (["--rebuild", "--frames", "clip.mkv"], "--rebuild and --frames: give one of them at a time"),
        (["--frames", "no_such_clip.mkv"], "no_such_clip.mkv: does not exist"),
    ],
)
def test_what_verify_refuses(card: Card, words: list[str], message: str, capsys: Capture) -> None:
    assert run("verify", *words) == 2
    assert message in capsys.readouterr().err


def test_a_clip_that_shows_nothing(home: Path, card: Card, tmp_path: Path, capsys: Capture) -> None:
    engine(home, "fp16")
    black = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    clip = write_clip(tmp_path / "black.mkv", [black + level for level in (0, 9, 18, 27, 36)])
    assert run("verify", "--frames", clip) == 2
    assert " 0 show what the model is for" in capsys.readouterr().err


def _is_picture(file: Path) -> bool:
    return file.read_bytes().startswith(b"\x89PNG")


def test_a_build_for_this_gpu_says_how_to_prove_it(
    home: Path, card: Card, clip: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = engine(home, "fp16")
    monkeypatch.setattr(flavours, "native_target", lambda: Target("trt", 89))

    def built(orders: list[Order], *arguments: object, **options: object) -> list[Outcome]:
        return [Outcome(order, Built(store.entries()[0], cached=True)) for order in orders]

    monkeypatch.setattr(build, "_built", built)
    words = ["build", "--graph", home / "graphs" / "matte.onnx", "--gpu"]
    note = (
        "note: `trt-anime engines verify --frames CLIP` runs them on this GPU, and proves or removes them\n"
    )
    assert run(*words, "native,sm89") == 0
    assert capsys.readouterr().err == note
    assert run(*words, "sm89") == 0
    assert capsys.readouterr().err == ""
    assert run("verify", "--frames", clip) == 0
    capsys.readouterr()
    assert run(*words, "native") == 0
    captured = capsys.readouterr()
    assert "  passed, alpha_sad 0 % (≤ 0.5)\n" in captured.out and captured.err == ""
    assert [found.folder for found in store.entries()] == [entry.folder]
