from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.spatial.distance import cosine as cosine_distance

from trt_anime.calibration.metrics.embeddings import cosine, cosine_rows
from trt_anime.errors import InputError


def rows(*values: tuple[float, ...]) -> NDArray[np.float32]:
    return np.array(values, dtype=np.float32)


def test_by_hand() -> None:
    a = rows((1, 0), (3, 4), (1, 0), (1, 1))
    b = rows((5, 0), (4, 3), (0, 2), (-2, -2))
    assert cosine_rows(a, b) == pytest.approx([1.0, 24 / 25, 0.0, -1.0])
    found = cosine(a, b)
    assert (found.min, found.mean) == pytest.approx((-1.0, 0.24))


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_is_that_of_scipy(dtype: type[np.floating]) -> None:
    a, b = np.random.default_rng(0).standard_normal((2, 5, 384)).astype(dtype)
    expected = [1 - cosine_distance(*pair) for pair in zip(a.astype(float), b.astype(float), strict=True)]
    assert cosine_rows(a, b) == pytest.approx(expected, abs=1e-12)


@given(st.floats(1e-3, 1e3), st.integers(0, 99))
def test_length_does_not_count(scale: float, seed: int) -> None:
    a = np.random.default_rng(seed).standard_normal((3, 16)).astype(np.float32)
    assert cosine_rows(a, a * np.float32(scale)) == pytest.approx([1.0] * 3)


def test_half_precision_does_not_overflow() -> None:
    large = np.full((1, 384), 60000, np.float16)
    assert cosine_rows(large, large) == pytest.approx([1.0])


def test_zeros_have_no_direction() -> None:
    zero, one = rows((0, 0)), rows((1, 0))
    assert cosine_rows(zero, zero) == [1.0]
    assert cosine_rows(zero, one) == cosine_rows(one, zero) == [0.0]


BAD: dict[str, NDArray[Any]] = {
    "bytes": np.ones((2, 3), np.uint8),
    "one row": np.ones(3, np.float32),
    "another size": np.ones((2, 4), np.float32),
    "none": np.ones((0, 3), np.float32),
    "not a number": np.full((2, 3), np.nan, np.float32),
    "infinite": np.full((2, 3), np.inf, np.float16),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_embeddings_are_refused(name: str) -> None:
    good = np.ones((2, 3), np.float32)
    for pair in ((BAD[name], good), (good, BAD[name])):
        with pytest.raises(InputError, match="mbedding"):
            cosine_rows(*pair)
