"""How sure a ratio of two means is: by how runs differ, and by how frames within a run do.

A few runs say little of how much runs differ by themselves: their spread is far off as often as not.
Student's t ("The probable error of a mean", Biometrika 6, 1908) is as wide as that makes it, on logarithms,
where a machine that is a tenth slower is so in short work and in long. Both sides are taken to vary alike.

Runs that agree by luck are not believed: the interval is never narrower than a bootstrap over blocks of
frames within each run has it. Blocks, since neighbouring frames are alike (Künsch, "The jackknife and the
bootstrap for general stationary observations", Annals of Statistics 17, 1989).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_TRIMMED = 0.05  # of the samples at each end: one hiccup of the machine isn't the program's
_ROUNDS = 2000
_MOST = 1000.0  # an interval that reaches so far says nothing
_SEED = 20261126


@dataclass(frozen=True)
class Change:
    """B against A: 1.1 is a tenth more.

    Attributes:
        low, high: ends of the interval.
        degrees: of freedom: runs of both, less two. With none, nothing tells how runs differ by themselves.
    """

    ratio: float
    low: float
    high: float
    degrees: int

    @property
    def is_known(self) -> bool:
        """Whether the interval says anything."""
        return max(self.high, 1 / self.low) < 0.999 * _MOST


def change(
    before: Sequence[Sequence[float]], after: Sequence[Sequence[float]], *, level: float = 0.95
) -> Change | None:
    """Ratio of the trimmed means of two sets of runs, each a list of samples in time's order.

    None where either has no samples, or a run took no time.
    """
    first, second = ([np.asarray(run, np.float64) for run in runs if len(run)] for runs in (before, after))
    means = [np.array([trimmed_mean(run) for run in runs]) for runs in (first, second)]
    if not first or not second or min(one.min() for one in means) <= 0:
        return None
    logs = [np.log(one) for one in means]
    shift = float(logs[1].mean() - logs[0].mean())
    between = _half_width(logs, level)
    low, high = shift - between, shift + between
    if max(map(len, (*first, *second))) > 1:
        rng = np.random.default_rng(_SEED)
        drawn = _drawn(second, rng) - _drawn(first, rng)
        within = np.quantile(drawn, ((1 - level) / 2, (1 + level) / 2))
        low, high = min(low, within[0]), max(high, within[1])
    ends = np.exp(np.clip((low, high), -np.log(_MOST), np.log(_MOST)))
    return Change(float(np.exp(shift)), float(ends[0]), float(ends[1]), len(first) + len(second) - 2)


def trimmed_mean(values: NDArray[np.float64]) -> float:
    """Without the twentieth at each end."""
    cut = int(len(values) * _TRIMMED)
    ordered = np.sort(values)
    return float(ordered[cut : len(values) - cut].mean())


def _half_width(logs: Sequence[NDArray[np.float64]], level: float) -> float:
    """Of the interval of a difference of two means, by how runs differ; endless with one run each."""
    from scipy.special import stdtrit

    degrees = sum(map(len, logs)) - 2
    if not degrees:
        return float("inf")
    variance = sum(float(((one - one.mean()) ** 2).sum()) for one in logs) / degrees
    error = np.sqrt(variance * sum(1 / len(one) for one in logs))
    return float(stdtrit(degrees, (1 + level) / 2) * error)


def _drawn(runs: Sequence[NDArray[np.float64]], rng: np.random.Generator) -> NDArray[np.float64]:
    """Logarithms of means of runs whose frames are drawn anew: [rounds]."""
    drawn = np.stack([_resampled(run, rng) for run in runs])
    logs: NDArray[np.float64] = np.log(np.maximum(drawn, np.finfo(np.float64).tiny)).mean(0)
    return logs


def _resampled(run: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Trimmed means of `_ROUNDS` series put together from blocks of the run, which is taken as a ring."""
    length = max(1, round(len(run) ** (1 / 3)))
    blocks = -(-len(run) // length)
    starts = rng.integers(0, len(run), (_ROUNDS, blocks, 1))
    series = run[(starts + np.arange(length)) % len(run)].reshape(_ROUNDS, -1)[:, : len(run)]
    cut = int(len(run) * _TRIMMED)
    means: NDArray[np.float64] = np.sort(series, axis=1)[:, cut : len(run) - cut].mean(1)
    return means
