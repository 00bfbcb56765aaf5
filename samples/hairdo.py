"""Long hair: a mass behind, a fringe in front, side locks, and strands that leave it all."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from samples.arrays import F64
from samples.face import Turn
from samples.ink import Canvas, spline
from samples.pen import FINE, INNER, OUTER, Palette, cel, lock, mirror, outline
from samples.strands import Strand, draw_strand, scatter, strand_path

CROWN = mirror([(0.0, -0.72), (0.30, -0.665), (0.51, -0.46), (0.585, -0.14), (0.575, 0.16)])
HAIRLINE = [
    (-0.50, 0.0),
    (-0.40, -0.2),
    (-0.2, -0.31),
    (0.0, -0.33),
    (0.2, -0.31),
    (0.40, -0.2),
    (0.50, 0.0),
]
CROWN_SHADE = [(0.18, -0.75), (0.34, -0.45), (0.40, -0.1), (0.36, 0.3), (0.8, 0.3), (0.8, -0.8)]
FRINGE_ROOTS = [
    (-0.45, -0.3), (-0.4, -0.5), (0, -0.62), (0.4, -0.5), (0.45, -0.3),
    (0.2, -0.38), (0, -0.36), (-0.2, -0.38),
]  # fmt: skip
SILHOUETTE = [
    (-0.80, 1.9), (-0.78, 1.2), (-0.64, 0.5), (-0.585, -0.1), (-0.48, -0.5), (0, -0.72), (0.48, -0.5),
    (0.585, -0.1), (0.64, 0.5), (0.78, 1.2), (0.80, 1.9),
]  # fmt: skip

Blow = Callable[[object], F64]
"""Moves points [n, 2] with the wind."""


@dataclass(frozen=True)
class Hair:
    """The locks of one head, drawn by chance once and then only moved."""

    back: tuple[F64, ...]
    fringe: tuple[F64, ...]
    sides: tuple[F64, ...]
    loose: tuple[Strand, ...]


def grow(rng: np.random.Generator, colours: Palette) -> Hair:
    """Cut a hairdo; `rng` decides every tip."""
    back = []
    for x in np.linspace(-0.70, 0.70, 15):
        wide = 0.30 + rng.uniform(0, 0.12)
        tip = (1.28 * x + rng.normal(0, 0.07), 2.15 + 0.30 * rng.uniform(-1, 1) - 0.5 * abs(x))
        back.append(lock((0.66 * x, 0.1), tip, wide=wide, bend=rng.normal(0, 0.03), direction=(1, 0)))
    fringe = []
    tips = [
        (-0.47, 0.16),
        (-0.33, 0.07),
        (-0.22, -0.05),
        (-0.10, 0.05),
        (0.02, -0.03),
        (0.16, 0.04),
        (0.29, -0.02),
        (0.43, 0.12),
    ]
    for k in rng.permutation(len(tips)):
        x, y = tips[k]
        root = (0.78 * x, -0.43 + 0.22 * x * x)
        tip = (x + rng.normal(0.02, 0.03), y + rng.normal(0, 0.03))
        fringe.append(lock(root, tip, wide=0.25, bend=rng.normal(0.05, 0.05), direction=(1, 0.1 * x)))
    sides = []
    for side in (-1, 1):
        for wide, x, y in ((0.20, 0.62, 1.30), (0.15, 0.50, 0.86), (0.10, 0.67, 1.05)):
            tip = (side * (x + rng.normal(0, 0.04)), y + rng.normal(0, 0.08))
            sides.append(lock((side * 0.49, -0.14), tip, wide=wide, bend=-side * 0.07, direction=(1, 0)))
    tones = (colours.hair_shade, colours.hair, colours.hair, colours.line)
    loose = scatter(rng, SILHOUETTE, (0, 0.3), tones, count=46, length=0.75, width=0.0115)
    return Hair(tuple(back), tuple(fringe), tuple(sides), loose)


def draw_back(canvas: Canvas, hair: Hair, colours: Palette, blow: Blow) -> None:
    """The mass behind the body, with its tips."""
    mass = spline(
        mirror([(0, -0.7), (0.5, -0.45), (0.6, 0.2), (0.64, 0.8), (0.6, 1.45), (0, 1.7)]), closed=True
    )
    for part in hair.back:
        outline(canvas, blow(part), OUTER, colours.line)
    canvas.fill(blow(mass), colours.hair_shade)
    for number, part in enumerate(hair.back):
        moved = blow(part)
        canvas.fill(moved, colours.hair if number % 3 == 1 else colours.hair_shade)
        canvas.line(moved[len(moved) // 2 :], INNER, colours.line, ends=(0.8, 0.0))


def draw_front(canvas: Canvas, hair: Hair, colours: Palette, turn: Turn, blow: Blow) -> None:
    """Crown, side locks and fringe, over the face."""
    for part in hair.sides:
        _shaded(canvas, blow(turn(part)), (0.045, 0.0), INNER, colours)
    crown = turn(np.vstack([spline(CROWN[-4:] + CROWN[:5]), spline(HAIRLINE)[::-1]]))
    canvas.fill(crown, colours.hair)
    canvas.fill(turn(CROWN_SHADE), colours.hair_shade, inside=crown)
    for part in hair.fringe:
        _shaded(canvas, turn(part), (0.05, -0.015), FINE, colours)
    canvas.fill(turn(FRINGE_ROOTS), colours.hair, inside=crown)
    _shine(canvas, colours, turn, crown)
    rise = lock((0.0, -0.66), (0.24, -0.93), wide=0.09, bend=-0.28, direction=(1, 0))
    cel(canvas, blow(turn(rise)), colours.hair, colours.line, width=INNER)
    canvas.line(turn(spline(CROWN[-4:] + CROWN[:5])), OUTER, colours.line, ends=(0.5, 0.5))
    for x in (-0.3, -0.12, 0.08, 0.26):
        parting = spline([(0.02, -0.69), (0.55 * x, -0.6), (0.95 * x, -0.42)])
        canvas.line(turn(parting), FINE, colours.line, ends=(0.0, 0.3))


def _shaded(canvas: Canvas, part: F64, shift: tuple[float, float], width: float, colours: Palette) -> None:
    """A lock whose far side, `shift` away, is in shade."""
    tone = np.add(part, shift)
    cel(canvas, part, colours.hair, colours.line, width=width, shade=tone, shade_colour=colours.hair_shade)


def _shine(canvas: Canvas, colours: Palette, turn: Turn, crown: F64) -> None:
    """The band of light that drawn hair has around the crown, with teeth."""
    x = np.linspace(-0.44, 0.36, 15)
    base = -0.50 + 0.55 * x**2
    teeth = 0.035 * (np.arange(15) % 2)
    band = np.vstack(
        [np.column_stack([x, base - teeth]), np.column_stack([x, base + 0.07 + 1.4 * teeth])[::-1]]
    )
    canvas.fill(turn(band), colours.hair_light, opacity=0.85, inside=crown)


def draw_loose(canvas: Canvas, hair: Hair, turn: Turn, blow: Blow, drawing: int) -> None:
    """Flyaway strands, thinner than a pixel at their tips."""
    for strand in hair.loose:
        draw_strand(canvas, turn(blow(strand_path(strand, drawing, 0.35))), strand)
