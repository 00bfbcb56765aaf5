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
    zero = min((span.start_s for span in recording.spans), default=0.0)
    tracks = {track: number for number, track in enumerate(tracks_of(recording), 1)}
    events: list[dict[str, Any]] = [
        {"ph": "M", "name": "process_name", "pid": number, "args": {"name": group}}
        for group, number in _GROUPS.items()
    ]
    for track, number in tracks.items():
        names = {"pid": _GROUPS[group_of(track)], "tid": number, "args": {"name": track}}
        events.append({"ph": "M", "name": "thread_name", **names})
        events.append({"ph": "M", "name": "thread_sort_index", **names, "args": {"sort_index": number}})
    for span in recording.spans:
        events.append(
            {
                "ph": "X",
                "name": name_of(span),
                "cat": span.what,
                "pid": _GROUPS[group_of(span.track)],
                "tid": tracks[span.track],
                "ts": _us(span.start_s - zero),
                "dur": _us(span.seconds),
                "args": {"frame": span.frame},
            }
        )
    return {"traceEvents": [*events, *_counters(recording, zero)], "displayTimeUnit": "ms"}


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


def _us(seconds: float) -> float:
    return round(seconds * 1e6, 1)
