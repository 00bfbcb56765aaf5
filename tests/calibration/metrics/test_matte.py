"""Matting metrics, held against cases small enough to work out by hand."""

import math
import time
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from trt_anime.calibration.metrics.matte import (
    MatteError,
    dtssd,
    foreground_error,
    matte_error,
    temporal_error,
)
from trt_anime.errors import InputError

Array = NDArray[np.float64]


def row(*values: float) -> Array:
    return np.array([values], dtype=np.float64)


def disc(height: int, width: int, radius: float) -> Array:
    y, x = np.mgrid[:height, :width]
    distance = np.hypot(y - height / 2, x - width / 2)
    return np.asarray(np.clip((radius - distance) / 6 + 0.5, 0.0, 1.0), dtype=np.float64)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_equal_mattes_have_no_error(dtype: type[np.floating]) -> None:
    matte = disc(40, 50, 15).astype(dtype)
    assert matte_error(matte, matte.copy()) == MatteError(0.0, 0.0, 0.0, 0.0, 2000)


def test_sad_is_a_sum_in_thousands_and_mse_a_mean() -> None:
    error = matte_error(row(0.0, 0.5, 1.0, 0.25), row(0.0, 1.0, 0.0, 0.0))
    assert error.sad == pytest.approx((0.5 + 1.0 + 0.25) / 1000)
    assert error.mse == pytest.approx((0.25 + 1.0 + 0.0625) / 4)
    assert error.pixels == 4


def test_errors_outside_of_the_mask_do_not_count() -> None:
    estimated, true = disc(40, 50, 15), disc(40, 50, 17)
    mask = np.zeros((40, 50), dtype=np.bool_)
    mask[:, :25] = True
    left, right = matte_error(estimated, true, mask=mask), matte_error(estimated, true, mask=~mask)
    whole = matte_error(estimated, true)
    assert left.pixels == right.pixels == 1000
    assert left.sad + right.sad == pytest.approx(whole.sad)
    assert left.gradient + right.gradient == pytest.approx(whole.gradient)
    assert left.connectivity + right.connectivity == pytest.approx(whole.connectivity)
    assert (left.mse + right.mse) / 2 == pytest.approx(whole.mse)
    assert left.sad > 0


def test_a_constant_offset_has_no_gradient_error() -> None:
    true = 0.5 * disc(40, 50, 15)
    assert matte_error(true + 0.25, true).gradient == pytest.approx(0.0, abs=1e-12)


def test_gradient_error_of_a_step_follows_the_kernel() -> None:
    # Against a flat matte the error is the squared slope. A vertical step, nine taps wide: the sum over the
    # smoothing axis of the unit-energy Gaussian, times the running sum of the unit-energy derivative.
    true = np.zeros((20, 30))
    true[:, 15:] = 1.0
    taps = np.arange(-4.0, 5.0)
    smooth = np.exp(-(taps**2) / (2 * 1.4**2))
    derive = taps * smooth
    smooth, derive = smooth / math.sqrt(sum(smooth**2)), derive / math.sqrt(sum(derive**2))
    profile = np.cumsum(derive) * smooth.sum()
    expected = 20 * float((profile**2).sum()) / 1000
    assert matte_error(np.zeros((20, 30)), true).gradient == pytest.approx(expected, rel=1e-9)


def test_gradient_error_is_that_of_full_convolutions() -> None:
    estimated, true = np.random.default_rng(1).random((2, 17, 23))
    taps = np.arange(-4, 5)
    kernel = np.outer(np.exp(-(taps**2) / 3.92), -taps * np.exp(-(taps**2) / 3.92))
    kernel /= math.sqrt((kernel**2).sum())

    def slope(matte: Array) -> Array:
        across = ndimage.convolve(matte, kernel, mode="nearest")
        down = ndimage.convolve(matte, kernel.T, mode="nearest")
        return np.asarray(np.sqrt(across**2 + down**2), dtype=np.float64)

    expected = float(((slope(estimated) - slope(true)) ** 2).sum()) / 1000
    assert matte_error(estimated, true).gradient == pytest.approx(expected, rel=1e-9)


def test_connectivity_of_a_detached_pixel() -> None:
    # The body is pixels 0 to 2. Pixel 4 is opaque in the estimate, cut off by the gap at 3, so its level is
    # 0 and it stands out by 1; in the truth it is empty.
    error = matte_error(row(1, 1, 1, 0, 1), row(1, 1, 1, 0, 0))
    assert error.connectivity == pytest.approx(1 / 1000)


def test_connectivity_of_an_attached_pixel() -> None:
    # Pixel 3 belongs to the common body up to the threshold 0.4. It stands out by 0.6 in the estimate and
    # by nothing in the truth.
    error = matte_error(row(1, 1, 1, 1.0, 0), row(1, 1, 1, 0.4, 0))
    assert error.connectivity == pytest.approx(0.6 / 1000)


def test_connectivity_forgives_less_than_theta() -> None:
    # Level 0.4: 0.54 stands out by 0.14, which is forgiven; 0.56 by 0.16, which counts in full.
    true = row(1, 1, 1, 0.4, 0)
    assert matte_error(row(1, 1, 1, 0.54, 0), true).connectivity == 0.0
    assert matte_error(row(1, 1, 1, 0.56, 0), true).connectivity == pytest.approx(0.16 / 1000)


def test_connectivity_takes_the_largest_region_and_no_diagonals() -> None:
    # Pixel (0, 0) touches the body at a corner only, so its level is 0: it stands out by 1 in the estimate
    # and by 0.1, which is forgiven, in the truth. Were it connected, its level would be 0.1.
    true = np.zeros((4, 6))
    true[0, 0] = 0.1
    true[1:4, 1:4] = 1.0
    estimated = true.copy()
    estimated[0, 0] = 1.0
    assert matte_error(estimated, true).connectivity == pytest.approx(1 / 1000)
    # a detached pixel that both mattes have is equally unconnected in both
    assert matte_error(estimated, estimated).connectivity == 0.0


def test_connectivity_once_lost_is_not_regained() -> None:
    # Up to 0.5 all is one region. At 0.6 the largest is pixels 0 to 2, from 0.7 on it is pixels 4 and 5;
    # but they have left the body and stay at the level 0.5. Truth and estimate differ at pixel 4: they
    # stand out by 0.4 and 0.5. Above a regained level, only the estimate would.
    estimated = row(0.6, 0.6, 0.6, 0.5, 1.0, 1.0)
    true = row(0.6, 0.6, 0.6, 0.5, 0.9, 1.0)
    assert matte_error(estimated, true).connectivity == pytest.approx(0.1 / 1000)


@pytest.mark.parametrize("threshold", [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0])
def test_a_threshold_is_reached_in_every_precision(threshold: float) -> None:
    true, estimated = row(1, 1, 1, threshold), row(1, 1, 1, min(1.0, threshold + 0.149))
    assert matte_error(estimated, true).connectivity == 0.0
    assert matte_error(estimated.astype(np.float32), true.astype(np.float32)).connectivity == 0.0


def test_empty_mattes_have_a_connectivity() -> None:
    nothing = np.zeros((3, 3))
    assert matte_error(nothing, nothing).connectivity == 0.0
    assert matte_error(nothing + 1, nothing).connectivity == pytest.approx(9 / 1000)


def test_full_hd_is_measured_in_reasonable_time() -> None:
    noise = np.random.default_rng(0).random((1080, 1920))
    true = disc(1080, 1920, 400)
    estimated = np.clip(true + 0.2 * (noise - 0.5), 0, 1)
    start = time.perf_counter()
    error = matte_error(estimated, true)
    assert time.perf_counter() - start < 10  # about 1 s; the bound is for busy machines
    assert min(error.sad, error.gradient, error.connectivity) > 0


def test_foreground_error_counts_the_ambiguous_band_only() -> None:
    alpha = np.array([[0.0, 0.02, 0.5, 0.97, 0.98, 1.0]])
    true = np.full((1, 6, 3), 0.5)
    estimated = true.copy()
    estimated[0, [0, 1, 4, 5]] = 1.0
    assert foreground_error(estimated, true, alpha) == 0.0
    estimated[0, 2] = (0.8, 0.5, 0.5)
    estimated[0, 3] = (0.5, 0.2, 0.5)
    assert foreground_error(estimated, true, alpha) == pytest.approx(0.6 / 6)


def test_foreground_error_without_ambiguous_pixels_is_zero() -> None:
    assert foreground_error(np.ones((1, 2, 3)), np.zeros((1, 2, 3)), row(0.0, 1.0)) == 0.0


def test_temporal_errors_of_three_frames() -> None:
    # differences to the truth: (0, 0), (0.3, 0), (0.3, 0.1): changes (0.3, 0), then (0, 0.1)
    estimated = [row(0.2, 0.5), row(0.7, 0.5), row(0.9, 0.6)]
    true = [row(0.2, 0.5), row(0.4, 0.5), row(0.6, 0.5)]
    assert temporal_error(estimated, true) == pytest.approx((0.15 + 0.05) / 2)
    assert dtssd(estimated, true) == pytest.approx((0.3 / math.sqrt(2) + 0.1 / math.sqrt(2)) / 2)


def test_a_constant_error_does_not_flicker() -> None:
    true = np.random.default_rng(0).random((4, 6, 7)) * 0.5
    assert temporal_error(true + 0.25, true) == pytest.approx(0.0, abs=1e-12)
    assert dtssd(iter(true + 0.25), iter(true)) == pytest.approx(0.0, abs=1e-12)


BAD_MATTES: dict[str, NDArray[Any]] = {
    "bytes": np.zeros((2, 2), dtype=np.uint8),
    "0..255": np.full((2, 2), 255.0),
    "below 0": np.full((2, 2), -0.5),
    "not a number": np.full((2, 2), np.nan),
    "NCHW": np.zeros((1, 1, 2, 2)),
    "another size": np.zeros((2, 3)),
    "nothing": np.zeros((0, 2)),
}


@pytest.mark.parametrize("name", BAD_MATTES)
def test_bad_mattes_are_refused(name: str) -> None:
    bad, good = BAD_MATTES[name], np.zeros((2, 2))
    for pair in ((bad, good), (good, bad)):
        with pytest.raises(InputError, match="pass"):
            matte_error(*pair)
        with pytest.raises(InputError, match="pass"):
            temporal_error(*([matte, matte] for matte in pair))
    with pytest.raises(InputError, match="pass"):
        foreground_error(np.zeros((2, 2, 3)), np.zeros((2, 2, 3)), bad)


@pytest.mark.parametrize(
    "mask",
    [np.zeros((2, 2), dtype=np.bool_), np.ones((2, 3), dtype=np.bool_), np.ones((2, 2), dtype=np.uint8)],
    ids=["empty", "another size", "no bool"],
)
def test_bad_masks_are_refused(mask: NDArray[np.bool_]) -> None:
    with pytest.raises(InputError, match="mask"):
        matte_error(np.zeros((2, 2)), np.zeros((2, 2)), mask=mask)


def test_bad_colours_are_refused() -> None:
    good, alpha = np.zeros((2, 2, 3)), np.full((2, 2), 0.5)
    for bad in (np.zeros((2, 2, 4)), np.zeros((2, 2)), np.full((2, 2, 3), 2.0), np.zeros((2, 3, 3))):
        with pytest.raises(InputError, match="pass"):
            foreground_error(bad, good, alpha)
        with pytest.raises(InputError, match="pass"):
            foreground_error(good, bad, alpha)
    with pytest.raises(InputError, match="pass"):
        foreground_error(np.zeros((2, 2, 4)), np.zeros((2, 2, 4)), alpha)


def test_bad_sequences_are_refused() -> None:
    frame = np.zeros((2, 2))
    with pytest.raises(InputError, match="at least 2"):
        temporal_error([frame], [frame])
    with pytest.raises(InputError, match="different lengths"):
        temporal_error([frame, frame], [frame, frame, frame])
    with pytest.raises(InputError, match="different lengths"):
        temporal_error([frame, frame, frame], [frame, frame])
    with pytest.raises(InputError, match="sizes change"):
        temporal_error([frame, np.zeros((3, 3))], [frame, np.zeros((3, 3))])
