"""Differences of tensors, counted in fixed bins: a film takes no more memory than a frame."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from trt_anime.calibration.parity.case import Array
from trt_anime.parity import TensorDifference

# Of floats: 1e-9 to 1e9, ten bins a decade; the first bin takes what is smaller, 0 too.
_LOG_EDGES: NDArray[np.float64] = np.concatenate([[0.0], 10.0 ** (np.arange(-90, 91) / 10)])
_BYTE_EDGES: NDArray[np.float64] = np.arange(257, dtype=np.float64)


class Differences:
    """Absolute differences of one output, batch after batch.

    Bytes are counted exactly. The 99th percentile of floats is the upper edge of the bin that it falls
    into: never too low, at most 26 % too high. Values that are not finite are left out.
    """

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self._exact = dtype in (np.uint8, np.bool_)
        self._edges = _BYTE_EDGES if self._exact else _LOG_EDGES
        self._counts = np.zeros(len(self._edges) - 1, dtype=np.int64)
        self._sum = self._max = 0.0

    def add(self, reference: Array, candidate: Array) -> None:
        """Two arrays of one shape, both of the dtype given, or both floating."""
        if self._exact:
            a, b = (array.view(np.uint8) for array in (reference, candidate))
            gap = np.maximum(a, b) - np.minimum(a, b)
            self._counts += np.bincount(gap.ravel(), minlength=256)
        else:
            gap = np.abs(candidate.astype(np.float64) - reference.astype(np.float64))
            gap = gap[np.isfinite(gap)]
            bins = np.searchsorted(self._edges, gap, side="right") - 1
            self._counts += np.bincount(
                np.minimum(bins, len(self._counts) - 1), minlength=len(self._counts)
            )
        if gap.size:
            self._sum += float(gap.sum(dtype=np.float64))
            self._max = max(self._max, float(gap.max()))

    def result(self) -> TensorDifference:
        """Empty bins at the end are left off, those behind the first are one with it."""
        filled = np.flatnonzero(self._counts)
        last = int(filled[-1]) if filled.size else 0
        first = 1 if self._exact else int(filled[filled > 0][0]) if (filled > 0).any() else 1
        edges = np.concatenate([[0.0], self._edges[first : last + 2]])
        edges[-1] = max(edges[-1], self._max)
        total = int(self._counts.sum())
        return TensorDifference(
            max=self._max,
            mean=self._sum / total if total else 0.0,
            p99=self._p99(),
            edges=tuple(float(edge) for edge in edges),
            counts=(int(self._counts[0]), *(int(count) for count in self._counts[first : last + 1])),
        )

    def _p99(self) -> float:
        below = np.cumsum(self._counts)
        index = int(np.searchsorted(below, -(-99 * below[-1] // 100)))  # rounded up
        if self._exact:
            return float(index)
        is_last = index == len(self._counts) - 1  # which takes what is above its edge, too
        return self._max if is_last else min(float(self._edges[index + 1]), self._max)
