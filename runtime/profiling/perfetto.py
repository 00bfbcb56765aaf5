"""A run as a trace that Perfetto and chrome://tracing open ("Trace Event Format")."""

from collections.abc import Iterator
from typing import Any

from trt_anime.runtime.profiling.figures import name_of
from trt_anime.runtime.profiling.spans import SLOT, STAGE, Recording, Span

# Group of tracks -> its number; a track belongs to the first whose words begin its name.
_GROUPS = {"passes and networks": 4, "device streams": 2, "slots": 3, "host threads": 1}
_PASSES = ("passes", "shots", "networks", "copies")
_STARTS = dict.fromkeys(_PASSES, "passes and networks") | {
    "compute": "device streams",
    "copy": "device streams",
    "slot": "slots",
}


def trace(recording: Recording) -> dict[str, Any]:
    """Threads, streams and slots as tracks; memory, slots in use and stages running as counters."""
    starts = [one.start_s for one in recording.spans] + [one.at_s for one in recording.samples]
    zero = min(starts, default=0.0)
    events: list[dict[str, Any]] = [
        {"ph": "M", "name": "process_name", "pid": number, "args": {"name": group}}
        for group, number in _GROUPS.items()
    ]
    number = 0
    for track in tracks_of(recording):
        for lane, spans in enumerate(_lanes([one for one in recording.spans if one.track == track]), 1):
            number += 1
            at = {"pid": _GROUPS[group_of(track)], "tid": number}
            name = track if lane == 1 else f"{track} ({lane})"
            events.append({"ph": "M", "name": "thread_name", **at, "args": {"name": name}})
            events.append({"ph": "M", "name": "thread_sort_index", **at, "args": {"sort_index": number}})
            events += [_slice(span, zero) | at for span in spans]
    return {"traceEvents": [*events, *_counters(recording, zero)], "displayTimeUnit": "ms"}


def _lanes(spans: list[Span]) -> list[list[Span]]:
    """Spans of one track in rows: in each they follow or hold one another, as Perfetto drops others."""
    rows: list[tuple[list[Span], list[float]]] = []
    for span in sorted(spans, key=lambda span: (span.start_s, -span.end_s)):
        row = next((row for row in rows if _takes(row[1], span)), None)
        if row is None:
            rows.append(row := ([], []))
        row[0].append(span)
        row[1].append(span.end_s)
    return [lane for lane, _ in rows]


def _takes(ends: list[float], span: Span) -> bool:
    """Whether a row whose open spans end at `ends` has room for the next; closes those that are over."""
    while ends and ends[-1] <= span.start_s:
        ends.pop()
    return not ends or span.end_s <= ends[-1]


def _slice(span: Span, zero: float) -> dict[str, Any]:
    start, end = _us(span.start_s - zero), _us(span.end_s - zero)
    args = {"frame": span.frame}
    return {
        "ph": "X",
        "name": name_of(span),
        "cat": span.what,
        "ts": start,
        "dur": end - start,
        "args": args,
    }


def tracks_of(recording: Recording) -> list[str]:
    """In the order of a frame's way, below the passes where there are any."""
    order = (*_PASSES, "feed", "copy in", "compute", "copy out", "collect", "encode", "slot")
    found = dict.fromkeys(span.track for span in recording.spans)

    def place(track: str) -> tuple[int, str]:
        return next((at for at, start in enumerate(order) if track.startswith(start)), 9), track

    return sorted(found, key=place)


def group_of(track: str) -> str:
    return next((group for start, group in _STARTS.items() if track.startswith(start)), "host threads")


def levels(spans: list[Span]) -> list[tuple[float, int]]:
    """How many of the spans are open at each moment at which that changes."""
    changes = sorted([(span.start_s, 1) for span in spans] + [(span.end_s, -1) for span in spans])
    found, level = [], 0
    for at_s, change in changes:
        level += change
        found.append((at_s, level))
    return found


def _counters(recording: Recording, zero: float) -> Iterator[dict[str, Any]]:
    for sample in recording.samples:
        yield _counter("memory of the process, MB", sample.at_s - zero, sample.resident_bytes / 1e6)
    for name, spans in (
        ("slots in use", recording.of(SLOT)),
        ("stages running", [span for span in recording.spans if span.what.startswith(STAGE)]),
    ):
        for at_s, level in levels(spans):
            yield _counter(name, at_s - zero, level)


def _counter(name: str, at_s: float, value: float) -> dict[str, Any]:
    return {"ph": "C", "name": name, "pid": 1, "ts": _us(at_s), "args": {"value": round(value, 3)}}


def _us(seconds: float) -> int:
    """Whole ones: where one piece of work ends and the next begins, rounded fractions would overlap."""
    return round(seconds * 1e6)
