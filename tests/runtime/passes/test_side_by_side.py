"""Passes at the same time, where there are cores for it: the same bytes, and one error ends them all."""

import _thread
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.runtime.passes.conftest import Film, pictures
from tests.runtime.passes.test_resuming import BrokenError, breaking
from trt_anime.errors import EngineError
from trt_anime.runtime.passes.context import Context
from trt_anime.runtime.passes.lanes import SIDE_BY_SIDE
from trt_anime.runtime.passes.side_by_side import Gate, Stopped, side_by_side
from trt_anime.runtime.passes.table import Pass
from trt_anime.runtime.passes.tools import Tools

PATIENCE_S = 60.0


def _around(tools: Tools, name: str, wrap: Callable[[Any], Any]) -> Tools:
    @contextmanager
    def opened(context: Context) -> Iterator[Any]:
        with getattr(tools, name)(context) as tool:
            yield wrap(tool)

    changed: dict[str, Any] = {name: opened}
    return replace(tools, **changed)


def test_side_by_side_gives_the_bytes_of_one_after_another(
    film: Film, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Pass, "shots_at_once", lambda one, cores: 3 if one.cadence == "shot" else 1)
    record = film.run(tmp_path / "out", threads=SIDE_BY_SIDE)
    assert pictures(tmp_path / "out") == pictures(whole)
    assert [row.name for row in record.passes] == [
        *("matte", "segment", "track", "find", "plate", "effects", "characters", "check", "annotate")
    ]


def test_a_pass_begins_with_a_shot_while_the_one_before_it_is_at_a_later_one(
    film: Film, tmp_path: Path
) -> None:
    """The last key frame is given out only when a plate has been filled: of an earlier shot, then."""
    filled, calls = threading.Event(), []
    starts = _last_shot_of(film, tmp_path)

    def late(segment: Callable[..., Any]) -> Callable[..., Any]:
        def call(index: int, *rest: object) -> Any:
            if index >= starts:
                calls.append(filled.wait(PATIENCE_S))
            return segment(index, *rest)

        return call

    def filling(fill: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: object) -> Any:
            filled.set()
            return fill(*given)

        return call

    tools = _around(_around(film.oracle.tools(), "segmenter", late), "fill", filling)
    film.run(tmp_path / "out", threads=SIDE_BY_SIDE, tools=tools)
    assert calls
    assert all(calls), "the plate of an earlier shot did not wait for the last shot's segments"


def _last_shot_of(film: Film, tmp_path: Path) -> int:
    return film.run(tmp_path / "shots", "1", "2a").shots[-1]


def test_an_error_ends_the_passes_beside_it_and_is_the_one_that_is_told(
    film: Film, whole: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    tools = breaking(film.oracle.tools(), "fill", 0)
    with pytest.raises(BrokenError, match="fill broke"):
        film.run(output, threads=SIDE_BY_SIDE, tools=tools, device="cpu")
    film.run(output, threads=SIDE_BY_SIDE, resume=True)
    assert pictures(output) == pictures(whole)


def test_ctrl_c_ends_all_passes_and_nothing_finished_is_lost(
    film: Film, whole: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out"

    def interrupting(fill: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: object) -> Any:
            _thread.interrupt_main()
            return fill(*given)

        return call

    with pytest.raises(KeyboardInterrupt) as caught:
        film.run(output, threads=SIDE_BY_SIDE, tools=_around(film.oracle.tools(), "fill", interrupting))
    assert not isinstance(caught.value, Stopped), "it is Ctrl-C that is told"
    assert json.loads((output / "run.json").read_text())["status"] == "interrupted"
    film.run(output, threads=SIDE_BY_SIDE, resume=True)
    assert pictures(output) == pictures(whole)


def test_what_has_no_room_beside_others_is_done_alone_and_said(
    film: Film, whole: Path, tmp_path: Path
) -> None:
    said: list[str] = []
    tools = _crowded(film.oracle.tools(), room=1)
    record = film.run(
        tmp_path / "out", threads=SIDE_BY_SIDE, tools=tools, device="auto", notify=said.append
    )
    assert record.status == "done"
    assert pictures(tmp_path / "out") == pictures(whole)
    assert any("no room" in sentence and "pass after pass" in sentence for sentence in said)


def _crowded(tools: Tools, *, room: int) -> Tools:
    """Tools that take place on a device from when they are opened; `find` opens when another is there."""
    inside, turn, beside = 0, threading.Lock(), threading.Event()

    def placed(name: str) -> Callable[[Context], Any]:
        @contextmanager
        def opened(context: Context) -> Iterator[Any]:
            nonlocal inside
            with turn:
                inside += 1
                full = inside > room
            try:
                if full:
                    beside.set()
                    raise EngineError(f"{name}: no room on the device")
                with getattr(tools, name)(context) as tool:
                    if not said:
                        said.append(name)
                        beside.wait(PATIENCE_S)
                    yield tool
            finally:
                with turn:
                    inside -= 1

        return opened

    said: list[str] = []
    changed: dict[str, Any] = {name: placed(name) for name in ("segmenter", "finder")}
    return replace(tools, **changed)


def test_whoever_waits_for_a_failed_pass_is_stopped() -> None:
    gate = Gate()

    def waits() -> None:
        with pytest.raises(Stopped):
            gate.wait(["plate"], 1)
        raise Stopped

    def fails() -> None:
        raise EngineError("broke")

    with pytest.raises(EngineError, match="broke"):
        side_by_side([waits, fails], gate)
