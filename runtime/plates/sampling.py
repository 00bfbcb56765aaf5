"""Values of a picture between its pixels, at a list of places."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from trt_anime.runtime.plates.seen import Floats, Matrix


def mapped(matrix: Matrix, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where a 3x3 matrix puts points, [N,2] as (x, y)."""
    # Written out: a product of matrices so narrow takes BLAS three times as long.
    x, y = points[:, 0], points[:, 1]
    below = matrix[2, 0] * x + matrix[2, 1] * y + matrix[2, 2]
    moved = np.empty((len(points), 2))
    for row in range(2):
        moved[:, row] = (matrix[row, 0] * x + matrix[row, 1] * y + matrix[row, 2]) / below
    return moved


def inside(points: NDArray[np.float64], shape: tuple[int, ...], border: int) -> NDArray[np.bool_]:
    """[N]: which points lie in a picture of `shape` (rows, columns), `border` pixels from its edge."""
    x, y = points[:, 0], points[:, 1]
    rows, columns = shape[:2]
    within: NDArray[np.bool_] = (x >= border) & (x < columns - 1 - border)
    return within & (y >= border) & (y < rows - 1 - border)


def cubic_at(picture: NDArray[Any], points: NDArray[np.float64]) -> Floats:
    """float32 [N]: Catmull-Rom between the pixels of [H,W]; points at least 1 pixel from its edge.

    OpenCV's remap rounds places to 1/32 of a pixel, which is most of the error that registration may make.
    """
    base = np.floor(points).astype(np.int64)
    part = (points - base).astype(np.float32)
    across, down = _catmull_rom(part[:, 0]), _catmull_rom(part[:, 1])
    columns = picture.shape[1]
    flat = picture.reshape(-1)
    start = (base[:, 1] - 1) * columns + base[:, 0] - 1
    total = np.zeros(len(points), np.float32)
    for row in range(4):
        line = np.zeros(len(points), np.float32)
        for column in range(4):
            line += across[column] * flat[start + (row * columns + column)]
        total += down[row] * line
    return total


def nearest_at(picture: NDArray[Any], points: NDArray[np.float64]) -> NDArray[Any]:
    """[N] or [N,C]: values of the pixels nearest to points inside the picture."""
    at = np.rint(points).astype(np.int64)
    return np.asarray(picture[at[:, 1], at[:, 0]])


def _catmull_rom(t: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    square, cube = t * t, t * t * t
    return (
        (-cube + 2 * square - t) * np.float32(0.5),
        (3 * cube - 5 * square + 2) * np.float32(0.5),
        (-3 * cube + 4 * square + t) * np.float32(0.5),
        (cube - square) * np.float32(0.5),
    )
