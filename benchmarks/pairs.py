"""Two ways to do the same work, one after the other and again: A B A B."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from benchmarks.tables import Spread, markdown, paired_ratio

Work = Callable[[], float | None]
"""Does it once; gives seconds of its own where it knows better than the clock around it."""


@dataclass(frozen=True)
class Pair:
    """Ours against another way.

    Attributes:
        name: what was done, in words that stay the same from release to release.
        other: the other way.
        ours, theirs: milliseconds for one `unit`, one for each round, of the same rounds.
        checked: how it was seen that both gave the same, before the clock started.
        floor: times as fast that ours must be at least; None where nothing was promised.
    """

    name: str
    other: str
    ours: Sequence[float]
    theirs: Sequence[float]
    checked: str
    unit: str = "frame"
    floor: float | None = None

    @property
    def ratio(self) -> Spread:
        """How many times as fast ours is."""
        return paired_ratio(self.theirs, self.ours)

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """Out of JSON."""
        return cls(**values)


@dataclass
class Rounds:
    """Milliseconds of both ways, round by round."""

    ours: list[float] = field(default_factory=list)
    theirs: list[float] = field(default_factory=list)


def alternated(ours: Work, theirs: Work, *, rounds: int, units: int) -> Rounds:
    """Milliseconds for one of `units` that each run does. Both must have been warmed up."""
    found = Rounds()
    for _ in range(rounds):
        found.theirs.append(1000 * _seconds(theirs) / units)
        found.ours.append(1000 * _seconds(ours) / units)
    return found


def table(pairs: Sequence[Pair]) -> str:
    """Markdown, a row a pair."""
    return markdown(*cells(pairs))


def cells(pairs: Sequence[Pair]) -> tuple[list[str], list[list[str]]]:
    """The head of a table, and a row a pair."""
    rows = [
        [
            pair.name,
            pair.other,
            f"{_milliseconds(pair.ours)} a {pair.unit}",
            f"{_milliseconds(pair.theirs)} a {pair.unit}",
            f"**{pair.ratio.text(2)}**" + _verdict(pair),
        ]
        for pair in pairs
    ]
    return ["what", "against", "ours, ms", "theirs, ms", "times as fast"], rows


def _verdict(pair: Pair) -> str:
    if pair.floor is None:
        return ""
    return f" (floor {pair.floor:g}: {'kept' if pair.ratio.median >= pair.floor else 'missed'})"


def _milliseconds(values: Sequence[float]) -> str:
    spread = Spread.of(values)
    return spread.text(0 if spread.median >= 100 else 1 if spread.median >= 10 else 3)


def _seconds(work: Work) -> float:
    start = time.perf_counter()
    own = work()
    return time.perf_counter() - start if own is None else own
