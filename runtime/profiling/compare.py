"""Two profiles: what got slower, and whether that is more than noise."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from trt_anime.runtime.profiling.bootstrap import Change, change
from trt_anime.runtime.profiling.figures import WHOLE, kind_of

Verdict = Literal["slower", "faster", "noise"]

# All rows together are wrong one time in twenty, so each has to be surer than that.
_WRONG = 0.05


@dataclass(frozen=True)
class Row:
    """One kind of work in both profiles.

    Attributes:
        before_ms, after_ms: means over runs.
        change: None where it is in one of the two only, or nothing says how sure it is.
        counts: a slowdown of it is one of the program; waits are what others took.
    """

    name: str
    before_ms: float | None
    after_ms: float | None
    change: Change | None
    counts: bool

    @property
    def verdict(self) -> Verdict:
        if self.change is None or self.change.low <= 1 <= self.change.high:
            return "noise"
        return "slower" if self.change.low > 1 else "faster"

    def fails(self, threshold: float) -> bool:
        """Really slower, and by more than `threshold` (0.05 is a twentieth)."""
        if not self.counts or self.change is None:
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
    counted = sum(_counts(name) for name in names)
    level = 1 - _WRONG / counted
    rows = tuple(_row(name, before, after, level) for name in names)
    return Comparison(rows, tuple(_differences(before, after)))


def _row(name: str, before: dict[str, Any], after: dict[str, Any], level: float) -> Row:
    first, second = _samples(before, name), _samples(after, name)
    both = [first, second] if _knows(first) and _knows(second) else [[], []]
    return Row(name, _mean(first), _mean(second), change(*both, level=level), _counts(name))


def _knows(runs: Sequence[Sequence[float]]) -> bool:
    """One sample says nothing of how samples differ by themselves."""
    return sum(map(len, runs)) > 1


def _counts(name: str) -> bool:
    return kind_of(name) != "wait"


def _names(profile: dict[str, Any]) -> list[str]:
    return [str(row["name"]) for row in profile["figures"]]


def _samples(profile: dict[str, Any], name: str) -> list[list[float]]:
    return [run["samples_ms"].get(name, []) for run in profile["runs"]]


def _mean(runs: Sequence[Sequence[float]]) -> float | None:
    means = [sum(run) / len(run) for run in runs if run]
    return sum(means) / len(means) if means else None


def _differences(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    pairs = {
        "clip": [f"{one['clip']['width']}x{one['clip']['height']}" for one in (before, after)],
        "device": [one["device"]["title"] for one in (before, after)],
        "cores": [one["machine"]["usable_cores"] for one in (before, after)],
        "format": [one["options"]["format"] for one in (before, after)],
        "kind": [one.get("kind", "frames") for one in (before, after)],
        "batch": [_batch(one) for one in (before, after)],
        "stages": [_stages(one) for one in (before, after)],
    }
    found = [f"{name}: {one} against {other}" for name, (one, other) in pairs.items() if one != other]
    for name, profile in (("the first", before), ("the second", after)):
        if profile["others_cores_busy"] > 0.1 * profile["machine"]["usable_cores"]:
            busy = profile["others_cores_busy"]
            found.append(f"{name} was measured while other programs kept {busy:.1f} cores busy")
        if len(profile["runs"]) < 2:
            found.append(f"{name} has one run only: how much runs differ by themselves isn't known")
    return found


def _batch(profile: dict[str, Any]) -> int:
    given = (
        profile["options"]["batch_size"] if profile.get("kind") == "chain" else profile["memory"]["batch"]
    )
    return int(given)


def _stages(profile: dict[str, Any]) -> str:
    """What ran; each model of several stages once."""
    if profile.get("kind") == "chain":
        ran = [(row["stage"], row["model"], row) for row in profile["networks"]]
    else:
        ran = [(stage["number"], stage["model"], stage) for stage in profile["stages"]]
    words = [f"{number} {model} {row['precision']} on {row['provider']}" for number, model, row in ran]
    return ", ".join(dict.fromkeys(words))
