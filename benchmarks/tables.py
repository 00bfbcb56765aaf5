"""Repeated measurements, their ratios, and Markdown."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True)
class Spread:
    """Median, lowest and highest of some measurements, all in one unit."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Self:
        """`values`: at least one."""
        return cls(statistics.median(values), min(values), max(values))

    def text(self, digits: int = 0) -> str:
        return f"{self.median:.{digits}f} ({self.low:.{digits}f}–{self.high:.{digits}f})"  # noqa: RUF001


def paired_ratio(theirs: Sequence[float], ours: Sequence[float]) -> Spread:
    """How many times faster we are, round by round: what slows a whole round cancels out.

    Both hold one time per round, of the same rounds, in one unit.
    """
    return Spread.of([their / our for their, our in zip(theirs, ours, strict=True)])


def change(before: float, after: float) -> str:
    """Relative change in words: ``-12.3 %``; ``±0.0 %`` too when both are 0."""
    if before == after:
        return "±0.0 %"
    return f"{100 * (after - before) / before:+.1f} %" if before else "from 0"


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table; the first column is text, the others are numbers and stand to the right."""
    rule = ["---"] + ["---:"] * (len(head) - 1)
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [head, rule, *rows])
