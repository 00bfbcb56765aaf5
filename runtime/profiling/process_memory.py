"""What the process takes while it runs, looked at by a thread."""

import os
import resource
import sys
import threading
import time
from pathlib import Path

from trt_anime.runtime.profiling.spans import Sample

_STATM = Path("/proc/self/statm")
_STAT = Path("/proc/stat")
_EVERY_S = 0.05  # a look costs some 20 us


class Sampler:
    """Appends a `Sample` to a list again and again, until `stop`."""

    def __init__(self, into: list[Sample]) -> None:
        self._into = into
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sampler", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Again is harmless."""
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while True:
            now = time.perf_counter()
            self._into.append(Sample(now, resident_bytes(), time.process_time(), machine_s()))
            if self._ended.wait(_EVERY_S):
                return


def resident_bytes() -> int:
    """RAM that this process takes now; its most so far where the system doesn't tell."""
    try:
        return int(_STATM.read_bytes().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else most * 1024


def machine_s() -> float:
    """CPU seconds that all programs took since the machine began; 0 where the system doesn't tell."""
    try:
        ticks = [int(word) for word in _STAT.read_bytes().split(b"\n", 1)[0].split()[1:9]]
    except OSError:
        return 0.0
    return (sum(ticks) - ticks[3] - ticks[4]) / os.sysconf("SC_CLK_TCK")
