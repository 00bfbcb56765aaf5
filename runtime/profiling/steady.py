"""The steady part of a run, and what can be said of it in numbers."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from trt_anime.runtime.profiling.spans import Recording, Span, Written

# Graphs are captured at a batch's third time in a slot, and caches fill in the first.
_WARM_UP_ROUNDS = 3
_MOST_WARM_UP = 0.4  # of a short run
BLOCK = 4  # batches whose time is looked at as one: a slot more or less in use evens out


@dataclass(frozen=True)
class Window:
    """Seconds of `perf_counter`, and the batches that were written in it."""

    start_s: float
    end_s: float
    batches: tuple[Written, ...]

    @property
    def seconds(self) -> float:
        return self.end_s - self.start_s

    @property
    def frames(self) -> int:
        return sum(batch.frames for batch in self.batches)

    def clipped(self, spans: Iterable[Span]) -> list[tuple[float, float]]:
        """The parts of spans that lie in it: (start, end) each."""
        parts = ((max(span.start_s, self.start_s), min(span.end_s, self.end_s)) for span in spans)
        return [(start, end) for start, end in parts if end > start]


def window_of(recording: Recording) -> Window:
    """After the warm-up, before the end where slots run empty; all of a run that is too short for that."""
    written = sorted(recording.written)
    if not written:
        return Window(0.0, 0.0, ())
    skipped = min(_WARM_UP_ROUNDS * recording.depth, int(len(written) * _MOST_WARM_UP))
    drained = min(recording.lanes, max(0, len(written) - skipped - 2))
    kept = written[skipped : len(written) - drained]
    start = written[skipped - 1].at_s if skipped else min(span.start_s for span in recording.spans)
    return Window(start, kept[-1].at_s, tuple(kept))


def seconds_per_frame(window: Window) -> list[float]:
    """Of each `BLOCK` batches in turn: the time that they took by frames; a last short block counts too."""
    found, start = [], window.start_s
    for first in range(0, len(window.batches), BLOCK):
        block = window.batches[first : first + BLOCK]
        found.append((block[-1].at_s - start) / sum(batch.frames for batch in block))
        start = block[-1].at_s
    return found


def busy_s(parts: Iterable[tuple[float, float]]) -> float:
    """Seconds that at least one of the parts covers."""
    total, reached = 0.0, -np.inf
    for start, end in sorted(parts):
        total += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return total


def percentiles(seconds: Sequence[float]) -> dict[str, float]:
    """p50, p90, p99, max and mean in milliseconds; empty where there is nothing."""
    if not seconds:
        return {}
    values = np.asarray(seconds) * 1000
    p50, p90, p99 = np.percentile(values, (50, 90, 99))
    found = {"p50_ms": p50, "p90_ms": p90, "p99_ms": p99, "max_ms": values.max(), "mean_ms": values.mean()}
    return {name: round(float(value), 4) for name, value in found.items()}
