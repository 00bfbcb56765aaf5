"""How good a frame is as a picture, in numbers that suit drawings.

Drawings are flat between lines, so measures made for photographs mislead: the variance of a Laplacian
counts how many lines there are, not how sharp they are. What is measured here does not depend on how much
is drawn.
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from trt_anime.runtime.annotation.hashes import perceptual_hash
from trt_anime.runtime.lookahead.reduced import SMALL_SIDE, halved
from trt_anime.runtime.media.frames import Pixels

Floats = NDArray[np.float32]

_REACH = 9  # pixels: the window in which a line's or an edge's whole step is looked for
_STEP = 32  # levels: less contrast in that window is shading or noise, not a line
_BLOCK = 16  # pixels: what counts as one place when places are compared
_DARK, _BRIGHT = 4, 251  # levels: beyond them codecs and cameras clip
_SHADE = 12  # levels between neighbours: more is drawn, not an artefact of blocks
_GREY = 6.0  # levels of chroma that pass for none
_TONE = 8  # levels of luma on both sides that pass for one tone

_MEAN_MAGNITUDE = 0.798  # of a normal value, over its deviation
_CALMEST = 0.904  # the 10th percentile of means over 64 such magnitudes, over their expectation


@dataclass(frozen=True)
class Metrics:
    """Of one frame.

    Attributes:
        sharpness: 0..1, step from one pixel to the next over the contrast of the edge that it belongs to,
            at the sharper half of the edges; 1 is a step within one pixel, a Gaussian blur of s pixels is
            near 0.4 / s. It depends neither on how many lines there are nor on their contrast. 0 without an
            edge.
        mean_luma: 0..1, BT.601, as the frame is shown.
        shadows, highlights: 0..1, shares of pixels with luma below 4 and above 251.
        contrast: 0..1, from the 5th to the 95th percentile of luma.
        noise: levels of 255, deviation of grain from pixel to pixel in the calmest tenth of the frame.
            Grain that was enlarged with the frame is coarser than a pixel and counts for less.
        blocking: levels of 255, by how much neighbours differ more across the borders of an 8 x 8 grid
            than elsewhere, as after JPEG; near 0 where a codec smooths its borders, as H.264 does, where
            the frame was scaled afterwards, and without compression.
        monochrome: 0..1, share of pixels whose colour is one tint of their luma: grey and sepia give 1.
        paper: 0..1, share of pixels of the most common tone, within 8 levels of luma.
        hash: 64 bits, see `hashes.perceptual_hash`.
    """

    sharpness: float
    mean_luma: float
    shadows: float
    highlights: float
    contrast: float
    noise: float
    blocking: float
    monochrome: float
    paper: float
    hash: int

    @property
    def is_monochrome(self) -> bool:
        """Grey, or in shades of one tint."""
        return self.monochrome > 0.99

    @property
    def is_line_art(self) -> bool:
        """Lines on paper: monochrome, and most of it one tone."""
        return self.is_monochrome and self.paper > 0.6


def metrics_of(rgb: Pixels) -> Metrics:
    """Everything about one frame; `rgb`: uint8 [H,W,3], 0..255, RGB, at least 32 x 32."""
    luma = luma_of(rgb)
    shares = _histogram(luma)
    points = np.searchsorted(np.cumsum(shares), (0.05, 0.95))
    small = _small(rgb)
    return Metrics(
        sharpness=sharpness_of(luma),
        mean_luma=float(shares @ np.arange(256)) / 255,
        shadows=float(shares[:_DARK].sum()),
        highlights=float(shares[_BRIGHT + 1 :].sum()),
        contrast=float(points[1] - points[0]) / 255,
        noise=noise_of(luma),
        blocking=_blocking(luma),
        monochrome=_monochrome(small),
        paper=_paper(shares),
        hash=perceptual_hash(luma_of(small)),
    )


def luma_of(rgb: Pixels) -> Pixels:
    """uint8 [H,W] from uint8 [H,W,3] RGB."""
    return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), np.uint8)


def sharpness_of(luma: Pixels) -> float:
    """See `Metrics.sharpness`; `luma`: uint8 [H,W], 0..255, any size."""
    return edges_of(luma)[0]


def edges_of(luma: Pixels, mask: Pixels | None = None) -> tuple[float, float]:
    """`Metrics.sharpness`, and the mean contrast, 0..1, in windows of 11 x 11: how much is drawn.

    Args:
        luma: uint8 [H,W], 0..255, any size.
        mask: uint8 [H,W], 0 or 1: count edges inside of it only, away from its border.
    """
    step = np.zeros_like(luma)
    cv2.absdiff(luma[:, 1:], luma[:, :-1], dst=step[:, 1:])
    step[1:] = cv2.max(step[1:], cv2.absdiff(luma[1:], luma[:-1]))
    window, wider = (np.ones((side, side), np.uint8) for side in (_REACH, _REACH + 2))
    # The windows overlap so far that every fourth of them sees all edges. A step is between two pixels.
    steepest = cv2.dilate(step, window)[::4, ::4]
    highest, lowest = (function(luma, wider)[::4, ::4] for function in (cv2.dilate, cv2.erode))
    contrast = cv2.subtract(highest, lowest)
    inside = np.ones(contrast.shape, bool)
    if mask is not None:
        # What is beyond the picture is as its edge, so that a figure that is cut there isn't worn away.
        inside = cv2.erode(mask, window, borderType=cv2.BORDER_REPLICATE)[::4, ::4] > 0
    edges = inside & (contrast >= _STEP)
    if not edges.any():
        return 0.0, 0.0
    ratios = np.sort(steepest[edges].astype(np.float32) / contrast[edges])
    return float(ratios[len(ratios) // 2 :].mean()), float(contrast[inside].mean()) / 255


def noise_of(luma: Pixels) -> float:
    """See `Metrics.noise`; `luma`: uint8 [H,W].

    The finest diagonal wavelet (Haar; Donoho and Johnstone 1994) sees neither shading nor upright edges.
    Its mean magnitude in blocks of 16 x 16, unlike a median, sees grain that is finer than a level.
    """
    rows, columns = (side // _BLOCK * _BLOCK for side in luma.shape)
    if not rows or not columns:
        return 0.0
    whole = luma[:rows, :columns].astype(np.int16)
    across = whole[:, ::2] - whole[:, 1::2]
    diagonal = np.abs(across[::2] - across[1::2]).astype(np.float32)
    size = (columns // _BLOCK, rows // _BLOCK)
    swing = cv2.resize(diagonal, size, interpolation=cv2.INTER_AREA)
    level = cv2.resize(luma[:rows, :columns], size, interpolation=cv2.INTER_AREA)
    inside = swing[(level > 2 * _DARK) & (level < 255 - 2 * _DARK)]  # clipped grain would look weaker
    if not inside.size:
        return 0.0
    # A sum of four values has twice their deviation; the calmest blocks of even grain are below its mean.
    return float(np.percentile(inside, 10)) / 2 / _MEAN_MAGNITUDE / _CALMEST


def _histogram(luma: Pixels) -> Floats:
    """float32 [256], of sum 1."""
    counts = cv2.calcHist([luma], [0], None, [256], [0, 256]).ravel()
    return np.asarray(counts / luma.size, np.float32)


def _blocking(luma: Pixels) -> float:
    across, down = cv2.absdiff(luma[:, 1:], luma[:, :-1]), cv2.absdiff(luma[1:], luma[:-1])
    return (_excess(across, 0) + _excess(down, 1)) / 2


def _excess(steps: NDArray[Any], axis: int) -> float:
    """`steps`: uint8, between neighbours; their places along the other axis than `axis` are compared."""
    shading = (steps <= _SHADE).astype(np.uint8)
    faint = cv2.multiply(steps, shading)
    sums, counts = (
        cv2.reduce(plane, axis, cv2.REDUCE_SUM, dtype=cv2.CV_32S).ravel() for plane in (faint, shading)
    )
    means = [sums[phase::8].sum() / max(1, counts[phase::8].sum()) for phase in range(8)]
    # A border is between the columns 7 and 8; next to it smoothing codecs leave some of its step.
    return float(means[7] - np.median(means[1:6]))


def _small(rgb: Pixels) -> Pixels:
    """uint8 [h,w,3], its longer side at most `SMALL_SIDE`."""
    small = rgb
    while max(small.shape[:2]) > SMALL_SIDE and min(small.shape[:2]) > 1:
        small = halved(small)
    return small


def _monochrome(small: Pixels) -> float:
    """Chroma is fitted as a parabola over luma: a tint is none at black and at white."""
    planes = cv2.cvtColor(small, cv2.COLOR_RGB2YCrCb).reshape(-1, 3).astype(np.float32)
    luma, chroma = planes[:, 0] / 255, planes[:, 1:] - 128
    basis = np.stack([np.ones_like(luma), luma, luma * luma], axis=1)
    fit = np.linalg.lstsq(basis, chroma, rcond=None)[0]
    return float((np.linalg.norm(chroma - basis @ fit, axis=1) <= _GREY).mean())


def _paper(shares: Floats) -> float:
    return float(np.convolve(shares, np.ones(2 * _TONE + 1, np.float32), "same").max())
