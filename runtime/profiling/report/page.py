"""The report as one file: markup, style, script and the figures, nothing fetched."""

import json
from collections import Counter
from html import escape
from typing import Any

from trt_anime.runtime.profiling.figures import kind_of, name_of
from trt_anime.runtime.profiling.perfetto import levels, tracks_of
from trt_anime.runtime.profiling.profiled import Profile
from trt_anime.runtime.profiling.report.markup import MARKUP
from trt_anime.runtime.profiling.report.script import SCRIPT
from trt_anime.runtime.profiling.report.style import STYLE
from trt_anime.runtime.profiling.spans import SLOT, Recording, Span
from trt_anime.runtime.profiling.steady import window_of

# Batches that the timeline shows; some hundred are enough to see every pattern.
_MOST_BATCHES = 240
_MOST_SAMPLES = 400
_MOST_SPANS = 500


def page(profile: Profile) -> str:
    """The whole HTML file."""
    facts = _thinned(profile.facts) | {"timeline": _timeline(profile.recording)}
    if facts["kind"] == "chain":
        facts["pipeline"] = _thinned(facts["pipeline"] or _NO_PIPELINE)
    data = json.dumps(facts, separators=(",", ":"), ensure_ascii=False).replace("</", "<\\/")
    title = f"{profile.facts['clip']['path']} · trt-anime profile"
    return assembled(escape(title), data)


def assembled(title: str, data: str) -> str:
    """The page around figures that are JSON already; the title is escaped."""
    parts = {"TITLE": title, "STYLE": STYLE, "SCRIPT": SCRIPT, "DATA": data}
    text = MARKUP
    for name, value in parts.items():
        text = text.replace(f"@{name}@", value, 1)
    return text


# What a run without stage 2a's pipeline can't show; its sections are hidden then.
_NO_PIPELINE: dict[str, Any] = {
    "runs": [],
    "stages": [],
    "figures": [],
    "waterfall": [],
    "resources": [],
    "ceilings": [],
    "layers": [],
    "roofline": {"roofs": [], "points": []},
    "memory": {"plan": []},
}


def _thinned(facts: dict[str, Any]) -> dict[str, Any]:
    """Distributions of all runs together in place of the samples of each."""
    runs = [{name: value for name, value in run.items() if name != "samples_ms"} for run in facts["runs"]]
    return facts | {"runs": runs, "distributions": _distributions(facts["runs"])}


def _distributions(runs: list[dict[str, Any]]) -> dict[str, list[float]]:
    """Samples of all runs by name, thinned."""
    pooled: dict[str, list[float]] = {}
    for run in runs:
        for name, values in run["samples_ms"].items():
            pooled.setdefault(name, []).extend(values)
    return {
        name: [round(value, 3) for value in values[:: -(-len(values) // _MOST_SAMPLES) or 1]]
        for name, values in pooled.items()
    }


def _timeline(recording: Recording) -> dict[str, Any]:
    """Spans of the run up to `_MOST_BATCHES` batches, in microseconds; names and tracks by number.

    Of passes, which write no batches, all; of each kind of work in them the first `_MOST_SPANS`.
    """
    written = sorted(recording.written)
    zero = min(span.start_s for span in recording.spans)
    ends = [batch.at_s for batch in written] or [max(span.end_s for span in recording.spans)]
    end_s = ends[min(_MOST_BATCHES, len(ends)) - 1]
    spans = sorted((span for span in recording.spans if span.start_s <= end_s), key=lambda s: s.start_s)
    spans = spans if written else _first(spans)
    tracks = tracks_of(recording)
    names = list(dict.fromkeys(name_of(span) for span in spans))
    places = {track: number for number, track in enumerate(tracks)}, {n: i for i, n in enumerate(names)}
    window = window_of(recording)
    steady = (window.start_s, min(window.end_s, end_s)) if written else (zero, end_s)
    return {
        "tracks": tracks,
        "names": names,
        "kinds": [kind_of(name) for name in names],
        "spans": [
            [
                places[0][span.track],
                places[1][name_of(span)],
                round((span.start_s - zero) * 1e6),
                round(span.seconds * 1e6),
                span.frame,
            ]
            for span in spans
        ],
        "steady": [round((at - zero) * 1e6) for at in steady],
        "memory": [
            [round((sample.at_s - zero) * 1e6), sample.resident_bytes]
            for sample in recording.samples[:: -(-len(recording.samples) // _MOST_SAMPLES) or 1]
        ],
        "slots": [
            [round((at_s - zero) * 1e6), level]
            for at_s, level in levels(recording.of(SLOT))
            if at_s <= end_s
        ],
    }


def _first(spans: list[Span]) -> list[Span]:
    counted: Counter[str] = Counter()
    found = []
    for span in spans:
        counted[span.what] += 1
        if counted[span.what] <= _MOST_SPANS:
            found.append(span)
    return found
