"""What the process takes while it runs."""

import os
import resource
import sys
import time

from trt_anime.runtime.closing import Closing
from trt_anime.runtime.profiling.spans import Sample

_STATM = "/proc/self/statm"
_STAT = "/proc/stat"
_MOST_BYTES = 512  # of a file that are read: what is wanted stands in its first line


class Memory(Closing):
    """Appends a `Sample` to a list with each look. Files stay open: opening takes longer than reading."""

    def __init__(self, into: list[Sample]) -> None:
        self._into = into
        self._statm, self._stat = _opened(_STATM), _opened(_STAT)

    def look(self, now_s: float) -> None:
        """See `looking.Look`."""
        self._into.append(
            Sample(now_s, _resident(self._statm), time.process_time(), _machine_s(self._stat))
        )

    def close(self) -> None:
        """Again is harmless."""
        _close(self._statm)
        _close(self._stat)
        self._statm = self._stat = None


def resident_bytes() -> int:
    """RAM that this process takes now; its most so far where the system doesn't tell."""
    file = _opened(_STATM)
    try:
        return _resident(file)
    finally:
        _close(file)


def _resident(statm: int | None) -> int:
    if statm is not None:
        return int(os.pread(statm, _MOST_BYTES, 0).split()[1]) * os.sysconf("SC_PAGE_SIZE")
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def _machine_s(stat: int | None) -> float:
    """CPU seconds that all programs took since the machine began; 0 where the system doesn't tell."""
    if stat is None:
        return 0.0
    line = os.pread(stat, _MOST_BYTES, 0).partition(b"\n")[0]
    ticks = [int(word) for word in line.split()[1:9]]
    return (sum(ticks) - ticks[3] - ticks[4]) / os.sysconf("SC_CLK_TCK")


def _opened(path: str) -> int | None:
    try:
        return os.open(path, os.O_RDONLY)
    except OSError:
        return None  # not Linux


def _close(file: int | None) -> None:
    if file is not None:
        os.close(file)
