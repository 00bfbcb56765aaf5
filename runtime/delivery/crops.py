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
_STEP_DOWN = 0.98  # of the scale, until the area fits


Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Crop:
    """`x`, `y`, `width`, `height`: in pixels of the frame, and perhaps beyond it; `size`: (width, height)
    that it becomes."""

    x: int
    y: int
    width: int
    height: int
    size: tuple[int, int]

    def of(self, picture: Pixels, beyond: Colour | None = None) -> Pixels:
        """uint8, scaled down to `size`.

        Args:
            picture: uint8 [H,W,3], of the frame's size.
            beyond: colour beyond the frame; without one, its edge goes on.
        """
        if beyond is None:
            return self._cut(picture, cv2.BORDER_REPLICATE)
        return self._cut(picture, cv2.BORDER_CONSTANT, beyond)

    def of_alpha(self, alpha: Pixels) -> Pixels:
        """The same of uint8 [H,W]; 0 beyond the frame."""
        return self._cut(alpha, cv2.BORDER_CONSTANT)

    def _cut(self, picture: Pixels, border: int, colour: Colour = (0, 0, 0)) -> Pixels:
        rows, columns = picture.shape[:2]
        top, left = max(0, -self.y), max(0, -self.x)
        bottom, right = max(0, self.y + self.height - rows), max(0, self.x + self.width - columns)
        inside = picture[
            max(0, self.y) : self.y + self.height,
            max(0, self.x) : self.x + self.width,
        ]
        if top or left or bottom or right:
            sides = (top, bottom, left, right)
            inside = np.asarray(cv2.copyMakeBorder(inside, *sides, border, value=colour), np.uint8)
        if inside.shape[1::-1] == self.size:
            return inside
        return np.asarray(cv2.resize(inside, self.size, interpolation=cv2.INTER_AREA), np.uint8)


def crop_around(
    box: tuple[int, int, int, int], frame: tuple[int, int], *, margin: float, resolution: int
) -> Crop:
    """The crop of all of `box`, never enlarged, that has at most `resolution` squared pixels.

    It goes beyond the frame, by less than `STEP` pixels, only where the box nearly fills the frame.

    Args:
        box: (x, y, width, height) in pixels.
        frame: (height, width) in pixels.
        margin: on every side, as a share of the box's longer side; less where the frame ends.
    """
    edge = round(margin * max(box[2], box[3]))
    axes = []
    for start, length, limit in zip(box[:2], box[2:], frame[::-1], strict=True):
        axes.append(_Axis(start, length, max(0, start - edge), min(limit, start + length + edge), limit))
    scale = min(1.0, resolution / sqrt(axes[0].wanted * axes[1].wanted))
    while True:
        size = (axes[0].size_at(scale), axes[1].size_at(scale))
        if size[0] * size[1] <= resolution * resolution:
            break
        scale *= _STEP_DOWN
    spans = (round(size[0] / scale), round(size[1] / scale))
    x, y = (axis.placed(span) for axis, span in zip(axes, spans, strict=True))
    return Crop(x, y, *spans, size)


def latent_mask(alpha: Pixels) -> Pixels:
    """uint8 [H,W], 0 or 255: every cell of the latents that the subject touches, whole.

    Args:
        alpha: uint8 [H,W], both multiples of `CELL`.
    """
    height, width = alpha.shape
    cells = alpha.reshape(height // CELL, CELL, width // CELL, CELL).max(axis=(1, 3)) >= _TOUCHED
    return np.repeat(np.repeat(cells.astype(np.uint8) * 255, CELL, axis=0), CELL, axis=1)


@dataclass(frozen=True)
class _Axis:
    """One direction: the box, the span `low` to `high` with its margin, and the frame's length."""

    start: int
    length: int
    low: int
    high: int
    limit: int

    @property
    def wanted(self) -> int:
        return self.high - self.low

    def size_at(self, scale: float) -> int:
        """A multiple of `STEP`: enough for the margin, or for the box alone where the frame ends first."""
        size = max(1, ceil(round(self.wanted * scale / STEP, 6))) * STEP
        if size <= self.limit * scale:
            return size
        less = floor(round(self.limit * scale / STEP, 6)) * STEP
        return less if less >= self.length * scale else size

    def placed(self, span: int) -> int:
        """Where a span around the box begins: in the middle of the wanted, with all of the box."""
        middle = (self.low + self.high - span) // 2
        around = min(max(middle, self.start + self.length - span), self.start)
        first, last = sorted((0, self.limit - span))
        return min(max(around, first), last)
