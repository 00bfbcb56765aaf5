"""Two profiles: what got slower, and whether that is more than noise."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from trt_anime.runtime.profiling.bootstrap import Change, change
from trt_anime.runtime.profiling.chain.recording import OPEN
from trt_anime.runtime.profiling.differences import differences
from trt_anime.runtime.profiling.figures import WHOLE, kind_of
from trt_anime.runtime.profiling.spans import COPY_IN, COPY_OUT

Verdict = Literal["slower", "faster", "noise"]

# Profiles of the same program fail one time in twenty at most: by the whole half as often, and by all other
# rows together half as often, so each of these has to be the surer the more there are.
_WRONG = 0.05
# Parts of other rows, and too short to be steady.
_PARTS = (OPEN, COPY_IN, COPY_OUT)


@dataclass(frozen=True)
class Row:
    """One kind of work in both profiles.

    Attributes:
        before_ms, after_ms: means over runs.
        change: None where it is in one of the two only, or takes no time.
        decides: a slowdown of it is one of the program. Waits are what others took; copies and openings are
            in other rows.
    """

    name: str
    before_ms: float | None
    after_ms: float | None
    change: Change | None
    decides: bool

    @property
    def verdict(self) -> Verdict:
        if self.change is None or self.change.low <= 1 <= self.change.high:
            return "noise"
        return "slower" if self.change.low > 1 else "faster"

    def fails(self, threshold: float) -> bool:
        """Really slower, and by more than `threshold` (0.05 is a twentieth)."""
        if not self.decides or self.change is None:
            return False
        return self.verdict == "slower" and self.change.ratio > 1 + threshold


@dataclass(frozen=True)
class Comparison:
    """Rows in a frame's order, the whole first; sentences on what else differs."""

    rows: tuple[Row, ...]
    differences: tuple[str, ...]

    def failures(self, threshold: float) -> list[Row]:
        return [row for row in self.rows if row.fails(threshold)]


def compare(before: dict[str, Any], after: dict[str, Any]) -> Comparison:
    """Both are what `profile.json` says."""
    names = list(dict.fromkeys([WHOLE, *_names(before), *_names(after)]))
    others = sum(_decides(name) for name in names if name != WHOLE)
    # An interval has two ends, of which a slowdown looks at one.
    levels = {WHOLE: 1 - _WRONG}
    level = 1 - _WRONG / max(others, 1)
    rows = tuple(_row(name, before, after, levels.get(name, level)) for name in names)
    return Comparison(rows, tuple(differences(before, after)))


def _row(name: str, before: dict[str, Any], after: dict[str, Any], level: float) -> Row:
    first, second = _samples(before, name), _samples(after, name)
    return Row(name, _mean(first), _mean(second), change(first, second, level=level), _decides(name))


def _decides(name: str) -> bool:
    return kind_of(name) != "wait" and not name.startswith(_PARTS)


def _names(profile: dict[str, Any]) -> list[str]:
    return [str(row["name"]) for row in profile["figures"]]


def _samples(profile: dict[str, Any], name: str) -> list[list[float]]:
    return [run["samples_ms"].get(name, []) for run in profile["runs"]]


def _mean(runs: Sequence[Sequence[float]]) -> float | None:
    means = [sum(run) / len(run) for run in runs if run]
    return sum(means) / len(means) if means else None
