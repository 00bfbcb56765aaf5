"""Lines where nobody watches, bars on a terminal."""

import io
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.cli.terminal import terminal_as_stderr
from trt_anime.cli import progress as module
from trt_anime.cli.progress import board, progress


def test_lines(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PLAIN_INTERVAL_S", 0.0)
    with board() as shown:
        with (
            shown.track("one", total=100, unit="percent") as one,
            shown.track("all", total=2, unit="engine") as both,
        ):
            one(40)
            both(1)
            one(60)
        shown.say("one: done")
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "one: 40%",
        "all: 1 engine of 2 engines (50%)",
        "one: 100%",
        "one: done",
    ]


def test_lines_only_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("clip", total=3, unit="frame") as advance:
        for _ in range(3):
            advance(1)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and lines[0].startswith("clip: 3 frames of 3 frames (100%), ")


def test_lines_of_many_threads_stay_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """`print` writes a line and its end in two pieces; others come between."""
    pieces: list[str] = []

    class Pipe(io.StringIO):
        def write(self, text: str) -> int:
            pieces.append(text)
            return len(text)

    monkeypatch.setattr(sys, "stderr", Pipe())
    with board() as shown, ThreadPoolExecutor(4) as pool:
        list(pool.map(shown.say, [f"line {number}" for number in range(100)]))
    assert sorted(pieces) == sorted(f"line {number}\n" for number in range(100))


def test_bars_of_a_board_go_when_their_work_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = terminal_as_stderr(monkeypatch)
    with board() as shown:
        with shown.track("first", total=100, unit="percent") as advance:
            advance(50)
            shown.say("[bold] is no markup here")
        with shown.track("second", total=100, unit="percent"):
            pass
    text = terminal.getvalue()
    assert "[bold] is no markup here" in text
    assert "\r\x1b[2Ksecond" in text  # on the line that the first had


def test_a_single_bar_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = terminal_as_stderr(monkeypatch)
    with progress("weights", total=4_600_000, unit="byte") as advance:
        advance(4_600_000)
    last = terminal.getvalue().splitlines()[-2]
    assert "weights" in last and "4.6 MB / 4.6 MB" in last


def test_two_bars_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = terminal_as_stderr(monkeypatch)
    with (
        board() as shown,
        shown.track("u2netp", total=100, unit="percent") as one,
        shown.track("modnet", total=100, unit="percent") as two,
    ):
        one(10)
        two(20)
        time.sleep(0.5)  # ten pictures a second
    first, second = terminal.getvalue().splitlines()[-3:-1]
    assert "u2netp" in first and "10 % / 100 %" in first
    assert "modnet" in second and "20 % / 100 %" in second
