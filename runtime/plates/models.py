"""Which kind of motion explains a frame: the simplest that does."""

import numpy as np

from trt_anime.runtime.plates.aligning import (
    AFFINE,
    HOMOGRAPHY,
    SHIFT,
    SIMILARITY,
    Fit,
    aligned,
    corners_apart,
    measured,
)
from trt_anime.runtime.plates.reference import Level, Reference
from trt_anime.runtime.plates.seen import Matrix

MODELS = (SHIFT, SIMILARITY, AFFINE, HOMOGRAPHY)

_WORSE = 1.07
_NOISE = 0.002
_UNEXPLAINED = 0.15
_MUCH_BETTER = 0.7
_APART = 0.06  # pixels at the corners, less than that is no other motion
_SNAP = 0.08
_STRAIGHT = 0.5
_PLACES_A_NUMBER = 25


def inverse(matrix: Matrix) -> Matrix:
    """Of a 3x3 motion; exact where it is a shift by whole pixels."""
    turned = np.linalg.inv(matrix)
    return np.asarray(turned / turned[2, 2] + 0.0, np.float64)


def fitted(reference: Reference, frame: tuple[Level, ...], start: Matrix, free: int) -> tuple[Fit, int]:
    """The frame's motion, and how many of its numbers are free.

    Args:
        start: from the reference to the frame, the expected one.
        free: of the frame before.
    """
    shape = frame[0].grey.shape
    shift = _shift_of(start, shape)
    best, kind = aligned(reference, frame, shift, SHIFT), SHIFT
    straight = corners_apart(shift, start, shape) < _STRAIGHT
    for model in MODELS[1:]:
        if best.count < _PLACES_A_NUMBER * model:
            break
        near = best.cost < _UNEXPLAINED  # then a richer motion is not far from it
        begin = best.matrix if near or straight or kind > SHIFT else start
        richer = aligned(reference, frame, begin, model, coarsest=1 if near else None)
        if _explains_more(best, richer, shape):
            best, kind = richer, model
        elif model > free:
            break
    return best, kind


def snapped(reference: Reference, frame: tuple[Level, ...], fit: Fit, free: int) -> Fit:
    """The shift by whole pixels next to a shift, or no motion at all, where that explains as much."""
    whole = np.eye(3)
    if free == SHIFT:
        whole[:2, 2] = np.rint(fit.matrix[:2, 2])
    if corners_apart(whole, fit.matrix, frame[0].grey.shape) > _SNAP:
        return fit
    exact = measured(reference, frame, whole, fit.light)
    return exact if exact.cost <= _WORSE * fit.cost + _NOISE else fit


def _explains_more(simple: Fit, rich: Fit, shape: tuple[int, ...]) -> bool:
    """A richer motion always fits a little better: noise, or two sheets at different speeds."""
    if corners_apart(simple.matrix, rich.matrix, shape) < _APART:
        return False
    limit = _MUCH_BETTER if simple.cost > _UNEXPLAINED else 1 / _WORSE
    return rich.cost < limit * simple.cost - _NOISE


def _shift_of(matrix: Matrix, shape: tuple[int, ...]) -> Matrix:
    """The shift that moves the middle of the frame alike."""
    middle = np.array([shape[1] / 2, shape[0] / 2, 1])
    moved = matrix @ middle
    shift = np.eye(3)
    shift[:2, 2] = moved[:2] / moved[2] - middle[:2]
    return shift
