"""What the process takes while it runs, looked at by a thread."""

import os
import resource
import sys
import threading
import time
from pathlib import Path

from trt_anime.runtime.profiling.spans import Sample

_STATM = Path("/proc/self/statm")
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
            self._into.append(Sample(time.perf_counter(), resident_bytes(), time.process_time()))
            if self._ended.wait(_EVERY_S):
                return


def resident_bytes() -> int:
    """RAM that this process takes now; its most so far where the system doesn't tell."""
    try:
        return int(_STATM.read_bytes().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else most * 1024
