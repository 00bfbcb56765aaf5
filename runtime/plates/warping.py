"""Frames to the canvas and back; by whole pixels nothing is resampled."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from trt_anime.runtime.plates.layout import corners_of, scale_of
from trt_anime.runtime.plates.sampling import mapped
from trt_anime.runtime.plates.seen import Matrix

Picture = NDArray[Any]
Window = tuple[slice, slice]

_WHOLE = 1e-6
_TAPS = 8
_FINER = 1.15


def window_of(matrix: Matrix, size: tuple[int, int], canvas: tuple[int, int]) -> Window:
    """Rows and columns of the canvas that a frame of `size` may touch; may be empty."""
    corners = mapped(matrix, corners_of(size))
    low = np.clip(np.floor(corners.min(0) + _WHOLE).astype(int), 0, canvas[::-1])
    high = np.clip(np.ceil(corners.max(0) - _WHOLE).astype(int) + 1, low, canvas[::-1])
    return slice(int(low[1]), int(high[1])), slice(int(low[0]), int(high[0]))


def to_canvas(
    picture: Picture,
    matrix: Matrix,
    window: Window,
    how: int = cv2.INTER_LINEAR,
    border: int = cv2.BORDER_CONSTANT,
) -> Picture:
    """A frame's picture as it lies in the window; 0 where the frame is not.

    Args:
        how: OpenCV's interpolation, where it does not lie on whole pixels.
        border: OpenCV's, for what lies outside of the frame.
    """
    rows, columns = window[0].stop - window[0].start, window[1].stop - window[1].start
    local = np.array([[1, 0, -window[1].start], [0, 1, -window[0].start], [0, 0, 1]]) @ matrix
    whole = _whole_shift(local)
    if whole == (0, 0) and picture.shape[:2] == (rows, columns):
        return picture
    if whole is not None:
        how = cv2.INTER_NEAREST
    if np.array_equal(local[2], (0, 0, 1)):
        return np.asarray(cv2.warpAffine(picture, local[:2], (columns, rows), flags=how, borderMode=border))
    return np.asarray(cv2.warpPerspective(picture, local, (columns, rows), flags=how, borderMode=border))


def from_canvas(canvas: Picture, matrix: Matrix, size: tuple[int, int]) -> Picture:
    """[H,W,...] of the canvas's type: what a frame at `matrix` shows of it; its edge goes on outside.

    A crop where it lies on whole pixels; an exact Lanczos filter where it is shifted otherwise.
    """
    if (crop := _crop(canvas, matrix, size)) is not None:
        return crop
    if np.array_equal(matrix[:, :2], np.eye(3)[:, :2]):
        return _shifted(canvas, matrix, size)
    scale = scale_of(matrix, size)
    if scale > _FINER:  # the frame shows less detail than the canvas has
        blur = 0.5 * float(np.sqrt(scale**2 - 1))
        window = window_of(matrix, size, (canvas.shape[0], canvas.shape[1]))
        canvas = cv2.GaussianBlur(canvas[window], (0, 0), blur)
        matrix = np.array([[1, 0, -window[1].start], [0, 1, -window[0].start], [0, 0, 1]]) @ matrix
    flags = cv2.INTER_LANCZOS4 | cv2.WARP_INVERSE_MAP
    to = (size[1], size[0])
    if np.array_equal(matrix[2], (0, 0, 1)):
        moved = cv2.warpAffine(canvas, matrix[:2], to, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    else:
        moved = cv2.warpPerspective(canvas, matrix, to, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved)


def _crop(canvas: Picture, matrix: Matrix, size: tuple[int, int]) -> Picture | None:
    whole = _whole_shift(matrix)
    if whole is None:
        return None
    left, top = whole
    crop = canvas[max(0, top) : top + size[0], max(0, left) : left + size[1]]
    return crop if top >= 0 and left >= 0 and crop.shape[:2] == tuple(size) else None


def _shifted(canvas: Picture, matrix: Matrix, size: tuple[int, int]) -> Picture:
    """cv2.warpAffine rounds shifts to 1/32 of a pixel; a filter for this very shift does not."""
    left, top = np.floor(matrix[:2, 2] + _WHOLE).astype(int)
    before = _TAPS // 2 - 1
    part = _cut(canvas, (top - before, left - before), (size[0] + _TAPS - 1, size[1] + _TAPS - 1))
    across, down = (
        _lanczos(float(shift - base)) for shift, base in zip(matrix[:2, 2], (left, top), strict=True)
    )
    moved = cv2.sepFilter2D(
        part, -1, across, down, anchor=(before, before), borderType=cv2.BORDER_REPLICATE
    )
    return np.asarray(moved)[before : before + size[0], before : before + size[1]]


def _cut(canvas: Picture, start: tuple[int, int], size: tuple[int, int]) -> Picture:
    """`size` (rows, columns) of the canvas from `start` on; what lies outside of it is as its edge."""
    spans = []
    for low, length, side in zip(start, size, canvas.shape, strict=False):
        low = min(max(low, 1 - length), side - 1)  # farther out all is as the edge
        first, last = max(low, 0), min(low + length, side)
        spans.append((slice(first, last), first - low, low + length - last))
    (rows, above, below), (columns, before, after) = spans
    part = canvas[rows, columns]
    if part.shape[:2] == size:
        return part
    return np.asarray(cv2.copyMakeBorder(part, above, below, before, after, cv2.BORDER_REPLICATE))


def _lanczos(part: float) -> NDArray[np.float64]:
    distance = np.arange(_TAPS) - (_TAPS // 2 - 1) - part
    weights = np.sinc(distance) * np.sinc(distance / (_TAPS // 2))
    return np.asarray(weights / weights.sum(), np.float64)


def _whole_shift(matrix: Matrix) -> tuple[int, int] | None:
    """(x, y) where the matrix is a shift by whole pixels."""
    shift = np.rint(matrix[:2, 2])
    whole = np.eye(3)
    whole[:2, 2] = shift
    return (int(shift[0]), int(shift[1])) if np.abs(matrix - whole).max() < _WHOLE else None
