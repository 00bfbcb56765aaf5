"""A frame that others are registered to: the places in it that tell a motion, level by level."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from trt_anime.runtime.media.frames import Pixels
from trt_anime.runtime.plates.seen import Floats, Matrix, Seen, shown

SMALLEST_SIDE = 44
BLOCKS = (8, 8, 4, 4)
"""One place out of so many pixels square, from the finest level down; the last for all coarser ones."""
TELLING = 2.0
"""Grey levels a pixel: the least gradient that is more than noise."""
EDGE = 3
"""Pixels at a picture's edge that sampling and blurring spoil."""


@dataclass(frozen=True)
class Level:
    """Of a pyramid. grey: float32 [h,w], 0..255, blurred; seen: uint8 [h,w], 255 where it is trusted."""

    grey: Floats
    seen: Pixels


@dataclass(frozen=True)
class Places:
    """Telling places of one level.

    Attributes:
        points: float64 [N,2], (x, y) in pixels of the full frame.
        values: float32 [N], grey.
        steps: float32 [N,8], how grey changes with each of a motion's eight numbers (see `GENERATORS`).
        trusted: float32 [N], 0..1, how well each moved with the rest so far.
    """

    points: NDArray[np.float64]
    values: Floats
    steps: Floats
    trusted: Floats


@dataclass(frozen=True)
class Reference:
    """A frame that others are compared with.

    Attributes:
        coarsest: of its pyramid.
        levels: finest first.
        matrix: from its pixels to the plate's plane.
    """

    coarsest: Level
    levels: tuple[Places, ...]
    matrix: Matrix


def _generators() -> NDArray[np.float64]:
    """[8,3,3]: shift x, y; scale, turn; stretch, shear; tilt x, y. A simpler motion is a shorter list."""
    parts = np.zeros((8, 3, 3))
    parts[0, 0, 2] = parts[1, 1, 2] = 1
    parts[2, 0, 0] = parts[2, 1, 1] = 1
    parts[3, 0, 1], parts[3, 1, 0] = -1, 1
    parts[4, 0, 0], parts[4, 1, 1] = 1, -1
    parts[5, 0, 1] = parts[5, 1, 0] = 1
    parts[6, 2, 0] = parts[7, 2, 1] = 1
    return parts


GENERATORS = _generators()


def normalising(shape: tuple[int, ...]) -> Matrix:
    """From pixels to coordinates of about -1..1 around the middle, in which the eight numbers are alike."""
    rows, columns = shape[:2]
    half = max(rows, columns) / 2
    return np.array([[1 / half, 0, -columns / 2 / half], [0, 1 / half, -rows / 2 / half], [0, 0, 1]])


def pyramid_of(seen: Seen) -> tuple[Level, ...]:
    """Finest first, each half as large; pixel (x, y) of one is (2x, 2y) of the one before."""
    grey = cv2.GaussianBlur(cv2.cvtColor(seen.rgb, cv2.COLOR_RGB2GRAY).astype(np.float32), (0, 0), 0.8)
    level = Level(np.asarray(grey, np.float32), shown(seen))
    levels = [level]
    while min(level.grey.shape) >= 2 * SMALLEST_SIDE:
        grey = cv2.pyrDown(level.grey)
        trusted = cv2.erode(level.seen, np.ones((5, 5), np.uint8))[::2, ::2]
        level = Level(np.asarray(grey, np.float32), np.ascontiguousarray(trusted))
        levels.append(level)
    return tuple(levels)


def reference_of(pyramid: tuple[Level, ...], matrix: Matrix) -> Reference:
    shape = pyramid[0].grey.shape
    places = tuple(
        _places(level, number, BLOCKS[min(number, len(BLOCKS) - 1)], shape)
        for number, level in enumerate(pyramid)
    )
    return Reference(pyramid[-1], places, matrix)


def _places(level: Level, number: int, block: int, full: tuple[int, ...]) -> Places:
    """The steepest visible place of each block."""
    across = cv2.Scharr(level.grey, cv2.CV_32F, 1, 0) / 32
    down = cv2.Scharr(level.grey, cv2.CV_32F, 0, 1) / 32
    steep = cv2.magnitude(across, down)
    steep[level.seen == 0] = 0
    steep[:EDGE] = steep[-EDGE:] = 0
    steep[:, :EDGE] = steep[:, -EDGE:] = 0
    x, y = _steepest(np.asarray(steep, np.float32), block)
    keep = steep[y, x] >= TELLING
    x, y = x[keep], y[keep]
    points = np.column_stack([x, y]).astype(np.float64) * 2**number
    change = np.column_stack([across[y, x], down[y, x]]) / 2**number * (max(full) / 2)
    unit = normalising(full)
    steps = _steps(points * unit[0, 0] + unit[:2, 2], change)
    return Places(points, level.grey[y, x], steps, np.ones(len(x), np.float32))


def _steepest(steep: Floats, block: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    rows, columns = (side // block for side in steep.shape)
    tiles = steep[: rows * block, : columns * block].reshape(rows, block, columns, block)
    best = tiles.transpose(0, 2, 1, 3).reshape(rows, columns, block * block).argmax(-1)
    top, left = np.indices((rows, columns)) * block
    return (left + best % block).reshape(-1), (top + best // block).reshape(-1)


def _steps(points: NDArray[np.float64], change: NDArray[np.float64]) -> Floats:
    """Change of grey along the motion that each generator makes at each normalised point."""
    a, b = points.T
    gx, gy = change.T
    tilt = -(gx * a + gy * b)
    columns = (
        gx,
        gy,
        gx * a + gy * b,
        gy * a - gx * b,
        gx * a - gy * b,
        gx * b + gy * a,
        tilt * a,
        tilt * b,
    )
    return np.column_stack(columns).astype(np.float32)
