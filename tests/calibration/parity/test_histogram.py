"""Tensor statistics: exact for bytes, at bin resolution for floats, however the values come."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from trt_anime.calibration.parity.histogram import Differences
from trt_anime.parity import TensorDifference

BIN = 10**0.1  # from one edge to the next


def result(reference: NDArray[Any], candidate: NDArray[Any], *, pieces: int = 1) -> TensorDifference:
    differences = Differences(reference.dtype)
    for pair in zip(np.array_split(reference, pieces), np.array_split(candidate, pieces), strict=True):
        differences.add(*pair)
    return differences.result()


def test_bytes_by_hand() -> None:
    found = result(np.array([0, 255, 7, 9], np.uint8), np.array([3, 255, 6, 9], np.uint8))
    assert found == TensorDifference(
        max=3.0, mean=1.0, p99=3.0, edges=(0.0, 1.0, 2.0, 3.0, 4.0), counts=(2, 1, 0, 1)
    )


def test_bytes_differ_by_up_to_255() -> None:
    found = result(np.array([0, 255], np.uint8), np.array([255, 0], np.uint8))
    assert (found.max, found.counts[255], found.edges[-1]) == (255.0, 2, 256.0)


def test_bools() -> None:
    found = result(np.array([True, False, False]), np.array([True, True, False]))
    assert (found.max, found.counts) == (1.0, (2, 1))


@pytest.mark.parametrize("outliers", [9, 10, 11])
def test_p99_has_99_of_100_at_or_below(outliers: int) -> None:
    candidate = np.zeros(1000, np.uint8)
    candidate[:outliers] = 50
    assert result(np.zeros(1000, np.uint8), candidate).p99 == (50 if outliers > 10 else 0)


@given(arrays.arrays(np.uint8, (2, 40)), st.integers(1, 7))
def test_bytes_are_as_numpy_has_them(pair: NDArray[np.uint8], pieces: int) -> None:
    gap = np.abs(pair[0].astype(int) - pair[1])
    found = result(pair[0], pair[1], pieces=pieces)
    assert found.max == gap.max() and found.mean == pytest.approx(gap.mean())
    assert found.p99 == np.percentile(gap, 99, method="inverted_cdf")
    assert list(found.counts) == np.histogram(gap, bins=np.arange(gap.max() + 2))[0].tolist()


@given(
    arrays.arrays(np.float32, (2, 40), elements=st.floats(-(2.0**40), 2.0**40, width=32)), st.integers(1, 7)
)
def test_floats_are_as_numpy_has_them_but_for_the_bins(pair: NDArray[np.float32], pieces: int) -> None:
    gap = np.abs(pair[0].astype(np.float64) - pair[1].astype(np.float64))
    found = result(pair[0], pair[1], pieces=pieces)
    assert found.max == gap.max() and found.mean == pytest.approx(gap.mean())
    exact = float(np.percentile(gap, 99, method="inverted_cdf"))
    assert exact <= found.p99 <= found.max
    assert found.p99 <= max(exact * BIN * (1 + 1e-9), 1e-9) or exact > 1e9
    assert list(found.counts) == np.histogram(gap, bins=found.edges)[0].tolist()
    assert list(found.edges) == sorted(set(found.edges))


def test_what_is_not_finite_is_left_out() -> None:
    found = result(np.zeros(4, np.float32), np.array([np.nan, np.inf, 0.5, 0.5], np.float32))
    assert (found.max, found.mean, sum(found.counts)) == (0.5, 0.5, 2)


def test_nothing_finite() -> None:
    found = result(np.zeros(2, np.float32), np.full(2, np.nan, np.float32))
    assert (found.max, found.mean, found.p99, sum(found.counts)) == (0, 0, 0, 0)


def test_half_precision_does_not_overflow() -> None:
    assert result(np.full(2, -60000, np.float16), np.full(2, 60000, np.float16)).max == 120000
