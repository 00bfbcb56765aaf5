"""The part of a frame that becomes a training picture: sides that buckets and latents divide."""

from dataclasses import dataclass
from math import ceil, floor, sqrt

import cv2
import numpy as np

from trt_anime.runtime.media.frames import Pixels

STEP = 64
"""Sides are multiples of it: then the trainer's bucket is the picture itself, neither cut nor scaled."""
CELL = 8
"""Pixels that one cell of the latents covers."""

_TOUCHED = 8  # alpha from here on counts: less is a matte's noise
_AREA_TRIES = 200


@dataclass(frozen=True)
class Crop:
    """`x`, `y`, `width`, `height`: of the frame, in pixels; `size`: (width, height) that it becomes."""

    x: int
    y: int
    width: int
    height: int
    size: tuple[int, int]

    def of(self, picture: Pixels) -> Pixels:
        """uint8 [H,W,C] or [H,W]: this part of a picture of the frame's size, scaled down to `size`."""
        part = picture[self.y : self.y + self.height, self.x : self.x + self.width]
        if part.shape[1::-1] == self.size:
            return part
        return np.asarray(cv2.resize(part, self.size, interpolation=cv2.INTER_AREA), np.uint8)


def crop_around(
    box: tuple[int, int, int, int], frame: tuple[int, int], *, margin: float, resolution: int
) -> Crop:
    """The crop of all of `box`, never enlarged, that has at most `resolution` squared pixels.

    Args:
        box: (x, y, width, height) in pixels.
        frame: (height, width) in pixels.
        margin: on every side, as a share of the box's longer side; less where the frame ends.
    """
    height, width = frame
    edge = round(margin * max(box[2], box[3]))
    left, top = max(0, box[0] - edge), max(0, box[1] - edge)
    right, bottom = min(width, box[0] + box[2] + edge), min(height, box[1] + box[3] + edge)
    wanted = (right - left, bottom - top)
    scale, size = _fitted(wanted, (width, height), resolution)
    spans = [min(limit, round(side / scale)) for side, limit in zip(size, (width, height), strict=True)]
    x = _placed(left, right, spans[0], width)
    y = _placed(top, bottom, spans[1], height)
    return Crop(x, y, spans[0], spans[1], size)


def latent_mask(alpha: Pixels) -> Pixels:
    """uint8 [H,W], 0 or 255: every cell of the latents that the subject touches, whole.

    Args:
        alpha: uint8 [H,W], both multiples of `CELL`.
    """
    height, width = alpha.shape
    cells = alpha.reshape(height // CELL, CELL, width // CELL, CELL).max(axis=(1, 3)) >= _TOUCHED
    return np.asarray(np.kron(cells, np.full((CELL, CELL), 255)), np.uint8)


def _fitted(
    wanted: tuple[int, int], limit: tuple[int, int], resolution: int
) -> tuple[float, tuple[int, int]]:
    """Scale, at most 1, and the picture's (width, height) for a crop of the size `wanted`."""
    scale = min(1.0, resolution / sqrt(wanted[0] * wanted[1]))
    for _ in range(_AREA_TRIES):
        for side, most in zip(wanted, limit, strict=True):
            if _up(side * scale) > most * scale:  # the frame ends before the next step
                scale = min(scale, max(STEP, _down(side * scale)) / side)
        size = (_up(wanted[0] * scale), _up(wanted[1] * scale))
        if size[0] * size[1] <= resolution * resolution:
            break
        scale *= 0.98
    return scale, size


def _up(length: float) -> int:
    return max(1, ceil(round(length / STEP, 6))) * STEP


def _down(length: float) -> int:
    return floor(round(length / STEP, 6)) * STEP


def _placed(low: int, high: int, span: int, limit: int) -> int:
    """Where a span around `low`..`high` begins, all inside of 0..`limit`."""
    return min(max(0, (low + high - span) // 2), limit - span)
