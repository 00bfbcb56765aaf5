"""What the look-ahead found, as Markdown, and whether that is good enough."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from benchmarks import held_words as words
from benchmarks.tables import markdown

LEAST_FOUND = 0.9
MOST_MS = 3.0
# Where it must hold: worse encodes than these are reported, not promised.
PROMISED = ("as drawn", "x264 crf 18", "x264 crf 23")


@dataclass(frozen=True)
class Tally:
    """One clip at one quality.

    Attributes:
        must: whether `wrong` must be 0.
        held: frames that are the same picture as the one before them.
        changed: all other frames.
        found, wrong: by preset: held frames judged repeats; repeats that differ from the picture they
            are taken for.
        starts, starts_found, starts_wrong: shots.
    """

    must: bool
    held: int
    changed: int
    found: dict[str, int]
    wrong: dict[str, int]
    starts: int
    starts_found: int
    starts_wrong: int


@dataclass(frozen=True)
class CutScore:
    """One detector on the film of cuts. `wrong`: false starts, by what happened there."""

    cuts: int
    found: int
    wrong: dict[str, int]
    cpu_ms: float


@dataclass(frozen=True)
class Cost:
    """Milliseconds a frame: medians of repeats, of fresh frames and of all; mean and 95th percentile."""

    repeat: float
    fresh: float
    median: float
    mean: float
    high: float


@dataclass(frozen=True)
class Findings:
    """What was measured.

    Attributes:
        films: by quality, one tally for each film.
        cases: by name and quality.
        cuts: by detector.
        costs: by preset.
    """

    films: dict[str, list[Tally]]
    first_light: Tally
    cases: dict[str, dict[str, Tally]]
    cuts: dict[str, CutScore]
    costs: dict[str, Cost]

    def content(self) -> dict[str, Any]:
        """For a record."""
        return asdict(self)

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> Self:
        """Out of a record."""
        return cls(
            films={name: [Tally(**tally) for tally in rows] for name, rows in content["films"].items()},
            first_light=Tally(**content["first_light"]),
            cases={
                name: {quality: Tally(**tally) for quality, tally in row.items()}
                for name, row in content["cases"].items()
            },
            cuts={name: CutScore(**score) for name, score in content["cuts"].items()},
            costs={preset: Cost(**cost) for preset, cost in content["costs"].items()},
        )


def failures(findings: Findings) -> list[str]:
    """What is not good enough, in words."""
    failed = []
    films = {quality: findings.films[quality] for quality in PROMISED if quality in findings.films}
    for quality, tallies in films.items():
        for preset in tallies[0].found:
            if found_share(tallies, preset) < LEAST_FOUND:
                failed.append(f"{preset}, {quality}: {_share(tallies, preset)} of the held frames found")
            if any(tally.wrong[preset] for tally in tallies):
                failed.append(f"{preset}, {quality}: false repeats in the films")
    for name, by_quality in findings.cases.items():
        failed += [
            f"{preset}, {quality}: {name}, {count} false repeats"
            for quality, tally in by_quality.items()
            if tally.must and quality in PROMISED
            for preset, count in tally.wrong.items()
            if count
        ]
    failed += [
        f"{preset}: {cost.mean:.1f} ms a frame"
        for preset, cost in findings.costs.items()
        if cost.mean > MOST_MS
    ]
    return failed


def found_share(tallies: list[Tally], preset: str) -> float:
    """1 where there was nothing to find."""
    held = sum(tally.held for tally in tallies)
    return sum(tally.found[preset] for tally in tallies) / held if held else 1.0


def document(content: Mapping[str, Any]) -> str:
    """The whole page of a record."""
    findings = Findings.of(content)
    failed = failures(findings)
    verdict = (
        "All that is promised below holds in this run."
        if not failed
        else "**Not good enough in this run:** " + "; ".join(failed) + "."
    )
    parts = [
        "# Held frames and shots: what is found, and what it costs",
        f"*Written by `{content['command']}`; don't edit. {content['date']}. {content['versions']}."
        f" {content['machine']}.*",
        verdict,
        words.HELD,
        "## Held frames in films",
        words.FILMS,
        _film_table(findings),
        "## What must not be taken for a repeat",
        words.CASES,
        _case_table(findings),
        "## Shots",
        words.SHOTS,
        _cut_table(findings),
        words.CHOICE,
        "## Cost",
        words.COST,
        _cost_table(findings),
    ]
    return "\n\n".join(parts) + "\n"


def _share(tallies: list[Tally], preset: str) -> str:
    return f"{100 * found_share(tallies, preset):.1f} %"


def _film_table(findings: Findings) -> str:
    groups = {**findings.films, "`samples/first_light.mp4` (x264 crf 17)": [findings.first_light]}
    rows = []
    for quality, tallies in groups.items():
        cells = []
        for preset in tallies[0].found:
            repeats = sum(tally.found[preset] + tally.wrong[preset] for tally in tallies)
            right = sum(tally.found[preset] for tally in tallies)
            precision = f"{100 * right / repeats:.1f} %" if repeats else "none"
            cells.append(f"{_share(tallies, preset)} / {precision}")
        starts = sum(tally.starts_found for tally in tallies), sum(tally.starts for tally in tallies)
        wrong = sum(tally.starts_wrong for tally in tallies)
        rows.append(
            [
                quality,
                str(sum(tally.held for tally in tallies)),
                *cells,
                f"{starts[0]} of {starts[1]}, {wrong} false",
            ]
        )
    return markdown(["encoded as", "held frames", *findings.first_light.found, "shots"], rows)


def _case_table(findings: Findings) -> str:
    qualities = list(next(iter(findings.cases.values())))
    rows = []
    for name, by_quality in findings.cases.items():
        first = by_quality[qualities[0]]
        cells = [
            "/".join(str(count) for count in by_quality[quality].wrong.values()) for quality in qualities
        ]
        rows.append([name if first.must else f"({name})", str(first.changed - 1), *cells])
    return markdown(["case", "changed frames", *qualities], rows)


def _cut_table(findings: Findings) -> str:
    rows = []
    for name, score in findings.cuts.items():
        wrong = sum(score.wrong.values())
        precision = 100 * score.found / max(1, score.found + wrong)
        causes = ", ".join(f"{count} {event}" for event, count in score.wrong.items()) or "none"
        share = f"{100 * score.found / score.cuts:.1f} %"
        rows.append([name, share, f"{precision:.1f} %", causes, f"{score.cpu_ms:.2f}"])
    return markdown(
        ["detector", "cuts found", "precision", "false starts, by what happens there", "ms a frame"], rows
    )


def _cost_table(findings: Findings) -> str:
    rows = [
        [
            preset,
            *(f"{value:.2f}" for value in (cost.repeat, cost.fresh, cost.median, cost.mean, cost.high)),
        ]
        for preset, cost in findings.costs.items()
    ]
    head = [
        "preset",
        "a repeat, median",
        "a fresh frame, median",
        "all, median",
        "all, mean",
        "all, 95th percentile",
    ]
    return markdown(head, rows)
