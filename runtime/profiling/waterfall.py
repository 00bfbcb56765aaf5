"""The way of a typical frame: when each step begins and how long it takes."""

from collections import defaultdict
from typing import Any

from trt_anime.runtime.pipeline import recorder
from trt_anime.runtime.profiling.figures import kind_of, name_of, queues
from trt_anime.runtime.profiling.spans import SLOT, Recording, Span
from trt_anime.runtime.profiling.steady import window_of

_LEFT_OUT = (SLOT, recorder.WAIT_RESULTS)  # they say how long others took
_TYPICAL = 0.2  # of all frames: the ones in the middle by the time that they took


def waterfall(recording: Recording) -> list[dict[str, Any]]:
    """Steps in order, in milliseconds after the frame's decoding began: means over typical frames.

    Means, since beginnings and durations of means still fit together. Only frames that were computed: a
    held one ends in the look-ahead.
    """
    ways = sorted(_ways(recording), key=lambda way: max(span.end_s for span in way) - way[0].start_s)
    if not ways:
        return []
    count = max(1, int(len(ways) * _TYPICAL))
    first = (len(ways) - count) // 2
    starts: dict[str, list[float]] = defaultdict(list)
    seconds: dict[str, list[float]] = defaultdict(list)
    for way in ways[first : first + count]:
        for span in way:
            starts[name_of(span)].append(span.start_s - way[0].start_s)
            seconds[name_of(span)].append(span.seconds)
    rows = [
        {
            "name": name,
            "kind": kind_of(name),
            "start_ms": round(sum(starts[name]) / len(starts[name]) * 1000, 4),
            "ms": round(sum(seconds[name]) / len(seconds[name]) * 1000, 4),
        }
        for name in starts
    ]
    return sorted(rows, key=lambda row: row["start_ms"])


def _ways(recording: Recording) -> list[list[Span]]:
    """For each batch of the steady part, the work for its first frame, the earliest first."""
    frames: dict[int, list[Span]] = defaultdict(list)
    for span in [*recording.spans, *queues(recording)]:
        if span.what not in _LEFT_OUT:
            frames[span.frame].append(span)
    return [
        sorted(frames[batch.frame], key=lambda span: span.start_s) for batch in window_of(recording).batches
    ]
