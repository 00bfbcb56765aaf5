"""A thread that looks at the process again and again: all looks at once, since to wake it costs as much."""

import threading
import time
from collections.abc import Callable

from trt_anime.runtime.closing import Closing

EVERY_S = 0.05

# Given the time of `perf_counter`, takes note of what there is to be seen.
Look = Callable[[float], None]


class Looking(Closing):
    """Looks from its creation until `close`. Looks must be quick: all of the process may wait for them.

    Attributes:
        spent_s: CPU time that looking took, once closed.
    """

    def __init__(self, *looks: Look) -> None:
        self.spent_s = 0.0
        self._looks, self._goes_on = looks, True
        self._end = threading.Lock()  # to wait for one costs less than to wait for an event
        self._end.acquire()
        self._thread = threading.Thread(target=self._run, name="looking", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Again is harmless."""
        if self._goes_on:
            self._goes_on = False
            self._end.release()
        self._thread.join()

    def _run(self) -> None:
        while True:
            now_s = time.perf_counter()
            for look in self._looks:
                look(now_s)
            if self._end.acquire(timeout=EVERY_S):
                break
        self.spent_s = time.thread_time()
