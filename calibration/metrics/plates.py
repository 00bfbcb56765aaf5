"""How near two background plates are inside the hole: what lies around it was only copied.

Source paper: Wang et al., "Image Quality Assessment: From Error Visibility to Structural Similarity", IEEE
Transactions on Image Processing 2004, with its Gaussian window.
"""

import math

import numpy as np
from numpy.typing import NDArray

from trt_anime.errors import InputError

Plate = NDArray[np.uint8]
Hole = NDArray[np.bool_]
Planes = NDArray[np.float64]

PEAK, CHANNELS = 255.0, 3
WINDOW, SIGMA = 11, 1.5  # pixels
C1, C2 = (0.01 * PEAK) ** 2, (0.03 * PEAK) ** 2


def squared_error(reference: Plate, candidate: Plate, hole: Hole) -> float:
    """Sum over the hole's pixels of the squared difference, mean of the channels, in levels of 255.

    reference, candidate: uint8 [H,W,3]. hole: bool [H,W]. Sums and pixels add up over frames.
    """
    _check(reference, candidate, hole)
    gap = reference[hole].astype(np.float64) - candidate[hole]
    return float(np.square(gap).sum()) / CHANNELS


def psnr_of_mse(mse: float) -> float:
    """Peak signal-to-noise ratio in dB of a mean squared error in levels of 255; infinite for 0."""
    return 10 * math.log10(PEAK**2 / mse) if mse else math.inf


def psnr(reference: Plate, candidate: Plate, hole: Hole) -> float:
    """Peak signal-to-noise ratio in dB inside the hole; infinite where both are equal.

    reference, candidate: uint8 [H,W,3]. hole: bool [H,W], True where the plate was painted.

    Raises InputError when shapes or dtypes differ from that, or the hole is empty.
    """
    _not_empty(hole)
    return psnr_of_mse(squared_error(reference, candidate, hole) / int(np.count_nonzero(hole)))


def ssim(reference: Plate, candidate: Plate, hole: Hole) -> float:
    """Structural similarity, mean over channels and over the windows centred in the hole; 1 is equal.

    Arguments and errors as in `psnr`. Windows reach out of the hole by 5 pixels; out of the picture,
    it is mirrored.
    """
    _not_empty(hole)
    return similarity(reference, candidate, hole) / int(np.count_nonzero(hole))


def similarity(reference: Plate, candidate: Plate, hole: Hole) -> float:
    """The sum over the hole's pixels of which `ssim` is the mean; 0 for an empty hole."""
    _check(reference, candidate, hole)
    if not hole.any():
        return 0.0
    box = _surroundings(hole)
    similar = _similarity_map(reference[box].astype(np.float64), candidate[box].astype(np.float64))
    return float(similar[hole[box]].sum()) / CHANNELS


def _similarity_map(a: Planes, b: Planes) -> Planes:
    """float64 [H,W,3]: of the window around each pixel."""
    mean_a, mean_b = _windowed(a), _windowed(b)
    variance_a = _windowed(a * a) - mean_a * mean_a
    variance_b = _windowed(b * b) - mean_b * mean_b
    covariance = _windowed(a * b) - mean_a * mean_b
    above = (2 * mean_a * mean_b + C1) * (2 * covariance + C2)
    below = (mean_a * mean_a + mean_b * mean_b + C1) * (variance_a + variance_b + C2)
    result: Planes = above / below
    return result


def _windowed(planes: Planes) -> Planes:
    import cv2

    return np.asarray(
        cv2.GaussianBlur(planes, (WINDOW, WINDOW), SIGMA, borderType=cv2.BORDER_REFLECT), np.float64
    )


def _surroundings(hole: Hole) -> tuple[slice, slice]:
    """The hole's bounding box, wider by what windows in it see."""
    reach = WINDOW // 2

    def span(line: Hole) -> slice:
        inside = np.flatnonzero(line)
        return slice(max(int(inside[0]) - reach, 0), int(inside[-1]) + reach + 1)

    return span(np.asarray(hole.any(axis=1))), span(np.asarray(hole.any(axis=0)))


def _not_empty(hole: Hole) -> None:
    if not hole.any():
        raise InputError("The hole is empty; pass one with at least one True pixel.")


def _check(reference: Plate, candidate: Plate, hole: Hole) -> None:
    for plate in (reference, candidate):
        if plate.dtype != np.uint8 or plate.shape != (*hole.shape, CHANNELS):
            raise InputError(
                f"A plate is {plate.dtype} {plate.shape}; pass uint8 {(*hole.shape, CHANNELS)}."
            )
    if hole.dtype != np.bool_ or hole.ndim != 2:
        raise InputError(f"The hole is {hole.dtype} {hole.shape}; pass bool, height x width.")
