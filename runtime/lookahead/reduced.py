"""A frame made small: all that the look-ahead keeps of it."""

from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np

from trt_anime.runtime.media.frames import Pixels

# Codec noise and lines look the same at every size once a frame is about this large.
FINE_SIDE = 720
SMALL_SIDE = 160


@dataclass(frozen=True, slots=True)
class Reduced:
    """Copies; nothing of the frame they were made from is kept.

    Attributes:
        fine: uint8 [h, w], 0..255, luma; the frame halved, and halved again while its shorter side is
            above `FINE_SIDE`.
        coarse: uint8 [h/2, w/2], 0..255, luma: `fine`, halved.
        small: uint8 [h, w, 3], 0..255, RGB, at most `SMALL_SIDE` on its longer side.
    """

    fine: Pixels
    coarse: Pixels
    small: Pixels

    @classmethod
    def of(cls, rgb: Pixels) -> Self:
        """`rgb`: uint8 [height, width, 3], 0..255, RGB, any size."""
        work = halved(rgb)
        while min(work.shape[:2]) > FINE_SIDE:
            work = halved(work)
        fine = np.asarray(cv2.cvtColor(work, cv2.COLOR_RGB2GRAY), np.uint8)
        small = work
        while max(small.shape[:2]) > SMALL_SIDE and min(small.shape[:2]) > 1:
            small = halved(small)
        return cls(fine, halved(fine), small)


def halved(picture: Pixels) -> Pixels:
    """Means of 2x2 pixels, as a new array; an odd last row or column is left out, unless it is the only
    one.

    `picture`: uint8 [h, w] or [h, w, channels].
    """
    rows, columns = (side // 2 * 2 or 1 for side in picture.shape[:2])
    size = (max(1, columns // 2), max(1, rows // 2))
    whole = picture[:rows, :columns]  # odd sides would take OpenCV's general path, five times as long
    return np.array(cv2.resize(whole, size, interpolation=cv2.INTER_AREA), np.uint8, copy=None)
