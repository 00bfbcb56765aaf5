"""How large a plate is, and where its frames lie on it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trt_anime.runtime.plates.motions import Motions
from trt_anime.runtime.plates.sampling import mapped
from trt_anime.runtime.plates.seen import Matrix

LARGEST = 8.0
"""Canvas area in frame areas. A shot that needs more is cut in pieces, each with a plate of its own."""
_SAME_SCALE = 1.02


@dataclass(frozen=True)
class Layout:
    """size: (rows, columns) of the canvas. matrices: float64 [N,3,3], from each frame's pixels to its."""

    size: tuple[int, int]
    matrices: NDArray[np.float64]


def scale_of(matrix: Matrix, size: tuple[int, int]) -> float:
    """How many pixels long a pixel in the middle of the frame becomes."""
    middle = np.array([size[1] / 2, size[0] / 2, 1])
    depth = float(matrix[2] @ middle)
    return float(np.sqrt(abs(np.linalg.det(matrix) / depth**3)))


def corners_of(size: tuple[int, int]) -> NDArray[np.float64]:
    """[4,2], around the frame's rectangle."""
    rows, columns = size
    return np.array([[0, 0], [columns - 1, 0], [columns - 1, rows - 1], [0, rows - 1]], np.float64)


def layout_of(motions: Motions) -> Layout | None:
    """As fine as the frame that shows the most detail, within the largest area.

    Where that is too large, coarser, but not coarser than the frame that shows the least; None where that
    is too large too. Frames whose motion is unknown take no room.
    """
    known = motions.sure > 0
    matrices = motions.matrices[known] if known.any() else motions.matrices[:1]
    corners = np.concatenate([mapped(matrix, corners_of(motions.size)) for matrix in matrices])
    low, high = corners.min(0), corners.max(0)
    scales = [scale_of(matrix, motions.size) for matrix in matrices]
    most = LARGEST * motions.size[0] * motions.size[1]
    finest, coarsest = 1 / min(scales), 1 / max(scales)
    fitting = float(np.sqrt(most / max(1.0, np.prod(high - low + 1))))
    if fitting < coarsest:
        return None
    scale = min(finest, fitting)
    if 1 / _SAME_SCALE < scale < _SAME_SCALE:
        scale = 1.0
    origin = np.floor(low * scale + 1e-6)
    columns, rows = (np.ceil(high * scale - 1e-6) - origin).astype(int) + 1
    to_canvas = np.array([[scale, 0, -origin[0]], [0, scale, -origin[1]], [0, 0, 1]])
    return Layout((int(rows), int(columns)), to_canvas @ motions.matrices)


def pieces_of(motions: Motions) -> tuple[Motions, ...]:
    """The shot whole, or in runs of frames of which each fits one canvas, as long as may be."""
    if layout_of(motions) is not None:
        return (motions,)
    pieces, start = [], 0
    while start < len(motions.frames):
        stop = _longest(motions, start)
        pieces.append(motions.some(slice(start, stop)))
        start = stop
    return tuple(pieces)


def _longest(motions: Motions, start: int) -> int:
    """Where the longest run from `start` that fits ends, by halving: a longer run needs more room."""
    low, high = start + 1, len(motions.frames) + 1
    while high - low > 1:
        middle = (low + high) // 2
        if layout_of(motions.some(slice(start, middle))) is None:
            high = middle
        else:
            low = middle
    return low
