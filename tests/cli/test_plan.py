"""`trt-anime plan`."""

import json
import re
from pathlib import Path

import pytest

from trt_anime.cli import main

Capture = pytest.CaptureFixture[str]


def told(*words: str, capsys: Capture) -> str:
    with pytest.raises(SystemExit) as left:
        main(["plan", *words])
    assert not left.value.code
    return capsys.readouterr().out


def test_every_figure_says_what_it_rests_on(capsys: Capture) -> None:
    out = told("--gpu", "rtx4090", "--models", "u2netp", capsys=capsys)
    table, rest = out.split("\n\n")
    assert all(line.endswith("predicted") for line in table.splitlines()[1:])
    figures, notes = rest.splitlines()[1:4], rest.splitlines()[4:]
    assert all(line.startswith("predicted: ") for line in figures)
    assert "1 GPU for 25 FPS" in figures[2] and "published by NVIDIA" in notes[0]


def test_a_whole_chain_is_told_with_the_processors_work(capsys: Capture) -> None:
    words = ("--gpu", "l4", "--resolution", "1080p")
    out = told(*words, capsys=capsys)
    assert "s of a core a frame besides" in out and "measured with the preset fast only" in out
    assert re.search(r"1 GPU and \d+ cores of .+ for 25 FPS", out)
    assert "besides" not in told(*words, "--models", "u2netp", capsys=capsys)
    small, large = (
        json.loads(told("--gpu", "l4", "--resolution", size, "--json", capsys=capsys))["host_core_s"]
        for size in ("540p", "1080p")
    )
    assert large == pytest.approx(4 * small)


def test_a_faster_goal_needs_more_gpus_and_a_larger_frame_more_time(capsys: Capture) -> None:
    words = ("--gpu", "l4", "--models", "u2netp", "--json")
    slow, fast, large = (
        json.loads(told(*words, *more, capsys=capsys))
        for more in ((), ("--fps", "5000"), ("--resolution", "4k"))
    )
    assert slow["gpus"] == 1 and fast["gpus"] > 1
    assert large["frame_s"] > slow["frame_s"] and large["height"] == 2160
    assert slow["basis"] == "predicted" and slow["fps"] == pytest.approx(1 / slow["frame_s"])


def test_what_is_not_counted_makes_figures_bounds(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    from trt_anime.runtime.planning import known

    words = ("--gpu", "l4", "--models", "u2netp,migan")
    assert "at least" not in told(*words, capsys=capsys)
    counted = tuple(cost for cost in known.COSTS if cost.model != "migan")
    monkeypatch.setattr(known, "COSTS", counted)
    out = told(*words, capsys=capsys)
    assert "at least 1 GPU for 25 FPS: a graph that is not counted, named below" in out
    assert "at most" in out and "note: not counted: 2c migan inpaint" in out


def test_a_portrait_stays_one(capsys: Capture) -> None:
    words = ("--gpu", "l4", "--json", "--resolution")
    tall, wide, rows = (json.loads(told(*words, size, capsys=capsys)) for size in _SIZES)
    assert (tall["width"], tall["height"], wide["width"]) == (1080, 1920, 2560)
    assert (rows["width"], rows["height"]) == (1920, 1080)
    assert tall["frame_s"] == pytest.approx(rows["frame_s"]) and wide["frame_s"] > rows["frame_s"]


_SIZES = ("1080x1920", "2560x1080", "1080p")


def test_a_profile_is_used_and_named(tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "l4.json"
    path.write_text(json.dumps({"schema": 1, "gpu": "NVIDIA L4", "seconds_per_run": {"2a": 0.02}}))
    out = told("--gpu", "l4", "--models", "u2netp", "--profile", str(path), capsys=capsys)
    assert "measured: 20.00 ms a frame, 50.0 FPS on one GPU" in out
    assert "note: measured: stages 2a, by l4.json, latencies, of NVIDIA L4" in out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--gpu", "voodoo2"], "--gpu voodoo2: no such card"),
        (["--gpu", "l4", "--resolution", "huge"], "--resolution huge: is no size"),
        (["--gpu", "l4", "--resolution", "20000x64"], "--resolution 20000x64: is no size"),
        (["--gpu", "l4", "--precision", "fp4"], "--precision fp4: the planner knows fp32, fp16, int8"),
        (["--gpu", "l4", "--preset", "best"], "--preset best: no such preset"),
    ],
)
def test_what_cannot_be_planned_is_said_in_a_sentence(
    words: list[str], message: str, capsys: Capture
) -> None:
    with pytest.raises(SystemExit) as left:
        main(["plan", *words])
    assert left.value.code == 2
    assert f"error: {message}" in capsys.readouterr().err


def test_what_was_planned_becomes_latencies_for_a_prediction(tmp_path: Path, capsys: Capture) -> None:
    from trt_anime.runtime.devices.latencies import load_latencies
    from trt_anime.runtime.passes.choices import PRESETS
    from trt_anime.runtime.passes.stand_in import check_latencies

    path = tmp_path / "l4.json"
    told("--gpu", "l4", "--preset", "balanced", "--latencies-out", str(path), capsys=capsys)
    latencies = load_latencies(path)
    assert latencies.gpu == "l4, predicted"
    check_latencies(latencies, PRESETS["balanced"], ("1", "2a", "2b", "2c", "3", "4"))
    assert latencies.seconds_per_run and 0 < latencies.seconds_per_run["3 xmem key"] < 0.1
