"""From runs over several stages to the figures of a profile."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import asdict
from statistics import median
from typing import Any

from trt_anime.runtime.passes.record import ChainRecord
from trt_anime.runtime.passes.table import MATTE, PASSES
from trt_anime.runtime.profiling.chain.recording import (
    FIRST,
    NETWORK,
    OPEN,
    PASS,
    SHOT,
    ChainRecording,
    NetworkFacts,
)
from trt_anime.runtime.profiling.chain.stacks import Seen
from trt_anime.runtime.profiling.figures import WHOLE, kind_of, thinned
from trt_anime.runtime.profiling.spans import COPY_IN, COPY_OUT, Span
from trt_anime.runtime.profiling.steady import busy_s, percentiles

Run = tuple[ChainRecord, ChainRecording]

_ORDER = (PASS, NETWORK, COPY_IN, COPY_OUT, OPEN)
_STAGES = {"look": "", MATTE: "2a", **{one.name: ", ".join(one.stages) for one in PASSES}}
_CADENCES = {"look": "frame", MATTE: "fresh frame", **{one.name: one.cadence for one in PASSES}}
_MOST_FUNCTIONS = 8


def passes(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """A row for each pass, in order: medians over runs; `share` is of the time of a run."""
    return [_pass(name, runs) for name in _names(runs)]


def networks(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """A row for each network in each pass, in the order of passes."""
    found = {name: facts for _, recording in runs for name, facts in recording.networks.items()}
    order = _names(runs)
    ordered = sorted(found.items(), key=lambda item: order.index(item[1].during))
    return [_network(name, facts, runs) for name, facts in ordered]


def figures(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """A row for each kind of work over all runs: passes in a whole, all else piece by piece."""
    pooled: dict[str, list[float]] = defaultdict(list)
    for _, recording in runs:
        for name, seconds in seconds_by_name(recording).items():
            pooled[name] += seconds
    frames = sum(record.frames for record, _ in runs) or 1
    wall_s = sum(record.elapsed_s for record, _ in runs) or 1.0
    return [
        {
            "name": name,
            "kind": kind_of(name),
            "count": len(seconds),
            **percentiles(seconds),
            "per_frame_ms": round(sum(seconds) / frames * 1000, 4),
            "share_of_wall": round(sum(seconds) / wall_s, 4),
        }
        for name, seconds in sorted(pooled.items(), key=lambda item: _place(item[0]))
    ]


def samples(run: Run) -> dict[str, list[float]]:
    """Milliseconds for `compare`: passes and the whole by frame of the clip, one sample a run each.

    How shots of one clip differ says nothing of how sure a figure is: both profiles have the same ones.
    """
    record, recording = run
    found = {WHOLE: [record.elapsed_s / max(record.frames, 1) * 1000]}
    for name, seconds in seconds_by_name(recording).items():
        if name.startswith(PASS):
            frames = recording.frames[name.removeprefix(PASS)] or record.frames
            seconds = [sum(seconds) / max(frames, 1)]
        found[name] = thinned([value * 1000 for value in seconds])
    return found


def seconds_by_name(recording: ChainRecording) -> dict[str, list[float]]:
    """Of every piece of work, in time's order; networks without their first runs where there are others."""
    found: dict[str, list[float]] = defaultdict(list)
    spans = sorted((span for span in recording.spans if span.what != SHOT), key=lambda one: one.start_s)
    warm = {span.what for span in spans if span.what.startswith(NETWORK) and span.layers != FIRST}
    for span in spans:
        if span.layers != FIRST or span.what not in warm:
            found[span.what].append(span.seconds)
    return found


def rest_s(run: Run) -> float:
    """What a run took besides its passes: checks, tables, and what is between passes."""
    record, recording = run
    return record.elapsed_s - sum(span.seconds for span in recording.of(PASS))


def _names(runs: Sequence[Run]) -> list[str]:
    return list(dict.fromkeys(name for _, recording in runs for name in recording.pass_names()))


def _pass(name: str, runs: Sequence[Run]) -> dict[str, Any]:
    ran = [run for run in runs if name in run[1].frames]
    seconds = [sum(span.seconds for span in recording.within(name)) for _, recording in ran]
    shots = [span.seconds for _, rec in ran for span in rec.of(SHOT) if span.layers == name]
    frames, took = ran[0][1].frames[name] or ran[0][0].frames, median(seconds)
    names = [row for row, facts in ran[0][1].networks.items() if facts.during == name]
    host = _host(name, ran)
    return {
        "name": name,
        "stages": _STAGES.get(name, ""),
        "cadence": _CADENCES.get(name, "film"),
        "frames": frames,
        "shots": len(shots) // len(ran),
        "start_s": round(median(_start_s(recording, name) for _, recording in ran), 4),
        "s": round(took, 4),
        "share": round(median(s / run[0].elapsed_s for s, run in zip(seconds, ran, strict=True)), 4),
        "fps": round(frames / took, 3) if took else 0.0,
        "per_frame_ms": round(took / max(frames, 1) * 1000, 4),
        "shot": percentiles(shots),
        "open_s": _median_s(ran, lambda rec: [s for s in rec.of(OPEN) if s.what.endswith(f"({name})")]),
        "network_s": _median_s(ran, lambda rec: [s for row in names for s in rec.of(NETWORK + row)]),
        "networks": names,
        **host,
        "peak_bytes": max(_peak(rec, name) for _, rec in ran),
        **{f"{place}_bytes": _allocated(ran[0][1], name, place) for place in ("device", "pinned")},
    }


def _start_s(recording: ChainRecording, name: str) -> float:
    """After the first pass began."""
    zero = min(span.start_s for span in recording.of(PASS))
    return min(span.start_s for span in recording.within(name)) - zero


def _median_s(runs: Sequence[Run], of: Any) -> float:
    """Seconds that at least one of the spans covers."""
    return round(median(busy_s((s.start_s, s.end_s) for s in of(recording)) for _, recording in runs), 4)


def _host(name: str, runs: Sequence[Run]) -> dict[str, Any]:
    """What the pass' own thread and its helpers were at, mean seconds of a run; see `stacks`."""
    seen: dict[Seen, float] = defaultdict(float)
    for _, recording in runs:
        for one, seconds in recording.stacks.items():
            if one.during == name:
                seen[one] += seconds / len(runs)
    functions: dict[str, float] = defaultdict(float)
    for one, seconds in seen.items():
        if one.doing == "compute" and one.function:
            functions[one.function] += seconds
    largest = sorted(functions.items(), key=lambda item: -item[1])[:_MOST_FUNCTIONS]
    own, helpers = (_by_doing(seen, leads=leads) for leads in (True, False))
    return {
        "spent_s": _spent(own, helpers),
        "own_thread_s": own,
        "helpers_s": helpers,
        "functions": [{"name": function, "s": round(seconds, 4)} for function, seconds in largest],
    }


def _spent(own: dict[str, float], helpers: dict[str, float]) -> dict[str, float]:
    """What a pass' time went into: where its own thread waited for its helpers, what these were at."""
    found, working_s = dict(own), sum(helpers.values())
    if working_s:
        waited_s = found.pop("wait", 0.0)
        for doing, seconds in helpers.items():
            found[doing] = found.get(doing, 0.0) + waited_s * seconds / working_s
    ordered = sorted(found.items(), key=lambda item: -item[1])
    return {doing: round(seconds, 4) for doing, seconds in ordered if seconds}


def _by_doing(seen: dict[Seen, float], *, leads: bool) -> dict[str, float]:
    found: dict[str, float] = defaultdict(float)
    for one, seconds in seen.items():
        if one.leads == leads:
            found[one.doing] += seconds
    ordered = sorted(found.items(), key=lambda item: -item[1])
    return {doing: round(seconds, 4) for doing, seconds in ordered}


def _peak(recording: ChainRecording, name: str) -> int:
    """RAM of the process while the pass went on; 0 where it was too short to look."""
    spans = recording.within(name)
    return max(
        (
            sample.resident_bytes
            for sample in recording.samples
            if any(span.start_s <= sample.at_s <= span.end_s for span in spans)
        ),
        default=0,
    )


def _allocated(recording: ChainRecording, name: str, place: str) -> int:
    return recording.allocated.get(name, {}).get(place, 0)


def _network(name: str, facts: NetworkFacts, runs: Sequence[Run]) -> dict[str, Any]:
    ran = [run for run in runs if name in run[1].networks]
    spans = [span for _, recording in ran for span in recording.of(NETWORK + name)]
    first = [span.seconds for span in spans if span.layers == FIRST]
    warm = [span.seconds for span in spans if span.layers != FIRST] or first
    batches: Counter[int] = sum((rec.batches[name] for _, rec in ran), Counter[int]())
    total_s = [busy_s((s.start_s, s.end_s) for s in rec.of(NETWORK + name)) for _, rec in ran]
    copied = f"{facts.model} ({facts.during})"
    fresh = max(record.computed for record, _ in ran) or 1
    return {
        "name": name,
        **asdict(facts),
        "runs": round(len(spans) / len(ran), 2),
        "runs_per_fresh_frame": round(len(spans) / len(ran) / fresh, 4),
        "batch": batches.most_common(1)[0][0] if batches else 0,
        "batches": {str(batch): round(count / len(ran), 2) for batch, count in sorted(batches.items())},
        "first_ms": round(median(first) * 1000, 4) if first else None,
        **percentiles(warm),
        "s": round(median(total_s), 4),
        "share": round(median(s / run[0].elapsed_s for s, run in zip(total_s, ran, strict=True)), 4),
        "copy_in": _copies(f"{COPY_IN} {copied}", ran),
        "copy_out": _copies(f"{COPY_OUT} {copied}", ran),
    }


def _copies(name: str, runs: Sequence[Run]) -> dict[str, Any]:
    """Of all graphs of the model in that pass together."""
    spans: list[Span] = [span for _, recording in runs for span in recording.of(name)]
    return {
        "count": round(len(spans) / len(runs), 2),
        "bytes": round(sum(recording.size_bytes[name] for _, recording in runs) / len(runs)),
        **percentiles([span.seconds for span in spans]),
    }


def _place(name: str) -> int:
    return next((number for number, start in enumerate(_ORDER) if name.startswith(start)), len(_ORDER))
