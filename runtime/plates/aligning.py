"""Gauss-Newton on grey values at telling places, coarse to fine, with outliers weighed down.

Inverse compositional alignment (Baker & Matthews, IJCV 2004), with Geman-McClure weights and with gain and
offset of the light as two more unknowns.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trt_anime.runtime.plates.reference import EDGE, GENERATORS, Level, Places, Reference, normalising
from trt_anime.runtime.plates.sampling import cubic_at, inside, mapped, nearest_at
from trt_anime.runtime.plates.seen import Floats, Matrix

SHIFT, SIMILARITY, AFFINE, HOMOGRAPHY = 2, 4, 6, 8
"""How many of a motion's eight numbers are free."""

CLOSE = 5.0
"""Grey levels: residuals far below it agree, far above it belong to something else."""
FEWEST = 60
"""Places in view, without which there is no telling."""
_ROUNDS = 12
_STILL = 0.003  # pixels at the corners
_SLOWEST_LIGHT = 0.05


@dataclass(frozen=True)
class Fit:
    """How a frame lies on a reference.

    Attributes:
        matrix: from pixels of the reference to pixels of the frame.
        light: gain and offset: frame = gain * reference + offset, in grey levels.
        cost: 0..1, mean of the robust residual at the finest level; 1 where nothing could be compared.
        support: 0..1, share of the places in view that agree.
        in_view: 0..1, share of the reference's places that the frame shows.
        count: places in view.
    """

    matrix: Matrix
    light: tuple[float, float]
    cost: float
    support: float
    in_view: float
    count: int


def corners_apart(one: Matrix, other: Matrix, shape: tuple[int, ...]) -> float:
    """The farthest that two motions put a corner of the frame from each other, in pixels."""
    rows, columns = shape[:2]
    corners = np.array([[0, 0], [columns - 1, 0], [0, rows - 1], [columns - 1, rows - 1]], np.float64)
    return float(np.abs(mapped(one, corners) - mapped(other, corners)).max())


def aligned(
    reference: Reference, frame: tuple[Level, ...], start: Matrix, free: int, *, coarsest: int | None = None
) -> Fit:
    """From `start`, with `free` numbers; `coarsest`: level to begin at, the last of all if None."""
    matrix, light = start, (1.0, 0.0)
    first = len(frame) - 1 if coarsest is None else min(coarsest, len(frame) - 1)
    for number in range(first, -1, -1):
        matrix, light = _settled(reference, frame, number, matrix, light, free)
    return measured(reference, frame, matrix, light)


def measured(
    reference: Reference, frame: tuple[Level, ...], matrix: Matrix, light: tuple[float, float]
) -> Fit:
    """How well a motion explains the frame at the finest level."""
    places = reference.levels[0]
    chosen, residual = _residuals(places, frame[0], 0, matrix, light)
    count = len(chosen)
    if count < FEWEST:
        return Fit(matrix, light, 1.0, 0.0, count / max(1, len(places.points)), count)
    square = np.square(residual / (CLOSE * max(light[0], _SLOWEST_LIGHT)))
    weight = places.trusted[chosen]
    cost = float(np.average(square / (1 + square), weights=weight))
    support = float(np.average(square < 1, weights=weight))
    return Fit(matrix, light, cost, support, count / len(places.points), count)


def distinct(reference: Reference, frame: tuple[Level, ...], fit: Fit) -> float:
    """0..1: how much better the fit is than others 2 pixels away; about 0 where it came about by chance."""
    around = []
    for x, y in ((2, 0), (-2, 0), (0, 2), (0, -2)):
        aside = np.array([[1, 0, x], [0, 1, y], [0, 0, 1]]) @ fit.matrix
        around.append(measured(reference, frame, aside, fit.light).cost)
    return max(0.0, 1 - fit.cost / max(1e-9, float(np.mean(around))))


def agreement(
    reference: Reference, frame: tuple[Level, ...], fit: Fit, number: int
) -> tuple[NDArray[np.int64], Floats]:
    """Which of the level's places the frame shows, and 0..1 how much each agrees."""
    chosen, residual = _residuals(reference.levels[number], frame[number], number, fit.matrix, fit.light)
    square = np.square(residual / (CLOSE * max(fit.light[0], _SLOWEST_LIGHT)))
    return chosen, np.asarray(1 / (1 + square), np.float32)


def _settled(
    reference: Reference,
    frame: tuple[Level, ...],
    number: int,
    matrix: Matrix,
    light: tuple[float, float],
    free: int,
) -> tuple[Matrix, tuple[float, float]]:
    places, shape = reference.levels[number], frame[0].grey.shape
    unit = normalising(shape)
    back = np.linalg.inv(unit)
    for _ in range(_ROUNDS):
        chosen, residual = _residuals(places, frame[number], number, matrix, light)
        if len(chosen) < FEWEST / 2:
            return matrix, light
        step, light = _step(places, chosen, residual, light, free)
        change = back @ np.linalg.inv(np.eye(3) + np.tensordot(step, GENERATORS[:free], 1)) @ unit
        matrix = matrix @ change
        matrix = matrix / matrix[2, 2]
        if corners_apart(change, np.eye(3), shape) < _STILL * 2**number:
            break
    return matrix, light


def _residuals(
    places: Places, level: Level, number: int, matrix: Matrix, light: tuple[float, float]
) -> tuple[NDArray[np.int64], Floats]:
    """Indices of the places that the frame shows, and frame minus reference there."""
    moved = mapped(matrix, places.points) / 2**number
    chosen = np.flatnonzero(inside(moved, level.grey.shape, EDGE))
    chosen = chosen[nearest_at(level.seen, moved[chosen]) > 0]
    value = cubic_at(level.grey, moved[chosen])
    return chosen, value - np.float32(light[0]) * places.values[chosen] - np.float32(light[1])


def _step(
    places: Places, chosen: NDArray[np.int64], residual: Floats, light: tuple[float, float], free: int
) -> tuple[NDArray[np.float64], tuple[float, float]]:
    spread = 1.4826 * float(np.median(np.abs(residual)))
    scale = max(CLOSE * max(light[0], _SLOWEST_LIGHT), min(1.5 * spread, 40.0))
    weight = places.trusted[chosen] / np.square(1 + np.square(residual / np.float32(scale)))
    terms = np.empty((len(chosen), free + 2), np.float32)
    terms[:, :free] = places.steps[chosen, :free] * np.float32(light[0])
    terms[:, free] = places.values[chosen] / 128
    terms[:, free + 1] = 1
    weighed = terms * weight[:, None]
    square = (weighed.T @ terms).astype(np.float64)
    # A little pull towards no change: a direction that nothing tells, such as along stripes, stays.
    square[np.diag_indices(free)] += 1e-4 * np.trace(square[:free, :free]) / free
    square[free, free] += 1e-6 * float(square[free, free]) + 1e-3
    answer = np.linalg.lstsq(square, (weighed.T @ residual).astype(np.float64), rcond=None)[0]
    gain = float(np.clip(light[0] + answer[free] / 128, _SLOWEST_LIGHT, 20.0))
    return answer[:free], (gain, light[1] + float(answer[free + 1]))
