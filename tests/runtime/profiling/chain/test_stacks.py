"""Threads are seen at what they do, by stacks of the passes' own functions."""

import threading
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from trt_anime.runtime.profiling import process_memory
from trt_anime.runtime.profiling.chain.stacks import StackSampler
from trt_anime.runtime.results.planes import read_plane, write_frame
from trt_anime.runtime.streams import Writers, ahead

LASTS_S = 0.6


def watched(work: object) -> dict[tuple[bool, str], float]:
    """Seconds by whether the calling thread led, and what was done, of a callable."""
    assert callable(work)
    sampler = StackSampler(lambda: "a pass")
    work()
    sampler.stop()
    found: dict[tuple[bool, str], float] = {}
    for seen, seconds in sampler.seconds.items():
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


def test_the_thread_that_measures_memory_is_no_work_of_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(self: Path) -> bytes:
        end_s = time.perf_counter() + LASTS_S / 4
        while time.perf_counter() < end_s:
            pass
        return b"0 1 2 3 4 5 6 7 8 9"

    def work() -> None:
        with monkeypatch.context() as patch:
            patch.setattr(process_memory, "_STATM", Path("statm"))
            patch.setattr(type(Path()), "read_bytes", slow)
            sampler = process_memory.Sampler([])
            time.sleep(LASTS_S)
            sampler.stop()

    looking = StackSampler(lambda: "a pass")
    work()
    looking.stop()
    # Other threads of this process, as that of who runs the tests, are none of ours.
    assert not [seen for seen in looking.seconds if not seen.leads and seen.function]


@pytest.mark.parametrize("times", [1, 3])
def test_stopping_again_is_harmless(times: int) -> None:
    before = threading.active_count()
    sampler = StackSampler(lambda: "")
    for _ in range(times):
        sampler.stop()
    assert threading.active_count() == before
