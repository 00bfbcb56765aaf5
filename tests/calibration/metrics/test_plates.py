"""PSNR and SSIM inside a hole, against scikit-image over the whole picture."""

import importlib
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage

from trt_anime.calibration.metrics.plates import psnr, psnr_of_mse, similarity, squared_error, ssim
from trt_anime.errors import InputError

Plate = NDArray[np.uint8]

skimage: Any = importlib.import_module("skimage.metrics")  # it is half typed

EVERYWHERE = np.ones((40, 50), np.bool_)


def plate(seed: int = 0) -> Plate:
    smooth = ndimage.gaussian_filter(np.random.default_rng(seed).random((40, 50, 3)), (3, 3, 0))
    return np.asarray(255 * (smooth - smooth.min()) / (smooth.max() - smooth.min()), np.uint8)


def noisy(clean: Plate, sigma: float) -> Plate:
    noise = np.random.default_rng(9).normal(0, sigma, clean.shape)
    return np.asarray(np.clip(np.rint(clean + noise), 0, 255), np.uint8)


def hole(top: int, left: int, height: int, width: int) -> NDArray[np.bool_]:
    inside = np.zeros((40, 50), np.bool_)
    inside[top : top + height, left : left + width] = True
    inside[top, left] = False  # no rectangle
    return inside


def reference_map(a: Plate, b: Plate) -> NDArray[np.float64]:
    """Wang's index of every window, mean of the channels."""
    _, full = skimage.structural_similarity(
        a,
        b,
        channel_axis=-1,
        data_range=255,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        full=True,
    )
    return np.asarray(full.mean(axis=-1))


def test_psnr_by_hand() -> None:
    a, b = np.zeros((40, 50, 3), np.uint8), np.zeros((40, 50, 3), np.uint8)
    inside = hole(5, 5, 2, 2)  # 3 pixels
    b[6, 6] = (3, 0, 0)  # 9 of 9 values: 1
    b[0, 0] = 255  # outside
    assert squared_error(a, b, inside) == 3.0
    assert psnr(a, b, inside) == pytest.approx(20 * math.log10(255))


def test_equal_plates_are_infinitely_near_and_wholly_similar() -> None:
    assert psnr(plate(), plate(), EVERYWHERE) == psnr_of_mse(0.0) == math.inf
    assert ssim(plate(), plate(), EVERYWHERE) == pytest.approx(1.0, abs=1e-12)


def test_black_against_white() -> None:
    black, white = np.zeros((40, 50, 3), np.uint8), np.full((40, 50, 3), 255, np.uint8)
    assert psnr(black, white, EVERYWHERE) == 0.0
    assert ssim(black, white, EVERYWHERE) == pytest.approx(0.0001 / 1.0001)  # C1 / (1 + C1)


@pytest.mark.parametrize("sigma", [1, 8, 40])
def test_psnr_is_that_of_scikit_image(sigma: float) -> None:
    a, b = plate(), noisy(plate(), sigma)
    assert psnr(a, b, EVERYWHERE) == pytest.approx(skimage.peak_signal_noise_ratio(a, b, data_range=255))


@pytest.mark.parametrize(
    "inside",
    [EVERYWHERE, hole(0, 0, 12, 9), hole(30, 41, 10, 9), hole(17, 20, 1, 2), hole(2, 3, 30, 44)],
    ids=["everywhere", "corner", "other corner", "a pixel", "large"],
)
def test_ssim_is_that_of_scikit_image_in_the_hole(inside: NDArray[np.bool_]) -> None:
    a, b = plate(), noisy(plate(), 12)
    expected = float(reference_map(a, b)[inside].mean())
    assert ssim(a, b, inside) == pytest.approx(expected, abs=1e-9)


@settings(max_examples=20)
@given(st.integers(0, 30), st.integers(0, 40), st.integers(2, 10), st.integers(2, 10))
def test_only_the_hole_counts(top: int, left: int, height: int, width: int) -> None:
    inside = hole(top, left, height, width)
    a, b = plate(), noisy(plate(), 5)
    elsewhere = b.copy()
    seen = np.asarray(ndimage.binary_dilation(inside, np.ones((11, 11))))  # by any window
    elsewhere[~seen] = 0
    assert psnr(a, elsewhere, inside) == psnr(a, b, inside)
    assert ssim(a, elsewhere, inside) == pytest.approx(ssim(a, b, inside))


def test_more_noise_is_worse() -> None:
    inside = hole(8, 8, 20, 20)
    scores = [(psnr(plate(), b, inside), ssim(plate(), b, inside)) for b in map(_with, (0.5, 2, 8, 32))]
    assert scores == sorted(scores, reverse=True)
    assert [score for _, score in scores] == sorted((score for _, score in scores), reverse=True)


def test_empty_hole() -> None:
    empty = np.zeros((40, 50), np.bool_)
    assert squared_error(plate(), plate(1), empty) == similarity(plate(), plate(1), empty) == 0.0
    for measure in (psnr, ssim):
        with pytest.raises(InputError, match="hole is empty"):
            measure(plate(), plate(1), empty)


@pytest.mark.parametrize(
    ("bad", "inside"),
    [
        (plate().astype(np.float32), EVERYWHERE),
        (plate()[:-1], EVERYWHERE),
        (plate()[..., :1], EVERYWHERE),
        (plate(), EVERYWHERE.astype(np.uint8)),
    ],
    ids=["dtype", "size", "channels", "hole"],
)
def test_bad_plates_are_refused(bad: NDArray[Any], inside: NDArray[Any]) -> None:
    for measure in (psnr, ssim):
        with pytest.raises(InputError, match="pass"):
            measure(plate(), bad, inside)


def _with(sigma: float) -> Plate:
    return noisy(plate(), sigma)
