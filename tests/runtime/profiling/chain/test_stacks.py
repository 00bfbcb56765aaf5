"""Threads are seen at what they do, by stacks of the passes' own functions."""

import gc
import threading
import time
import weakref
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from trt_anime import runtime
from trt_anime.runtime.profiling.chain.stacks import Seen, Stacks
from trt_anime.runtime.profiling.looking import Looking
from trt_anime.runtime.results.planes import read_plane, write_frame
from trt_anime.runtime.streams import Writers, ahead

LASTS_S = 0.6
RUNTIME = Path(runtime.__file__).parent


def seconds_of(work: Callable[[], object]) -> dict[Seen, float]:
    """What was seen of a callable."""
    stacks = Stacks(lambda: "a pass")
    with Looking(stacks.look):
        work()
    return stacks.seconds()


def watched(work: Callable[[], object]) -> dict[tuple[bool, str], float]:
    """Seconds by whether the calling thread led, and what was done."""
    found: dict[tuple[bool, str], float] = {}
    for seen, seconds in seconds_of(work).items():
        assert seen.during == "a pass"
        key = seen.leads, str(seen.doing)
        found[key] = found.get(key, 0.0) + seconds
    return found


def until(end_s: float) -> Iterable[int]:
    index = 0
    while time.perf_counter() < end_s:
        yield index
        index += 1


def slow_items() -> Iterable[int]:
    for index in range(8):
        time.sleep(LASTS_S / 8)
        yield index


def test_waiting_for_frames_is_no_computing() -> None:
    found = watched(lambda: list(ahead(slow_items())))
    assert max(found, key=lambda key: found[key] if key[0] else 0.0) == (True, "wait for frames")
    assert found[True, "wait for frames"] > 0.5 * LASTS_S


def test_files_are_told_by_what_is_done_to_them(tmp_path: Path) -> None:
    plane = np.random.default_rng(0).integers(0, 255, (700, 900), np.uint8)

    def work() -> None:
        for index in until(time.perf_counter() + LASTS_S):
            write_frame(tmp_path, [index % 4], plane)
        for _ in until(time.perf_counter() + LASTS_S):
            read_plane(tmp_path / "frame_000000.png")

    found = watched(work)
    for doing in ("write files", "read files"):
        assert found[True, doing] > 0.5 * LASTS_S, doing
    assert found.get((True, "compute"), 0.0) < 0.3 * LASTS_S


def test_helpers_that_work_are_seen_and_those_that_wait_are_not(tmp_path: Path) -> None:
    plane = np.random.default_rng(0).integers(0, 255, (700, 900), np.uint8)
    ended = threading.Event()
    idle = threading.Thread(target=ended.wait)
    idle.start()

    def work() -> None:
        with Writers.open(2) as writers:
            for index in until(time.perf_counter() + LASTS_S):
                writers.do(lambda index=index: write_frame(tmp_path, [index % 8], plane))  # type: ignore[misc]

    found = watched(work)
    ended.set()
    idle.join()
    assert found[True, "wait for writers"] > 0.4 * LASTS_S
    assert found[False, "write files"] > 0.4 * LASTS_S
    assert not [doing for leads, doing in found if not leads and doing.startswith("wait")]


def test_looking_holds_nothing_of_functions_that_have_ended() -> None:
    """Or large arrays would live on until the next look."""
    looked: list[str] = []

    def look(now_s: float) -> None:
        stacks.look(now_s)
        looked.append(threading.current_thread().name)

    def work() -> weakref.ref[Any]:
        local = np.zeros(100)
        before = len(looked)
        while len(looked) < before + 2:
            time.sleep(0.001)
        return weakref.ref(local)

    stacks = Stacks(lambda: "a pass")
    with Looking(look):
        assert work()() is None
    assert set(looked) == {"looking"}


def test_who_looks_is_not_seen() -> None:
    """Other threads of this process, as that of who runs the tests, are none of ours."""
    found = seconds_of(lambda: time.sleep(LASTS_S))
    assert not [seen for seen in found if not seen.leads and seen.function]


def test_code_that_is_gone_is_not_taken_for_other_code() -> None:
    """Stacks are known by identities of code, which nobody else may be given meanwhile."""
    stacks, count = Stacks(lambda: "a pass"), 50
    for number in range(count):
        names: dict[str, Any] = {"look": stacks.look, "now_s": time.perf_counter}
        exec(compile("def made():\n look(now_s())", f"{RUNTIME}/passes/{number}.py", "exec"), names)
        names["made"]()
    places = {place for seen in stacks.seconds() for place in seen.places}
    assert places == {f"passes/{number}.py made" for number in range(count)}


def test_nothing_is_collected_while_stacks_are_looked_at() -> None:
    """CPython 3.11 would read frames of functions that have ended: it crashed, or gave no frames at all."""
    collected: list[bool] = []
    looks = False

    def note(phase: str, facts: dict[str, int]) -> None:
        collected.append(looks)

    def deep(more: int) -> None:
        nonlocal looks
        if more:
            return deep(more - 1)
        looks = True
        stacks.look(time.perf_counter())
        looks = False

    stacks = Stacks(lambda: "a pass")
    before = gc.get_threshold()
    gc.callbacks.append(note)
    try:
        gc.set_threshold(1)
        deep(200)
        gc.collect()
    finally:
        gc.set_threshold(*before)
        gc.callbacks.remove(note)
    assert collected
    assert not any(collected)
    assert gc.isenabled()


def test_collecting_that_was_off_stays_off() -> None:
    gc.disable()
    try:
        Stacks(lambda: "a pass").look(time.perf_counter())
        assert not gc.isenabled()
    finally:
        gc.enable()
