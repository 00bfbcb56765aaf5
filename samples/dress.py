"""What a procedural character wears, and her arms. Units are heads about the middle of the face, y down."""

import numpy as np

from samples.arrays import F64
from samples.ink import Canvas, Points, ribbon, spline
from samples.pen import FINE, INNER, Palette, cel, mirror

Joint = tuple[float, float]

# fmt: off
TORSO = spline(mirror([
    (0, 0.76), (0.2, 0.74), (0.50, 0.86), (0.60, 1.05), (0.47, 1.4), (0.37, 1.95), (0.4, 2.1), (0, 2.14),
]), closed=True)
TORSO_SHADE = spline(
    [(0.2, 0.66), (0.75, 1.0), (0.6, 2.2), (0.16, 2.3), (0.28, 1.7), (0.12, 1.3)], closed=True,
)
NECK = [(-0.135, 0.4), (0.135, 0.4), (0.15, 0.76), (0.24, 0.86), (0, 1.16), (-0.24, 0.86), (-0.15, 0.76)]
NECK_SHADE = [(-0.2, 0.4), (0.2, 0.4), (0.17, 0.68), (0.02, 0.78), (-0.14, 0.64)]
COLLAR = np.array([(0.15, 0.72), (0.40, 0.80), (0.36, 1.08), (0.0, 1.30), (0.05, 1.10)])
BOW = spline([(0, 1.28), (0.2, 1.16), (0.25, 1.30), (0.2, 1.40)], closed=True)
TAIL = np.array([(0, 1.28), (0.05, 1.30), (0.15, 1.66), (0.05, 1.62)])
FOLD = spline([(0.34, 1.5), (0.22, 1.62), (0.30, 1.86)])
BELT = spline(mirror([(0.0, 1.97), (0.375, 1.93), (0.40, 2.08), (0.0, 2.13)]), closed=True)
# Along and across the arm, from wrist and shoulder.
HAND = [
    (-0.05, -0.065), (0.12, -0.085), (0.28, -0.05), (0.31, 0.0), (0.27, 0.05), (0.12, 0.085),
    (-0.05, 0.065),
]
SLEEVE = [
    (0.0, -0.10), (0.14, -0.20), (0.42, -0.215), (0.60, -0.16),
    (0.60, 0.16), (0.42, 0.215), (0.14, 0.20), (0.0, 0.10),
]
# fmt: on


def draw_torso(canvas: Canvas, colours: Palette) -> None:
    """Bodice, neck, sailor collar, bow and belt."""
    cel(canvas, TORSO, colours.cloth, colours.line, shade=TORSO_SHADE, shade_colour=colours.cloth_shade)
    cel(canvas, NECK, colours.skin, colours.line, width=INNER)
    canvas.fill(NECK_SHADE, colours.skin_shade, inside=NECK)
    for side, tone in ((-1.0, colours.trim), (1.0, colours.trim_shade)):
        collar = COLLAR * (side, 1.0)
        cel(canvas, collar, tone, colours.line, width=INNER)
        stripe = spline(collar[1:4] * (0.86, 0.985), samples=6)
        canvas.line(stripe, FINE, colours.cloth_shade, ends=(1.0, 1.0))
        canvas.line(FOLD * (side, 1.0), FINE, colours.line, ends=(0.0, 0.0))
    for side in (-1.0, 1.0):
        cel(canvas, TAIL * (side, 1.0), colours.trim_shade, colours.line, width=FINE)
        cel(canvas, BOW * (side, 1.0), colours.trim, colours.line, width=INNER)
    cel(canvas, BELT, colours.trim, colours.line, width=INNER)


def draw_skirt(canvas: Canvas, colours: Palette, drawing: int, phase: float) -> None:
    """A pleated skirt whose hem swings."""
    x = np.linspace(-1, 1, 29)
    swing = 0.06 * np.sin(2 * np.pi * (drawing / 29.3 + phase + 0.4 * x))
    hem = np.column_stack([1.28 * x + swing, 4.7 + 0.06 * np.cos(14 * x) - 0.1 * x**2])
    left = spline([(-0.37, 1.98), (-0.62, 2.5), tuple(hem[0])])
    right = spline([tuple(hem[-1]), (0.62, 2.5), (0.37, 1.98)])
    shape = np.vstack([left, hem[1:-1], right])
    edge = spline([(0.12, 2.4), (0.30, 3.4), (0.42 + swing[20], 4.9)])
    shade = np.vstack([[(0.1, 1.9)], edge, [(1.8, 4.9), (0.8, 2.0)]])
    cel(canvas, shape, colours.cloth, colours.line, shade=shade, shade_colour=colours.cloth_shade)
    for k in range(3, 27, 4):
        middle = (0.62 * x[k] + 0.3 * swing[k], 3.0)
        course = spline([(0.33 * x[k], 2.05), middle, tuple(hem[k])])
        canvas.line(course, INNER, colours.line, ends=(0.0, 0.8))


def draw_arm(canvas: Canvas, joints: Points, colours: Palette, *, hand: bool = True) -> None:
    """A bare arm along joints [n, 2], the last of them the wrist, and an open hand."""
    p = np.asarray(joints, np.float64)
    along = (p[-1] - p[-2]) / np.hypot(*(p[-1] - p[-2]))
    frame = np.vstack([along, (-along[1], along[0])])
    course = spline(p, samples=10)
    sleek = ribbon(course, np.linspace(0.21, 0.145 if hand else 0.19, len(course)))
    palm = p[-1] + spline(HAND, closed=True) @ frame
    if hand:
        bone = p[-1] + np.array([(0.0, -0.03), (0.09, -0.10), (0.18, -0.13)]) @ frame
        thumb = ribbon(bone, np.array((0.07, 0.06, 0.03)))
        cel(canvas, thumb, colours.skin, colours.line, width=INNER)
        cel(canvas, palm, colours.skin, colours.line, width=INNER)
    shade = ribbon(np.add(course, (0.06, 0.0)), 0.09)
    cel(
        canvas, sleek, colours.skin, colours.line, width=INNER, shade=shade, shade_colour=colours.skin_shade
    )
    if hand:
        canvas.fill(
            palm, colours.skin, inside=ribbon(np.vstack([p[-1] - 0.06 * along, p[-1] + 0.3 * along]), 0.13)
        )
        for k in (-1, 0, 1):
            gap = p[-1] + np.array([(0.15, 0.034 * k), (0.22, 0.034 * k), (0.29, 0.024 * k)]) @ frame
            canvas.line(gap, FINE, colours.line, ends=(0.0, 0.8))


def draw_sleeve(canvas: Canvas, shoulder: Joint, elbow: Joint, colours: Palette) -> None:
    """A puffed sleeve with a cuff."""
    root = np.asarray(shoulder, np.float64)
    along = np.subtract(elbow, shoulder) / np.hypot(*np.subtract(elbow, shoulder))
    frame = np.vstack([along, (-along[1], along[0])])
    puff = root + spline(SLEEVE, closed=True) @ frame
    tone = np.add(puff, (0.13, 0.05))
    cel(canvas, puff, colours.cloth, colours.line, shade=tone, shade_colour=colours.cloth_shade)
    for k in (-1, 0, 1):
        pleat = root + np.array([(0.56, 0.08 * k), (0.44, 0.10 * k), (0.34, 0.11 * k)]) @ frame
        canvas.line(pleat, FINE, colours.line, ends=(0.8, 0.0))
    cuff = root + np.array([(0.55, -0.165), (0.66, -0.155), (0.66, 0.155), (0.55, 0.165)]) @ frame
    cel(canvas, cuff, colours.trim, colours.line, width=INNER)


def hanging_arm(side: float, swing: float) -> F64:
    """Shoulder, elbow and wrist of an arm at rest, float64 [3, 2]; side -1 or 1."""
    return np.array([(0.52 * side, 1.0), (0.82 * side, 1.6), (0.64 * side + swing, 2.23)])
