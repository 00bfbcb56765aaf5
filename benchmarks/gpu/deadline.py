"""How much time a part of `make gpu-check` has left."""

import time
from collections.abc import Callable

Clock = Callable[[], float]


class OutOfTime(Exception):  # noqa: N818 - it is no error: what was measured counts, the rest comes next time
    """A step was stopped by the deadline before it had anything to say."""


class Deadline:
    """Counts from its creation.

    Args:
        clock: seconds, monotonic.
    """

    def __init__(self, seconds: float, *, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._end = clock() + seconds

    def left_s(self) -> float:
        """Never below 0."""
        return max(0.0, self._end - self._clock())

    def allows(self, seconds: float) -> bool:
        """Whether something that takes so long would be done in time."""
        return seconds <= self.left_s()
