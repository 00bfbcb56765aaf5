"""Gain and offset of a frame's light against another's: flicker, fades."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from trt_anime.runtime.media.frames import Pixels
from trt_anime.runtime.plates.sampling import inside, mapped, nearest_at
from trt_anime.runtime.plates.seen import Matrix

_BLUR = 9
_FEWEST, _MOST = 40, 8000
_ROUNDS = 8
_CLOSE = 3.0
_UNSEEN_CHANGE = 0.75  # levels at most, anywhere from dark to bright
_BETTER = 0.7
_DARK, _BRIGHT = 16.0, 240.0

Light = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Gain and offset, [3] each, RGB: frame = gain * other + offset, 0..255."""


@dataclass(frozen=True)
class Colours:
    """A frame's colours, without its detail. rgb: uint8 [H,W,3]; seen: uint8 [H,W], 255 where known."""

    rgb: Pixels
    seen: Pixels


@dataclass(frozen=True)
class Samples:
    """points: float64 [N,2] in pixels of the frame; values: float64 [N,3]."""

    points: NDArray[np.float64]
    values: NDArray[np.float64]


def colours_of(rgb: Pixels, seen: Pixels) -> Colours:
    """`seen`: 255 where the background shows."""
    known = cv2.erode(seen, np.ones((_BLUR, _BLUR), np.uint8))
    return Colours(np.asarray(cv2.blur(rgb, (_BLUR, _BLUR)), np.uint8), np.asarray(known, np.uint8))


def samples_of(colours: Colours) -> Samples:
    """At most some thousands, evenly over what is known."""
    step = max(4, int(np.sqrt(colours.seen.size / _MOST)))
    rows, columns = np.nonzero(colours.seen[step // 2 :: step, step // 2 :: step])
    rows, columns = rows * step + step // 2, columns * step + step // 2
    points = np.column_stack([columns, rows]).astype(np.float64)
    return Samples(points, colours.rgb[rows, columns].astype(np.float64))


def light_between(reference: Samples, frame: Colours, matrix: Matrix) -> Light:
    """The frame's light against the reference's; exactly 1 and 0 where nothing can be told from noise.

    Args:
        matrix: from pixels of the reference to pixels of the frame.
    """
    moved = mapped(matrix, reference.points)
    chosen = np.flatnonzero(inside(moved, frame.seen.shape, 1))
    chosen = chosen[nearest_at(frame.seen, moved[chosen]) > 0]
    if len(chosen) < _FEWEST:
        return np.ones(3), np.zeros(3)
    before, after = reference.values[chosen], _between_pixels(frame.rgb, moved[chosen])
    gain, offset = np.array([_line(before[:, c], after[:, c]) for c in range(3)]).T
    explained = _cost(after - gain * before - offset) < _BETTER * _cost(after - before)
    return (gain, offset) if explained and not unchanged(gain, offset) else (np.ones(3), np.zeros(3))


def unchanged(gain: NDArray[np.float64], offset: NDArray[np.float64]) -> bool:
    """Whether the light is the same for all that can be seen."""
    change = [np.abs(gain * value + offset - value).max() for value in (_DARK, _BRIGHT)]
    return float(max(change)) < _UNSEEN_CHANGE


def _cost(residual: NDArray[np.float64]) -> float:
    square = np.square(residual / _CLOSE)
    return float((square / (1 + square)).mean())


def _between_pixels(picture: Pixels, points: NDArray[np.float64]) -> NDArray[np.float64]:
    x, y = points.astype(np.float32).T[..., None]
    values = cv2.remap(picture, x, y, cv2.INTER_LINEAR)
    return np.asarray(values, np.float64).reshape(-1, 3)


def _line(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[float, float]:
    """Robust straight line y = gain x + offset; a small pull to gain 1 decides where x hardly varies."""
    gain, offset = 1.0, float(np.median(y - x))
    for turn in range(_ROUNDS):
        residual = y - gain * x - offset
        scale = max(_CLOSE, 1.5 * float(np.median(np.abs(residual))) * (2 if turn < 3 else 1))
        weight = 1 / np.square(1 + np.square(residual / scale))
        total = weight.sum()
        mean_x, mean_y = (weight @ x) / total, (weight @ y) / total
        pull = 0.1 * total
        spread = weight @ np.square(x - mean_x) + pull
        gain = float((weight @ ((x - mean_x) * (y - mean_y)) + pull) / spread)
        offset = float(mean_y - gain * mean_x)
    return gain, offset
