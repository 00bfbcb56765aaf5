"""The hard part of a matte: flyaway hair thinner than a pixel, and translucent ribbons in the wind."""

import math
from dataclasses import dataclass

import numpy as np

from samples.arrays import F64, Colour
from samples.ink import Canvas, Points, ribbon
from samples.timeline import wave


@dataclass(frozen=True)
class Strand:
    """One hair. Lengths in the units of the canvas that it is drawn on; angles in radians, y down."""

    root: tuple[float, float]
    angle: float
    length: float
    width: float
    droop: float
    curl: float
    phase: float
    colour: Colour


def scatter(
    rng: np.random.Generator,
    outline: Points,
    centre: tuple[float, float],
    colours: tuple[Colour, ...],
    *,
    count: int,
    length: float,
    width: float,
) -> tuple[Strand, ...]:
    """Strands that leave an outline [n, 2] away from `centre`, most of them short, none alike."""
    points = np.asarray(outline, np.float64)
    places = np.sort(rng.uniform(0, len(points) - 1, count))
    strands = []
    for place in places:
        k = min(int(place), len(points) - 2)
        root = points[k] + (points[k + 1] - points[k]) * (place - k)
        outward = math.atan2(root[1] - centre[1], root[0] - centre[0])
        strands.append(
            Strand(
                root=(float(root[0]), float(root[1])),
                angle=outward + rng.normal(0, 0.35),
                length=length * (0.25 + 0.75 * rng.beta(1.3, 2.2)) * (0.72 + 0.28 * math.sin(outward)),
                width=width * rng.uniform(0.5, 1.15),
                droop=rng.uniform(0.3, 1.0) * (0.55 + 0.45 * math.sin(outward)),
                curl=rng.normal(0, 0.03),
                phase=rng.uniform(0, 1),
                colour=colours[int(rng.integers(len(colours)))],
            )
        )
    return tuple(strands)


def strand_path(strand: Strand, drawing: int, wind: float) -> F64:
    """The hair's course, float64 [14, 2]: it leaves along its angle, then weight and wind bend it."""
    t = np.linspace(0, 1, 14)
    gust = wind * (0.6 + 0.5 * wave(drawing, 21.3, strand.phase))
    x = math.cos(strand.angle) * t + gust * t**2
    y = math.sin(strand.angle) * t * (1 - 0.5 * t) + strand.droop * t**2
    flutter = strand.curl * np.sin(2 * np.pi * (1.4 * t - drawing / 13.7 + strand.phase)) * t
    course = np.column_stack([x - flutter * math.sin(strand.angle), y + flutter * math.cos(strand.angle)])
    return np.asarray(strand.root + strand.length * course, np.float64)


def draw_strand(canvas: Canvas, path: F64, strand: Strand) -> None:
    """Full width at the root, nothing at the tip."""
    t = np.linspace(1, 0, len(path))
    canvas.fill(ribbon(path, strand.width * t**0.7), strand.colour)


@dataclass(frozen=True)
class Veil:
    """A band of thin cloth, `length` long and `width` wide, that flutters from its root."""

    root: tuple[float, float]
    angle: float
    length: float
    width: float
    phase: float
    cloth: Colour
    line: Colour
    opacity: float = 0.42


def veil_path(veil: Veil, drawing: int) -> F64:
    """Its middle line, float64 [32, 2]: waves run down it and grow on the way."""
    t = np.linspace(0, 1, 32)
    swing = 0.12 * wave(drawing, 27.7, veil.phase)
    ripple = 0.13 * t**0.8 * np.sin(2 * np.pi * (1.25 * t - drawing / 17.3 + veil.phase))
    turn = veil.angle + swing * t
    across = np.column_stack([-np.sin(turn), np.cos(turn)]) * ripple[:, None]
    along = np.column_stack([np.cos(turn), np.sin(turn) + 0.1 * t]) * t[:, None]
    return np.asarray(veil.root + veil.length * (along + across), np.float64)


def draw_veil(canvas: Canvas, path: F64, veil: Veil, line_width: float) -> None:
    """Sheer cloth, a fold that lies double, two thin edges."""
    t = np.linspace(0, 1, len(path))
    widths = veil.width * (0.35 + 0.65 * t**0.7) * (0.8 + 0.2 * np.cos(9 * t + 6 * veil.phase))
    outline = ribbon(path, widths)
    canvas.fill(outline, veil.cloth, opacity=veil.opacity)
    fold = ribbon(np.add(path, (0, 0.12 * veil.width)), widths * (0.25 + 0.2 * np.sin(7 * t + veil.phase)))
    canvas.fill(fold, veil.cloth, opacity=0.6 * veil.opacity, inside=outline)
    for edge in (outline[: len(path)], outline[len(path) :]):
        canvas.line(edge, line_width, veil.line, ends=(0.6, 0.3), opacity=0.8)
