"""How sure a ratio of two means is: a bootstrap over runs, and over blocks of frames within each.

Blocks, since neighbouring frames are alike (Künsch, "The jackknife and the bootstrap for general stationary
observations", Annals of Statistics 17, 1989). With few runs the spread between them comes out too small by
sqrt((n - 1) / n), which is made good.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_TRIMMED = 0.05  # of the samples at each end: one hiccup of the machine isn't the program's
_ROUNDS = 2000
_MOST = np.log(1000.0)  # more than that, either way, is not worth telling apart
_SEED = 20261126


@dataclass(frozen=True)
class Change:
    """B against A: 1.1 is a tenth more.

    Attributes:
        low, high: ends of the interval.
        runs: the smaller number of runs; with one, the interval knows nothing of how runs differ.
    """

    ratio: float
    low: float
    high: float
    runs: int


def change(
    before: Sequence[Sequence[float]], after: Sequence[Sequence[float]], *, level: float = 0.95
) -> Change | None:
    """Ratio of the trimmed means of two sets of runs, each a list of samples in time's order.

    None where either has no samples, or takes no time.
    """
    first, second = ([np.asarray(run, np.float64) for run in runs if len(run)] for runs in (before, after))
    if not first or not second or _centre(first) <= 0:
        return None
    rng = np.random.default_rng(_SEED)
    ratio = _centre(second) / _centre(first)
    drawn = np.clip(np.log(_drawn(second, rng)) - np.log(_drawn(first, rng)), -_MOST, _MOST)
    low, high = np.quantile(drawn, ((1 - level) / 2, (1 + level) / 2))
    return Change(ratio, float(np.exp(low)), float(np.exp(high)), min(len(first), len(second)))


def trimmed_mean(values: NDArray[np.float64]) -> float:
    """Without the twentieth at each end."""
    cut = int(len(values) * _TRIMMED)
    ordered = np.sort(values)
    return float(ordered[cut : len(values) - cut].mean())


def _centre(runs: Sequence[NDArray[np.float64]]) -> float:
    return float(np.mean([trimmed_mean(run) for run in runs]))


def _drawn(runs: Sequence[NDArray[np.float64]], rng: np.random.Generator) -> NDArray[np.float64]:
    """Centres of resampled runs; never 0."""
    count = len(runs)
    # For each run its centre in many resamplings of its blocks: [runs, rounds].
    within = np.stack([_resampled(run, rng) for run in runs])
    whole = np.array([trimmed_mean(run) for run in runs])
    picked = rng.integers(0, count, (_ROUNDS, count))
    between = whole[picked].mean(1) - whole.mean()
    if count > 1:
        between *= np.sqrt(count / (count - 1))
    noise = (within[picked, np.arange(_ROUNDS)[:, None]] - whole[picked]).mean(1)
    drawn: NDArray[np.float64] = np.maximum(whole.mean() + between + noise, np.finfo(np.float64).tiny)
    return drawn


def _resampled(run: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Trimmed means of `_ROUNDS` series put together from blocks of the run, which is taken as a ring."""
    length = max(1, round(len(run) ** (1 / 3)))
    blocks = -(-len(run) // length)
    starts = rng.integers(0, len(run), (_ROUNDS, blocks, 1))
    series = run[(starts + np.arange(length)) % len(run)].reshape(_ROUNDS, -1)[:, : len(run)]
    cut = int(len(run) * _TRIMMED)
    means: NDArray[np.float64] = np.sort(series, axis=1)[:, cut : len(run) - cut].mean(1)
    return means
