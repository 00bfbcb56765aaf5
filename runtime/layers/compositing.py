"""Layers laid on each other as `docs/chain.md` says, and how far the result is from the frame."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from trt_anime.runtime.layers.solving import alpha_of, colour_of, thrice
from trt_anime.runtime.media.frames import Pixels
from trt_anime.runtime.results.layers import Blend

STRIP = 64  # rows at a time: what is computed stays in the processor's cache
OFF = 8  # levels from which on a pixel counts as wrong to the eye
EQUAL_DB = 99.0  # stands for infinitely many, which JSON can't say
POOR_DB, POOR_SHARE = 30.0, 0.02  # listed in any clip
DROP_DB, RISE_SHARE = 3.0, 0.005  # the least by which a frame has to be worse than the clip's middle
SPREADS = 5.0  # and by how many spreads


@dataclass(frozen=True)
class Recomposition:
    """How far a frame's layers, laid on each other, are from the frame.

    Attributes:
        psnr_db: over all pixels and channels; 99 where both are equal.
        max_error: of any channel, 0..255 levels.
        share_off: of the pixels that are off by more than 8 levels in some channel, 0..1.
    """

    psnr_db: float
    max_error: int
    share_off: float


@dataclass(frozen=True)
class Outlier:
    """A frame that recomposes worse than it should: `place` in the list, and why it is listed."""

    place: int
    why: str


def over(rgba: Pixels, below: Pixels) -> Pixels:
    """`below (1 - a) + colour a`, rounded to the nearest level; a new array.

    Args:
        rgba: uint8 [H,W,4], straight alpha, 0..255.
        below: uint8 [H,W,3] RGB.
    """
    result = below.copy()
    for part in _parts(rgba):
        alpha, colour = _split(rgba[part])
        light = cv2.multiply(colour, alpha, scale=1 / 255, dtype=cv2.CV_32F)
        dark = cv2.multiply(result[part], cv2.bitwise_not(alpha), scale=1 / 255, dtype=cv2.CV_32F)
        result[part] = cv2.add(light, dark, dtype=cv2.CV_8U)
    return result


def added(rgba: Pixels, below: Pixels) -> Pixels:
    """`below + colour a`, rounded to the nearest level and clipped at white; shapes as for `over`."""
    result = below.copy()
    for part in _parts(rgba):
        alpha, colour = _split(rgba[part])
        result[part] = cv2.add(result[part], cv2.multiply(colour, alpha, scale=1 / 255))
    return result


def composite(plate: Pixels, layers: Sequence[tuple[Pixels, Blend]]) -> Pixels:
    """Lay layers on a plate, bottom to top; rounded after each, as the layers themselves are.

    Args:
        plate: uint8 [H,W,3] RGB.
        layers: uint8 [H,W,4] RGBA, straight alpha, each with how it blends.

    Returns:
        uint8 [H,W,3] RGB.
    """
    picture = plate
    for rgba, blend in layers:
        picture = over(rgba, picture) if blend == "over" else added(rgba, picture)
    return picture


def taken_off(picture: Pixels, layers: Sequence[tuple[Pixels, Blend]]) -> Pixels:
    """What was below: the picture without layers that were laid on it, the topmost taken off first.

    Where a layer hides all that is below, nobody knows: it is as dark as it can have been there. So it is
    where light has clipped all channels; where it has clipped some, those are no darker than the others.

    Args:
        picture: uint8 [H,W,3] RGB.
        layers: as for `composite`, bottom to top.
    """
    for rgba, blend in reversed(layers):
        picture = picture.copy()
        for part in _parts(rgba):
            alpha, colour = _split(rgba[part])
            light = cv2.multiply(colour, alpha, scale=1 / 255, dtype=cv2.CV_32F)
            below = cv2.subtract(picture[part], light, dtype=cv2.CV_32F)
            if blend == "over":
                through = np.maximum(255 - alpha, 1).astype(np.float32)
                below = cv2.divide(below, through, scale=255)
            else:
                white = (picture[part] == 255) & (light > 0)
                white &= ~white.all(axis=2, keepdims=True)
                below = np.where(white, np.maximum(below, below.max(axis=2, keepdims=True)), below)
            picture[part] = np.clip(np.rint(below), 0, 255).astype(np.uint8)
    return picture


def recomposition(frame: Pixels, composed: Pixels) -> Recomposition:
    """Compare the layers' picture with the frame, both uint8 [H,W,3] RGB."""
    gap = cv2.absdiff(frame, composed)
    mse = float(cv2.norm(gap, cv2.NORM_L2SQR)) / gap.size
    near = cv2.countNonZero(cv2.inRange(gap, (0, 0, 0), (OFF, OFF, OFF)))
    return Recomposition(
        psnr_db=min(EQUAL_DB, 10 * math.log10(255**2 / mse)) if mse else EQUAL_DB,
        max_error=int(gap.max()),
        share_off=1 - near / (gap.shape[0] * gap.shape[1]),
    )


def outliers(frames: Sequence[Recomposition]) -> list[Outlier]:
    """The frames to look at: bad ones, and ones that are far worse than the middle of their clip.

    The middle is the median, a spread 1.48 times the median distance from it, so that up to half of the
    frames may be bad without hiding each other. PSNR finds what is wrong everywhere, the share of pixels
    that are off what is wrong in one place.
    """
    if not frames:
        return []
    psnr = np.array([frame.psnr_db for frame in frames])
    share = np.array([frame.share_off for frame in frames])
    middle_db, spread_db = _middle(psnr)
    middle_share, spread_share = _middle(share)
    lowest = max(POOR_DB, middle_db - max(DROP_DB, SPREADS * spread_db))
    highest = min(POOR_SHARE, middle_share + max(RISE_SHARE, SPREADS * spread_share))
    found = []
    for place, frame in enumerate(frames):
        reasons = []
        if frame.psnr_db < lowest:
            reasons.append(f"{frame.psnr_db:.1f} dB, the median is {middle_db:.1f}")
        if frame.share_off > highest:
            reasons.append(f"{frame.share_off:.1%} of it is off, the median is {middle_share:.1%}")
        if reasons:
            found.append(Outlier(place, "; ".join(reasons)))
    return found


def _middle(values: NDArray[np.float64]) -> tuple[float, float]:
    middle = float(np.median(values))
    return middle, 1.4826 * float(np.median(np.abs(values - middle)))


def _parts(rgba: Pixels) -> Iterator[tuple[slice, slice]]:
    """Strips of the box in which the layer shows at all."""
    left, top, width, height = cv2.boundingRect(alpha_of(rgba))
    for start in range(top, top + height, STRIP):
        yield slice(start, min(start + STRIP, top + height)), slice(left, left + width)


def _split(rgba: Pixels) -> tuple[Pixels, Pixels]:
    """RGBA to alpha, three times, and colour, both uint8 [H,W,3]."""
    return thrice(alpha_of(rgba)), colour_of(rgba)
