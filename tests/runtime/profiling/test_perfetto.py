"""A trace has what Perfetto takes, and nothing that it drops."""

from collections import defaultdict
from itertools import pairwise
from typing import Any

from trt_anime.runtime.profiling.perfetto import trace
from trt_anime.runtime.profiling.spans import Recording, Sample, Span

TENTH_US = 1e-7


def slices(recording: Recording) -> dict[str, list[dict[str, Any]]]:
    """By the track's name."""
    events = trace(recording)["traceEvents"]
    names = {event["tid"]: event["args"]["name"] for event in events if event["name"] == "thread_name"}
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for event in events:
        if event["ph"] == "X":
            found[names[event["tid"]]].append(event)
    return found


def test_what_follows_one_another_does_not_overlap_after_rounding() -> None:
    ends = [0.0, *(index * 0.0123456789 + 3.3 * TENTH_US for index in range(1, 400))]
    spans = [Span("shot", "shots", start, end, 0) for start, end in pairwise(ends)]
    [(_, found)] = slices(Recording(spans=spans)).items()
    assert len(found) == len(spans)
    assert all(type(event["ts"]) is int and type(event["dur"]) is int for event in found)
    assert all(one["ts"] + one["dur"] <= other["ts"] for one, other in pairwise(found))


def test_what_overlaps_goes_on_rows_of_its_own_and_what_is_within_another_does_not() -> None:
    spans = [
        Span("outer", "copies", 0.0, 1.0, 0),
        Span("inner", "copies", 0.2, 0.4, 1),
        Span("across", "copies", 0.9, 1.5, 2),
        Span("after", "copies", 1.0, 1.2, 3),
        Span("elsewhere", "feed", 0.9, 1.5, 4),
    ]
    found = slices(Recording(spans=spans))
    names = {track: [event["cat"] for event in events] for track, events in found.items()}
    assert names == {
        "copies": ["outer", "inner", "after"],
        "copies (2)": ["across"],
        "feed": ["elsewhere"],
    }


def test_nothing_is_before_the_zero() -> None:
    """Memory is looked at before the first work begins."""
    recording = Recording(
        spans=[Span("pass look", "passes", 10.0, 11.0, -1)], samples=[Sample(9.5, 10**6, 0.0, 0.0)]
    )
    events = [event for event in trace(recording)["traceEvents"] if event["ph"] in "XC"]
    assert min(event["ts"] for event in events) == 0
    assert {event["ts"] for event in events if event["ph"] == "X"} == {500_000}
