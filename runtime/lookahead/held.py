"""Held frames: does a frame show the drawing whose results we already have?

A frame is compared with the last *fresh* one, never with its neighbour, so a change too slow to see from
one frame to the next adds up until it is seen. Four measures, each for a kind of change that the others
miss; any of them makes the frame fresh.
"""

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from trt_anime.runtime.lookahead.reduced import Reduced, halved
from trt_anime.runtime.media.frames import Pixels

F32 = NDArray[np.float32]

TONE_WINDOW = 5
TILE = 20
# Noise of a codec grows with the contrast of what it codes: levels in flat parts, and the share of the
# local contrast that comes on top.
FLAT_NOISE = 4.0
NOISE_PER_CONTRAST = 0.1
CONTRAST_WINDOW = cv2.getStructuringElement(cv2.MORPH_RECT, (5, 5))
# Keeps noise on nearly flat tiles from looking like movement; levels squared per pixel.
FLAT_SLOPE = 64.0


@dataclass(frozen=True)
class Limits:
    """A frame that stays within all of them is a repeat.

    Attributes:
        mean: luma difference, mean over the frame, in levels: pans, zooms, fades and dissolves.
        tone: change of a colour channel's mean over a window of about 80 pixels, in levels: local
            fades, glows, blushes.
        shift: movement of a tile of about 80 pixels, in pixels of `Reduced.coarse`: slow slides of
            a part of the frame.
        detail: luma difference over 8x8 pixels against what a codec would do there: mouths, eyes, snow.
    """

    mean: float
    tone: float
    shift: float
    detail: float


# Measured by benchmarks/held_frames.py; docs/held_frames.md has the figures.
LIMITS: dict[str, Limits] = {
    "fast": Limits(mean=0.3, tone=2.5, shift=0.06, detail=1.15),
    "balanced": Limits(mean=0.25, tone=2.0, shift=0.05, detail=1.0),
    "quality": Limits(mean=0.2, tone=1.6, shift=0.04, detail=0.85),
}


class HeldFrames:
    """Keeps the last fresh frame, made small."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._fresh: _Fresh | None = None

    def forget(self) -> None:
        """The next frame is fresh."""
        self._fresh = None

    def holds(self, frame: Reduced) -> bool:
        """Whether `frame` repeats the last fresh one; otherwise it is the last fresh one from now on."""
        if self._fresh is not None and self._fresh.shown_by(frame, self._limits):
            return True
        self._fresh = _Fresh(frame)
        return False


class _Fresh:
    """What is compared with, and what comparing takes, worked out once."""

    def __init__(self, frame: Reduced) -> None:
        self._frame = frame

    def shown_by(self, frame: Reduced, limits: Limits) -> bool:
        """Cheapest measure first: what moves a lot is told in no time."""
        if frame.fine.shape != self._frame.fine.shape:
            return False
        difference = np.asarray(cv2.absdiff(frame.fine, self._frame.fine), np.uint8)
        return (
            cv2.mean(difference)[0] <= limits.mean
            and self.tone(frame) <= limits.tone
            and self.detail(difference) <= limits.detail
            and self.shift(frame) <= limits.shift
        )

    def tone(self, frame: Reduced) -> float:
        change = cv2.subtract(frame.small, self._frame.small, dtype=cv2.CV_32F)
        return _largest(np.asarray(cv2.blur(change, (TONE_WINDOW, TONE_WINDOW)), np.float32))

    def detail(self, difference: Pixels) -> float:
        """`difference`: of `Reduced.fine`."""
        return _largest(_means(difference) / self._allowance)

    def shift(self, frame: Reduced) -> float:
        """One step of Lucas and Kanade's registration for each tile: the longest, along x or y."""
        change = cv2.subtract(frame.coarse, self._frame.coarse, dtype=cv2.CV_32F)
        return max(_largest(_tiles(change * slope) / energy) for slope, energy in self._slopes)

    @cached_property
    def _allowance(self) -> F32:
        fine = self._frame.fine
        contrast = cv2.subtract(cv2.dilate(fine, CONTRAST_WINDOW), cv2.erode(fine, CONTRAST_WINDOW))
        return FLAT_NOISE + NOISE_PER_CONTRAST * _means(np.asarray(contrast, np.uint8))

    @cached_property
    def _slopes(self) -> list[tuple[F32, F32]]:
        """For x and y: the slope, levels per pixel of `coarse`, and its energy in each tile."""
        slopes = [_slope(self._frame.coarse, dx, 1 - dx) for dx in (1, 0)]
        return [(slope, _tiles(slope * slope) + FLAT_SLOPE) for slope in slopes]


def _means(picture: Pixels) -> F32:
    """Over 4x4 pixels, at every second pixel: uint8 [h, w] to float32 [h/2, w/2]."""
    return np.asarray(cv2.blur(halved(picture).astype(np.float32), (2, 2)), np.float32)


def _slope(picture: Pixels, dx: int, dy: int) -> F32:
    return np.asarray(cv2.Sobel(picture, cv2.CV_32F, dx, dy, scale=1 / 8), np.float32)


def _tiles(picture: F32) -> F32:
    """Means over tiles; the rest at the right and lower edges, less than a tile, is left out."""
    sides = picture.shape[:2]
    rows, columns = (max(1, side // TILE) for side in sides)
    height, width = sides[0] // rows * rows, sides[1] // columns * columns
    whole = picture[:height, :width]  # cut, because OpenCV takes five times as long for broken tiles
    return np.asarray(cv2.resize(whole, (columns, rows), interpolation=cv2.INTER_AREA), np.float32)


def _largest(values: F32) -> float:
    return float(np.abs(values).max())
