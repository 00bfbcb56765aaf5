import time
from pathlib import Path

import pytest

from tests.cli.terminal import terminal_as_stderr
from tests.engines.records import MANIFEST, RECIPE
from trt_anime.cli.engines.watch import Watch
from trt_anime.cli.progress import board
from trt_anime.engines.batch import Order, Outcome
from trt_anime.engines.builder import Built
from trt_anime.engines.store import Entry
from trt_anime.engines.targets import Target
from trt_anime.errors import EngineError

ORDERS = [Order("toy", Path("toy.onnx"), Target("rtx", sm), "fp16", RECIPE.profile) for sm in (86, 89)]
ENTRY = Entry(Path("folder"), MANIFEST)


def test_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = terminal_as_stderr(monkeypatch)
    with board() as shown:
        watch = Watch(shown, 2, aloud=True)
        for order, share in zip(ORDERS, (0.25, 0.5), strict=True):
            watch.on_progress(order, share)
        time.sleep(0.5)  # ten pictures a second
        total, *bars = screen.getvalue().splitlines()[-3:]
        watch.on_done(Outcome(ORDERS[0], Built(ENTRY, cached=False)))
        watch.on_done(Outcome(ORDERS[1], error=EngineError("no engine; build another")))
    assert "total" in total and "0 engines / 2 engines" in total
    for bar, title, percent in zip(bars, ("rtx-sm86", "rtx-sm89"), (25, 50), strict=True):
        assert title in bar and f"{percent} % / 100 %" in bar
    text = screen.getvalue()
    assert "toy 96x64 fp16 rtx-sm86: built in 1.2 s, 0.0 MB\n" in text
    assert "error: toy 96x64 fp16 rtx-sm89: no engine; build another\n" in text
    assert "2 engines / 2 engines" in text.splitlines()[-2]
    assert watch.ready == 1


def test_what_was_there_is_not_told(capsys: pytest.CaptureFixture[str]) -> None:
    with board() as shown:
        watch = Watch(shown, 1, aloud=False)
        watch.on_done(Outcome(ORDERS[0], Built(ENTRY, cached=True)))
        watch.on_done(Outcome(ORDERS[1], error=EngineError("told by the command itself")))
    assert capsys.readouterr().err == ""


def test_close_takes_every_bar_away(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = terminal_as_stderr(monkeypatch)
    with board() as shown:
        watch = Watch(shown, 2, aloud=True)
        watch.on_progress(ORDERS[0], 0.5)
        watch.close()
        shown.say("interrupted")
        time.sleep(0.3)
    assert "total" not in screen.getvalue().rpartition("interrupted")[2].partition("\x1b[2K")[2]
