"""How wrong a matte, a foreground colour or a sequence of mattes is, as the matting field measures it.

Source papers: Rhemann et al., "A Perceptually Motivated Online Benchmark for Image Matting", CVPR 2009
(the four errors of one matte); Erofeev et al., "Perceptually Motivated Benchmark for Video Matting", BMVC
2015 (the temporal ones). Everything is computed in float64. Lower is better, 0 is equal.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise, zip_longest

import numpy as np
from numpy.typing import NDArray

from trt_anime.errors import InputError

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

GRADIENT_SIGMA = 1.4  # pixels
GRADIENT_CUTOFF = 1e-2  # the kernel ends where the Gaussian falls below this
CONNECTIVITY_STEPS = 10  # thresholds 0.1, 0.2, ..., 1.0
CONNECTIVITY_THETA = 0.15  # smaller distances to the connected level do not count
AMBIGUOUS = (0.02, 0.98)  # alphas strictly between are a mix of foreground and background
ROUNDING = 1e-6  # how far outside 0..1 a value may lie


@dataclass(frozen=True)
class MatteError:
    """The errors of one matte over `pixels` pixels.

    sad: sum of absolute differences, in thousands. mse: mean squared difference.
    gradient: sum of squared differences of the gradient magnitudes, in thousands.
    connectivity: sum of differences in how connected pixels are to the opaque body, in thousands.
    """

    sad: float
    mse: float
    gradient: float
    connectivity: float
    pixels: int


def matte_error(
    estimated: NDArray[np.floating], true: NDArray[np.floating], *, mask: Mask | None = None
) -> MatteError:
    """Compare two mattes: H x W, floating, 0..1.

    mask: H x W, True where errors count (a trimap's unknown band, for example); None is everywhere.
    Gradient and connectivity look at pixels outside of the mask too.

    Raises InputError when shapes differ, a dtype or a range is wrong, or the mask is empty.
    """
    a, b = _matte(estimated, "The estimated matte"), _matte(true, "The true matte")
    _same_shape(a, b)
    inside = _inside(mask, a.shape)
    difference = (a - b)[inside]
    return MatteError(
        sad=float(np.abs(difference).sum()) / 1000,
        mse=float(np.square(difference).mean()),
        gradient=float(np.square(gradient_magnitude(a) - gradient_magnitude(b))[inside].sum()) / 1000,
        connectivity=float(_connectivity_difference(a, b)[inside].sum()) / 1000,
        pixels=int(difference.size),
    )


def foreground_error(
    estimated_rgb: NDArray[np.floating], true_rgb: NDArray[np.floating], alpha: NDArray[np.floating]
) -> float:
    """Mean absolute colour error where the colour matters and is hard: at alphas between 0.02 and 0.98.

    estimated_rgb, true_rgb: H x W x 3, floating, 0..1, not multiplied with alpha. alpha: H x W, floating,
    0..1, the true matte. Returns the mean over those pixels and their channels, in 0..1; 0 without any.

    Raises InputError when shapes differ or a dtype or a range is wrong.
    """
    a, b = _unit(estimated_rgb, "The estimated colour"), _unit(true_rgb, "The true colour")
    matte = _matte(alpha, "Alpha")
    _same_shape(a, b)
    if a.shape != (*matte.shape, 3):
        raise InputError(f"Colours are {a.shape}; pass {(*matte.shape, 3)}, as alpha is {matte.shape}.")
    low, high = AMBIGUOUS
    band = (matte > low) & (matte < high)
    return float(np.abs(a - b)[band].mean()) if band.any() else 0.0


def temporal_error(
    alphas: Iterable[NDArray[np.floating]], true_alphas: Iterable[NDArray[np.floating]]
) -> float:
    """Mean flicker of a sequence: mean |change of the estimate - change of the truth| from frame to frame.

    Both are sequences of H x W mattes, floating, 0..1, of the same length of at least 2; they are read
    once, a frame at a time. A constant error costs nothing here. Returns 0..2, in alpha per frame.

    Raises InputError when lengths or shapes differ, there are fewer than 2 frames, or a value is wrong.
    """
    return _mean_over_steps(alphas, true_alphas, lambda difference: float(np.abs(difference).mean()))


def dtssd(alphas: Iterable[NDArray[np.floating]], true_alphas: Iterable[NDArray[np.floating]]) -> float:
    """As `temporal_error`, with the root mean square over a frame in place of the mean absolute value."""
    return _mean_over_steps(
        alphas, true_alphas, lambda difference: math.sqrt(float(np.square(difference).mean()))
    )


def gradient_magnitude(matte: Array) -> Array:
    """Magnitude of the gradient of a matte, float64 [H,W], by Gaussian derivative filters of unit energy.

    Its squared difference, summed, is the gradient error.
    """
    import cv2

    sigma = GRADIENT_SIGMA
    half = math.ceil(sigma * math.sqrt(-2 * math.log(math.sqrt(2 * math.pi) * sigma * GRADIENT_CUTOFF)))
    x = np.arange(-half, half + 1, dtype=np.float64)
    smooth = np.exp(-np.square(x) / (2 * sigma**2))
    derive = -x * smooth
    smooth, derive = smooth / np.linalg.norm(smooth), derive / np.linalg.norm(derive)
    across = cv2.sepFilter2D(matte, cv2.CV_64F, derive, smooth, borderType=cv2.BORDER_REPLICATE)
    down = cv2.sepFilter2D(matte, cv2.CV_64F, smooth, derive, borderType=cv2.BORDER_REPLICATE)
    slope: Array = np.hypot(across, down)
    return slope


def _connectivity_difference(a: Array, b: Array) -> Array:
    """|connectedness in a - connectedness in b| of every pixel, both to the body that they have in common.

    A pixel's level is the highest threshold up to which it belongs to the largest 4-connected region that
    is at least that opaque in both mattes. What stands out above it by theta or more is unconnected.
    """
    level = _connected_level(a, b)

    def connectedness(matte: Array) -> Array:
        excess = matte - level
        return 1 - np.where(excess >= CONNECTIVITY_THETA, excess, 0.0)

    return np.abs(connectedness(a) - connectedness(b))


def _connected_level(a: Array, b: Array) -> Array:
    # in float32, so that a matte of 0.7 reaches the threshold 0.7 in single and in double precision
    common = np.minimum(a, b).astype(np.float32)
    steps = np.zeros(common.shape, dtype=np.uint8)
    connected = np.ones(common.shape, dtype=np.bool_)
    for step in range(1, CONNECTIVITY_STEPS + 1):
        connected &= _largest_region(common >= np.float32(step / CONNECTIVITY_STEPS))
        steps += connected
    return steps / CONNECTIVITY_STEPS


def _largest_region(mask: Mask) -> Mask:
    """The largest 4-connected region; the first in reading order of equal ones, nothing of nothing."""
    import cv2

    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=4)
    if count < 2:
        return np.zeros_like(mask)
    largest = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    return np.asarray(labels == largest, dtype=np.bool_)


def _mean_over_steps(
    alphas: Iterable[NDArray[np.floating]],
    true_alphas: Iterable[NDArray[np.floating]],
    measure: Callable[[Array], float],
) -> float:
    # change of the estimate - change of the truth = change of their difference
    errors = [measure(after - before) for before, after in pairwise(_differences(alphas, true_alphas))]
    if not errors:
        raise InputError("A temporal error needs at least 2 frames; pass a longer sequence.")
    return math.fsum(errors) / len(errors)


def _differences(
    alphas: Iterable[NDArray[np.floating]], true_alphas: Iterable[NDArray[np.floating]]
) -> Iterator[Array]:
    shape: tuple[int, ...] | None = None
    for estimated, true in zip_longest(alphas, true_alphas):
        if estimated is None or true is None:
            raise InputError("The sequences have different lengths; pass one true matte per estimate.")
        a, b = _matte(estimated, "An estimated matte"), _matte(true, "A true matte")
        _same_shape(a, b)
        if shape not in (None, a.shape):
            raise InputError(f"The frames' sizes change from {shape} to {a.shape}; pass one size.")
        shape = a.shape
        yield a - b


def _unit(array: NDArray[np.floating], what: str) -> Array:
    if not np.issubdtype(array.dtype, np.floating):
        raise InputError(f"{what} is {array.dtype}; pass floating values in 0..1.")
    if array.size == 0:
        raise InputError(f"{what} is empty; pass at least one pixel.")
    low, high = float(array.min()), float(array.max())
    if not (low >= -ROUNDING and high <= 1 + ROUNDING):
        raise InputError(f"{what} has values in {low:g}..{high:g}; pass values in 0..1.")
    return array.astype(np.float64)


def _matte(array: NDArray[np.floating], what: str) -> Array:
    if array.ndim != 2:
        raise InputError(f"{what} has the shape {array.shape}; pass height x width.")
    return _unit(array, what)


def _same_shape(a: Array, b: Array) -> None:
    if a.shape != b.shape:
        raise InputError(f"The estimate is {a.shape} and the truth {b.shape}; pass two of one size.")


def _inside(mask: Mask | None, shape: tuple[int, ...]) -> Mask:
    if mask is None:
        return np.ones(shape, dtype=np.bool_)
    if mask.dtype != np.bool_ or mask.shape != shape:
        raise InputError(f"The mask is {mask.dtype} {mask.shape}; pass bool {shape}.")
    if not mask.any():
        raise InputError("The mask is empty; pass one with at least one True pixel, or None.")
    return mask
