"""A cel painter's hand: flat colour, one tone of shade, an outline whose pressure varies."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from samples.arrays import F64, Colour
from samples.ink import Canvas, Points, ribbon, spline

OUTER, INNER, FINE = 0.019, 0.011, 0.0075
"""Line widths in heads. A head is about a fifth of the frame, so FINE is 1.1 pixels at 720p."""


@dataclass(frozen=True)
class Palette:
    """The colours of one procedural character, each with its shade."""

    hair: Colour
    hair_shade: Colour
    hair_light: Colour
    skin: Colour
    skin_shade: Colour
    cloth: Colour
    cloth_shade: Colour
    trim: Colour
    trim_shade: Colour
    eye: Colour
    eye_light: Colour
    line: Colour
    veil: Colour


def mirror(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """A half outline, from the top of the axis to its bottom, completed with its mirror image."""
    other = [(-x, y) for x, y in reversed(points) if abs(x) > 1e-9]
    return [*points, *other]


def outline(canvas: Canvas, points: Points, width: float, colour: Colour) -> None:
    """A closed line, heavier where the shape turns down and right, away from the light."""
    p = np.asarray(points, np.float64)
    closed = np.vstack([p, p[:1]])
    offset = closed - p.mean(0)
    weight = offset @ (0.6, 0.8) / np.maximum(np.hypot(*offset.T), 1e-9)
    canvas.fill(ribbon(closed, width * (0.8 + 0.35 * weight)), colour)


def cel(
    canvas: Canvas,
    points: Points,
    colour: Colour,
    line: Colour,
    *,
    width: float = OUTER,
    shade: F64 | None = None,
    shade_colour: Colour | None = None,
) -> None:
    """One flat part: fill, shade within it, outline."""
    canvas.fill(points, colour)
    if shade is not None and shade_colour is not None:
        canvas.fill(shade, shade_colour, inside=points)
    outline(canvas, points, width, line)


def lock(
    root: tuple[float, float],
    tip: tuple[float, float],
    *,
    wide: float,
    bend: float,
    direction: tuple[float, float],
) -> F64:
    """A pointed lock of hair, float64 [n, 2]: `wide` along `direction` at the root, bowed by `bend`."""
    a, b = np.asarray(root), np.asarray(tip)
    along = b - a
    side = np.array([-along[1], along[0]])
    across = np.asarray(direction) * wide / 2
    middle = a + 0.5 * along + bend * side
    left = spline(np.stack([a - across, middle - 0.72 * across, b]), samples=7)
    right = spline(np.stack([a + across, middle + 0.72 * across, b]), samples=7)
    return np.vstack([left, right[::-1][1:]])
