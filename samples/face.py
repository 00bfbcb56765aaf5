"""A face as anime draws it. Units are heads about the middle of the face, y down."""

import numpy as np

from samples.arrays import F64
from samples.ink import Canvas, spline
from samples.pen import FINE, INNER, OUTER, Palette, cel, mirror

JAW = mirror(
    [(0.0, -0.52), (0.30, -0.45), (0.46, -0.18), (0.455, 0.10), (0.38, 0.30), (0.21, 0.47), (0.0, 0.56)]
)
EYE = np.array(
    [(-1, 0.15), (-0.72, -0.62), (0, -1), (0.75, -0.72), (1, 0.0), (0.7, 0.85), (0, 1), (-0.6, 0.85)]
)


class Turn:
    """The head's tilt: rotates points about the neck and shifts what looks aside."""

    def __init__(self, angle: float, shift: tuple[float, float] = (0.0, 0.0)) -> None:
        c, s = np.cos(angle), np.sin(angle)
        self.matrix = np.array([[c, s], [-s, c]])
        self.shift = np.asarray(shift, np.float64)

    def __call__(self, points: object) -> F64:
        pivot = (0.0, 0.6)
        p = np.asarray(points, np.float64)
        return np.asarray((p - pivot) @ self.matrix + pivot + self.shift, np.float64)


def draw_face(canvas: Canvas, turn: Turn, colours: Palette, *, closed: float, mouth: float) -> None:
    """closed: 0 eyes open, 1 shut. mouth: 0 a smile, 1 open wide."""
    jaw = turn(spline(JAW, closed=True))
    shade = turn(
        spline([(0.26, -0.5), (0.30, 0.0), (0.22, 0.28), (0.02, 0.5), (0.2, 0.7), (0.7, 0.4), (0.7, -0.5)])
    )
    cel(canvas, jaw, colours.skin, colours.line, shade=shade, shade_colour=colours.skin_shade)
    fringe = [
        (-0.6, -0.6),
        (-0.5, 0.02),
        (-0.3, -0.07),
        (-0.1, 0.03),
        (0.1, -0.06),
        (0.3, 0.02),
        (0.5, 0.1),
        (0.6, -0.6),
    ]
    canvas.fill(turn(fringe), colours.skin_shade, inside=jaw)
    for side in (-1, 1):
        _blush(canvas, turn, side)
        if closed > 0.5:
            _shut_eye(canvas, turn, side, colours)
        else:
            _open_eye(canvas, turn, side, colours, 1 - closed)
        brow = spline([(side * 0.09, -0.085), (side * 0.2, -0.125), (side * 0.31, -0.08)])
        canvas.line(turn(brow), 0.022, colours.hair_shade)
    canvas.line(turn([(0.005, 0.265), (-0.012, 0.29), (0.012, 0.3)]), INNER, colours.line)
    _mouth(canvas, turn, colours, mouth)


def _blush(canvas: Canvas, turn: Turn, side: int) -> None:
    around = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    cheek = np.column_stack([side * 0.275 + 0.085 * np.cos(around), 0.285 + 0.035 * np.sin(around)])
    canvas.fill(turn(cheek), (244, 130, 128), opacity=0.35)
    for k in range(3):
        x = side * 0.275 + 0.035 * (k - 1)
        canvas.line(turn([(x + 0.012, 0.265), (x, 0.285), (x - 0.012, 0.305)]), FINE, (214, 96, 96))


def _open_eye(canvas: Canvas, turn: Turn, side: int, colours: Palette, lift: float) -> None:
    centre, half = np.array((side * 0.205, 0.115)), np.array((side * 0.118, 0.138 * lift))
    white = turn(spline(EYE * half + centre, closed=True))
    canvas.fill(white, (252, 252, 255))
    canvas.fill(
        turn(EYE[[0, 1, 2, 3, 4]] * half * (1.1, 1) + centre + (0, 0.035)), (196, 200, 224), inside=white
    )
    around = np.linspace(0, 2 * np.pi, 36, endpoint=False)
    circle = np.column_stack([np.cos(around), np.sin(around)])
    iris = np.add(centre, (0.004, 0.008))
    canvas.fill(turn(circle * (0.088, 0.130) + iris), colours.line, inside=white)
    canvas.fill(turn(circle * (0.078, 0.120) + iris), colours.eye, inside=white)
    canvas.fill(turn(circle * (0.058, 0.062) + iris + (0, 0.052)), colours.eye_light, inside=white)
    canvas.fill(turn(circle * (0.032, 0.052) + iris), colours.line, inside=white)
    canvas.fill(turn(circle * (0.028, 0.034) + iris + (-0.034, -0.05)), (255, 255, 255), inside=white)
    canvas.fill(turn(circle * (0.013, 0.016) + iris + (0.038, 0.058)), (255, 255, 255), inside=white)
    lash = spline(
        np.array([(-1.06, 0.2), (-0.75, -0.66), (0, -1.04), (0.78, -0.74), (1.2, 0.02)]) * half + centre
    )
    canvas.line(turn(lash), 0.042, colours.line, ends=(0.15, 0.5))
    for far in (0.95, 0.72):
        root = np.array((far, -0.42)) * half + centre
        canvas.line(
            turn([root, np.add(root, (side * 0.03, -0.012)), np.add(root, (side * 0.055, -0.04))]),
            INNER,
            colours.line,
        )
    crease = spline(np.array([(-0.7, -1.1), (0.05, -1.4), (0.85, -1.05)]) * half + centre)
    canvas.line(turn(crease), FINE, colours.line)
    lower = spline(np.array([(-0.35, 1.04), (0.2, 1.04), (0.75, 0.8)]) * half + centre)
    canvas.line(turn(lower), INNER, colours.line)


def _shut_eye(canvas: Canvas, turn: Turn, side: int, colours: Palette) -> None:
    arc = spline([(side * 0.095, 0.15), (side * 0.2, 0.205), (side * 0.315, 0.14)])
    canvas.line(turn(arc), 0.034, colours.line, ends=(0.2, 0.4))
    for t in (0.24, 0.29):
        tail = [(side * t, 0.185), (side * (t + 0.012), 0.205), (side * (t + 0.03), 0.215)]
        canvas.line(turn(tail), FINE, colours.line)


def _mouth(canvas: Canvas, turn: Turn, colours: Palette, mouth: float) -> None:
    if mouth < 0.2:
        canvas.line(turn(spline([(-0.085, 0.385), (0.0, 0.41), (0.085, 0.38)])), INNER, colours.line)
        return
    low = 0.40 + 0.085 * mouth
    shape = turn(
        spline(
            [
                (-0.095, 0.375),
                (0, 0.387),
                (0.095, 0.372),
                (0.055, low - 0.01),
                (0, low),
                (-0.055, low - 0.01),
            ],
            closed=True,
        )
    )
    canvas.fill(shape, (150, 52, 60))
    tongue = turn(spline([(-0.06, low), (0.0, low - 0.035), (0.06, low), (0, low + 0.05)], closed=True))
    canvas.fill(tongue, (232, 128, 124), inside=shape)
    canvas.line(turn(spline([(-0.1, 0.37), (0, 0.387), (0.1, 0.367)])), OUTER, colours.line)
    canvas.line(turn(spline([(-0.055, low - 0.01), (0, low), (0.055, low - 0.01)])), FINE, colours.line)
