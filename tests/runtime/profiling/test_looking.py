"""One thread for all looks, which ends, and what it sees of the process."""

import threading
import time
from pathlib import Path

import numpy as np
import pytest

from trt_anime.runtime.profiling import process_memory
from trt_anime.runtime.profiling.looking import EVERY_S, Looking
from trt_anime.runtime.profiling.process_memory import Memory, resident_bytes
from trt_anime.runtime.profiling.spans import Sample

LASTS_S = 0.4


@pytest.mark.parametrize("times", [1, 3])
def test_closing_again_is_harmless(times: int) -> None:
    before = threading.active_count()
    looking = Looking()
    for _ in range(times):
        looking.close()
    assert threading.active_count() == before


def test_one_thread_looks_at_all_once_in_a_while() -> None:
    first: list[tuple[float, int]] = []
    second: list[tuple[float, int]] = []
    start_s = time.perf_counter()
    with Looking(
        lambda now_s: first.append((now_s, threading.get_ident())),
        lambda now_s: second.append((now_s, threading.get_ident())),
    ):
        time.sleep(LASTS_S)
    end_s = time.perf_counter()
    assert first == second and len({ident for _, ident in first}) == 1
    assert 2 <= len(first) <= (end_s - start_s) / EVERY_S + 1
    assert start_s <= first[0][0] and first[-1][0] <= end_s


def test_looking_is_counted_by_its_own_work() -> None:
    """Not by what others do meanwhile, nor by waiting."""

    def slow(now_s: float) -> None:
        end_s = time.thread_time() + 0.01
        while time.thread_time() < end_s:
            pass

    looks: list[float] = []
    with Looking(slow, looks.append) as looking:
        end_s = time.perf_counter() + LASTS_S
        while time.perf_counter() < end_s:
            pass
    assert 0.01 * len(looks) <= looking.spent_s <= 0.012 * len(looks) + 0.005


def test_memory_is_that_of_the_process_and_its_files_are_closed() -> None:
    open_files = len(list(Path("/proc/self/fd").iterdir()))
    samples: list[Sample] = []
    with Memory(samples) as memory:
        memory.look(1.0)
        large = np.ones(50_000_000, np.uint8)
        memory.look(2.0)
        assert abs(resident_bytes() - samples[-1].resident_bytes) < 5_000_000
    memory.close()
    first, second = samples
    assert (first.at_s, second.at_s) == (1.0, 2.0)
    assert large.nbytes * 0.9 < second.resident_bytes - first.resident_bytes < large.nbytes * 1.2
    assert 0 < first.cpu_s <= second.cpu_s and 0 < first.machine_s <= second.machine_s
    assert second.cpu_s <= time.process_time() <= second.machine_s
    assert len(list(Path("/proc/self/fd").iterdir())) == open_files


def test_a_system_that_does_not_tell_gives_the_most_so_far(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_STATM", "_STAT"):
        monkeypatch.setattr(process_memory, name, "/nowhere/stat")
    samples: list[Sample] = []
    with Memory(samples) as memory:
        memory.look(0.0)
    assert samples[0].machine_s == 0 and samples[0].resident_bytes == resident_bytes() > 10_000_000
