"""The array types of this package, and the placed picture that every component draws."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

U8 = npt.NDArray[np.uint8]
F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]
Colour = tuple[int, int, int]
"""RGB, 0..255, display-referred."""


@dataclass(frozen=True)
class Layer:
    """A picture somewhere on (or partly off) the frame.

    rgba: float32 [h, w, 4], RGB premultiplied by alpha, 0..1.
    left, top: frame pixel of its first column and row; may be negative.
    """

    rgba: F32
    left: int
    top: int

    def clipped(self, width: int, height: int) -> tuple[slice, slice, F32]:
        """Frame rows, frame columns and the part of `rgba` that lies on a width x height frame."""
        rows, columns = self.rgba.shape[:2]
        top, left = max(0, self.top), max(0, self.left)
        bottom = max(top, min(height, self.top + rows))
        right = max(left, min(width, self.left + columns))
        part = self.rgba[top - self.top : bottom - self.top, left - self.left : right - self.left]
        return slice(top, bottom), slice(left, right), part

    def on_frame(self, width: int, height: int) -> F32:
        """The layer alone on the frame: float32 [height, width, 4], 0 where it is not."""
        frame = np.zeros((height, width, 4), np.float32)
        rows, columns, part = self.clipped(width, height)
        frame[rows, columns] = part
        return frame


def unit(picture: U8) -> F32:
    """uint8 [..., 0..255] to float32 [..., 0..1]."""
    return np.asarray(picture * np.float32(1 / 255), np.float32)
