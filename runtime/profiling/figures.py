"""From the spans of runs to the figures of a profile: what each kind of work took, and what was busy."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from trt_anime.runtime.pipeline import recorder
from trt_anime.runtime.profiling.spans import COPY_IN, COPY_OUT, SLOT, STAGE, Recording, Sample, Span
from trt_anime.runtime.profiling.steady import (
    Window,
    busy_s,
    percentiles,
    seconds_per_frame,
    window_of,
)

Kind = Literal["host", "device", "wait"]

# Name of a figure -> its kind, in the order of the way of a frame. Stages and sinks have theirs by name.
_ORDER = (
    recorder.DECODE,
    recorder.LOOK_AHEAD,
    recorder.WAIT_SLOT,
    recorder.FILL,
    recorder.SUBMIT,
    COPY_IN,
    "queue before stage ",
    STAGE,
    "queue before copy out",
    COPY_OUT,
    recorder.WAIT_RESULTS,
    "queue before encode",
    recorder.ENCODE,
    SLOT,
)
_WAITS = (recorder.WAIT_SLOT, recorder.WAIT_RESULTS, "queue before", SLOT)
_DEVICE = (COPY_IN, COPY_OUT, STAGE, "network ")
_MOST_SAMPLES = 2000

# The whole, as `compare` sees it: seconds per frame of a few batches each.
WHOLE = "frame"


def figures(recordings: Sequence[Recording]) -> list[dict[str, Any]]:
    """One row for each kind of work, over the steady parts of all runs."""
    pooled: dict[str, list[float]] = defaultdict(list)
    wall_s, frames = 0.0, 0
    for recording in recordings:
        window = window_of(recording)
        wall_s, frames = wall_s + window.seconds, frames + window.frames
        for name, seconds in steady_seconds(recording, window).items():
            pooled[name] += seconds
    rows = []
    for name in sorted(pooled, key=_place):
        seconds = pooled[name]
        rows.append(
            {
                "name": name,
                "kind": kind_of(name),
                "count": len(seconds),
                **percentiles(seconds),
                "per_frame_ms": round(sum(seconds) / max(frames, 1) * 1000, 4),
                "share_of_wall": round(sum(seconds) / wall_s, 4) if wall_s else 0.0,
            }
        )
    return rows


def steady_seconds(recording: Recording, window: Window) -> dict[str, list[float]]:
    """Seconds of every piece of work that began in the window, by name."""
    found: dict[str, list[float]] = defaultdict(list)
    for span in [*recording.spans, *queues(recording)]:
        if window.start_s <= span.start_s < window.end_s:
            found[name_of(span)].append(span.seconds)
    return found


def samples(recording: Recording) -> dict[str, list[float]]:
    """Milliseconds for `compare`: by name, in time's order, thinned where there are very many."""
    window = window_of(recording)
    found = {WHOLE: seconds_per_frame(window), **steady_seconds(recording, window)}
    return {name: thinned([value * 1000 for value in values]) for name, values in found.items()}


def queues(recording: Recording) -> list[Span]:
    """How long batches stood before stages, copies out (which go in clip order) and encoders."""
    ready: dict[tuple[str, int], float] = {}
    for span in recording.spans:
        key = (span.what, span.frame)
        ready[key] = max(ready.get(key, span.end_s), span.end_s)
    found = []
    for span in recording.spans:
        needs = _needs(span, recording)
        known = [ready[need, span.frame] for need in needs if (need, span.frame) in ready]
        if known:
            what = f"queue before {span.what}"
            start_s = min(max(known), span.start_s)  # clocks of two devices differ by microseconds
            found.append(Span(what, "", start_s, span.start_s, span.frame))
    return found


def resources(recording: Recording) -> list[dict[str, Any]]:
    """What can be busy: feed thread, streams, encode threads; the share of the window that each was."""
    window = window_of(recording)
    tracks: dict[str, list[Span]] = defaultdict(list)
    for span in recording.spans:
        if kind_of(span.what) != "wait":
            tracks[span.track].append(span)
    groups: dict[str, list[float]] = defaultdict(list)
    for track, spans in tracks.items():
        groups[_group(track)].append(busy_s(window.clipped(spans)) / (window.seconds or 1.0))
    return [
        {
            "name": name,
            "tracks": len(shares),
            "busy": round(float(np.mean(shares)), 4),
            "busy_sum": round(float(np.sum(shares)), 4),
        }
        for name, shares in sorted(groups.items(), key=lambda item: _GROUPS.index(item[0]))
    ]


def overlap(recording: Recording) -> dict[str, float]:
    """How many things go on at once, how much of the time no stage runs, and how busy the CPU is."""
    window = window_of(recording)
    wall_s = window.seconds or 1.0
    busy = sum(row["busy_sum"] for row in resources(recording))
    computing = [span for span in recording.spans if span.what.startswith(STAGE)]
    return {
        "overlap": round(busy, 4),
        "device_idle": round(1 - busy_s(window.clipped(computing)) / wall_s, 4),
        "cpu_cores_busy": round(_cores(recording, window)[0], 4),
        "others_cores_busy": round(_cores(recording, window)[1], 4),
    }


def kind_of(name: str) -> Kind:
    if name.startswith(_WAITS):
        return "wait"
    return "device" if name.startswith(_DEVICE) else "host"


def name_of(span: Span) -> str:
    return f"{span.what} {span.layers}" if span.layers else span.what


_GROUPS = ("feed", "copy in", "compute", "copy out", "collect", "encode")


def _group(track: str) -> str:
    return next((group for group in _GROUPS if track.startswith(group)), "encode")


def _needs(span: Span, recording: Recording) -> list[str]:
    if span.what == recorder.ENCODE:
        return [COPY_OUT]
    if span.what == COPY_OUT:
        return [STAGE + stage.number for stage in recording.stages if span.layers in stage.layers]
    if span.what.startswith(STAGE):
        stage = next(one for one in recording.stages if STAGE + one.number == span.what)
        return [COPY_IN, *(STAGE + number for number in stage.needs)]
    return []


def _cores(recording: Recording, window: Window) -> tuple[float, float]:
    return cores_busy(
        [sample for sample in recording.samples if window.start_s <= sample.at_s <= window.end_s]
    )


def cores_busy(seen: Sequence[Sample]) -> tuple[float, float]:
    """CPU cores that this process, and all others, kept busy on average."""
    if len(seen) < 2:
        return 0.0, 0.0
    first, last = seen[0], seen[-1]
    wall_s, own_s = last.at_s - first.at_s, last.cpu_s - first.cpu_s
    return own_s / wall_s, max(0.0, last.machine_s - first.machine_s - own_s) / wall_s


def _place(name: str) -> tuple[int, str]:
    places = [index for index, start in enumerate(_ORDER) if name.startswith(start)]
    return (places[0] if places else len(_ORDER)), name


def thinned(values: list[float]) -> list[float]:
    """In time's order, every n-th where there are very many."""
    step = -(-len(values) // _MOST_SAMPLES) or 1
    return [round(value, 4) for value in values[::step]]


def held(frames: int, computed: int) -> Mapping[str, float]:
    """Frames that reused the results of the one before."""
    return {
        "frames": frames,
        "computed": computed,
        "reused": round(1 - computed / frames, 4) if frames else 0.0,
    }
