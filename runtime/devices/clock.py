"""Time for the `null` device: the wall's, or one that jumps."""

from __future__ import annotations

import threading
import time
from typing import Protocol


class Clock(Protocol):
    @property
    def now_s(self) -> float:
        """Seconds since some moment in the past."""
        ...

    def sleep_until(self, at_s: float) -> None:
        """Return at `at_s` or later; at once where that is past."""
        ...


class WallClock:
    @property
    def now_s(self) -> float:
        return time.perf_counter()

    def sleep_until(self, at_s: float) -> None:
        while (left_s := at_s - time.perf_counter()) > 0:
            time.sleep(left_s)


class SimulatedClock:
    """Begins at 0, and stands still but for the calls here."""

    def __init__(self) -> None:
        self._now_s = 0.0
        self._lock = threading.Lock()

    @property
    def now_s(self) -> float:
        return self._now_s

    def sleep_until(self, at_s: float) -> None:
        with self._lock:
            self._now_s = max(self._now_s, at_s)

    def advance(self, seconds: float) -> None:
        """The host has been busy for so long."""
        with self._lock:
            self._now_s += seconds
