"""A comparison is a value that knows whether it passed."""

import numpy as np
import pytest

from tests.matte.pieces import Frames
from trt_anime.export.check import LEVELS, Difference
from trt_anime.export.matte.check import difference


def rgba(colour: int, alpha: int) -> Frames:
    return np.stack([np.full((1, 20, 20), value, np.uint8) for value in (colour,) * 3 + (alpha,)], axis=-1)


def test_equal_pictures() -> None:
    assert difference(rgba(90, 200), rgba(90, 200)) == Difference(0, 0, 0)


def test_colour_means_nothing_where_alpha_is_zero() -> None:
    assert difference(rgba(90, 0), rgba(250, 0)) == Difference(0, 0, 0)


def test_levels() -> None:
    found = rgba(100, 255)
    found[0, 0, 0, 0] = 110
    result = difference(found, rgba(100, 255))
    assert (result.maximum, result.p99, round(result.mean, 6)) == (10, 0, 10 / 1600)
    assert str(result) == "max 10, p99 0, mean 0.0063 of 255"


@pytest.mark.parametrize(
    ("maximum", "p99", "passed"),
    [
        (0, 0, True),
        (LEVELS.maximum, LEVELS.p99, True),
        (LEVELS.maximum + 1, 0, False),
        (2, LEVELS.p99 + 0.01, False),
        (float("nan"), float("nan"), False),
    ],
)
def test_passed(maximum: float, p99: float, passed: bool) -> None:
    assert Difference(maximum, p99, 0).passed == passed


def test_a_moved_picture_fails() -> None:
    picture = rgba(0, 255)
    picture[0, :, ::2, :3] = 255
    assert not difference(picture, np.roll(picture, 1, axis=2)).passed
