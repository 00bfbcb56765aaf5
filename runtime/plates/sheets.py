"""A background of two sheets that pass at different speeds: parallax, as a multiplane camera gives it."""

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from trt_anime.runtime.media.frames import Pixels
from trt_anime.runtime.plates.warping import from_canvas


@dataclass(frozen=True)
class Sheet:
    """One of a background's sheets.

    Attributes:
        canvas: uint8 [h,w,4], RGBA, straight alpha: how much the sheet covers those behind it.
        seen: uint8 [h,w], 255 where some frame shows it, or shows that nothing of it is there; else 0.
        matrices: float64 [N,3,3], from each frame's pixels (x, y, 1) to the canvas's.
    """

    canvas: Pixels
    seen: Pixels
    matrices: NDArray[np.float64]

    @cached_property
    def premultiplied(self) -> Pixels:
        """uint8 [h,w,4]: the canvas with its colours times alpha."""
        return premultiplied(self.canvas)

    @cached_property
    def colours(self) -> Pixels:
        """uint8 [h,w,3]: the canvas without alpha."""
        return np.ascontiguousarray(self.canvas[..., :3])

    def view(self, row: int, size: tuple[int, int]) -> Pixels:
        """uint8 [H,W,4], premultiplied: the sheet as the frame of that row shows it."""
        return from_canvas(self.premultiplied, self.matrices[row], size)


def premultiplied(rgba: Pixels) -> Pixels:
    """uint8 [h,w,4]: colours times alpha."""
    *colours, alpha = cv2.split(rgba)
    return np.asarray(
        cv2.merge([*(cv2.multiply(c, alpha, scale=1 / 255) for c in colours), alpha]), np.uint8
    )


def straight(colour: NDArray[np.float32], alpha: NDArray[np.float32]) -> Pixels:
    """uint8 [h,w,4]: RGBA of colours that are times alpha. float32 [h,w,3] 0..255, [h,w] 0..1."""
    plain = colour / np.maximum(alpha, 1 / 255)[..., None]
    plane = np.dstack([plain, alpha * 255])
    return np.asarray(np.clip(np.rint(plane), 0, 255), np.uint8)


def laid_over(near: Pixels, far: Pixels) -> Pixels:
    """uint8 [H,W,3]: a premultiplied RGBA picture over an RGB one."""
    colour, alpha = cv2.cvtColor(near, cv2.COLOR_RGBA2RGB), cv2.extractChannel(near, 3)
    through = cv2.cvtColor(np.asarray(255 - alpha, np.uint8), cv2.COLOR_GRAY2RGB)
    below = cv2.multiply(far, through, scale=1 / 255)
    return np.asarray(cv2.add(below, colour), np.uint8)
