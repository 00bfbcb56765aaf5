"""The procedural character: a girl from the knees up, drawn as line art and two-tone cels.

Units are heads (chin to crown) about the middle of the face, y down; the figure runs off the frame.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from samples.arrays import F64, Layer
from samples.cels import FrameSize
from samples.dress import draw_arm, draw_skirt, draw_sleeve, draw_torso, hanging_arm
from samples.face import Turn, draw_face
from samples.hairdo import Blow, Hair, draw_back, draw_front, draw_loose, grow
from samples.ink import Canvas
from samples.layers import lit, over, smear, spin
from samples.pen import FINE, Palette
from samples.sprites import Path
from samples.strands import Veil, draw_veil, veil_path
from samples.timeline import Exposure, wave

HEAD = 0.205
"""A head in frame heights, at zoom 1."""
BOX = (-2.1, -1.25, 2.3, 4.9)
ARM_BOX = (-2.0, -0.2, 0.0, 2.7)
SHOULDER = (-0.52, 1.0)
RAISED_ELBOW = (-0.98, 1.42)


@dataclass(frozen=True)
class FigureActor:
    """A drawn character. `path`: where the middle of the face is, in frame widths and heights."""

    size: FrameSize
    identity: int
    colours: Palette
    path: Path
    zoom: float
    exposure: Exposure
    seed: int
    blinks: tuple[tuple[int, int], ...] = ()
    talks: tuple[tuple[int, int], ...] = ()
    waves: tuple[tuple[int, int], ...] = ()
    shutter: float = 0.5
    light: tuple[float, float, float] = (1.0, 1.0, 1.0)

    def draw(self, drawing: int) -> Layer:
        x, y = self.path(drawing)
        scale = self.zoom * HEAD * self.size.height
        anchor = (x * self.size.width, (y + 0.005 * wave(drawing, 37.3, self._phase)) * self.size.height)
        layer = over(self._arm(drawing, anchor, scale), self._body(drawing, anchor, scale))
        before, after = (self.path(drawing + d * self.shutter / 2) for d in (-1, 1))
        dx, dy = (after[0] - before[0]) * self.size.width, (after[1] - before[1]) * self.size.height
        return smear(lit(layer, self.light), dx, dy)

    @cached_property
    def _phase(self) -> float:
        return float(np.random.default_rng(self.seed).uniform())

    @cached_property
    def _hair(self) -> Hair:
        return grow(np.random.default_rng([self.seed, 1]), self.colours)

    @cached_property
    def _veils(self) -> tuple[Veil, ...]:
        c = self.colours
        return (
            Veil((0.1, 1.12), 0.35, 1.9, 0.30, self._phase, c.veil, c.line),
            Veil((-0.1, 1.15), 0.75, 1.5, 0.24, self._phase + 0.4, c.veil, c.line),
        )

    def _canvas(
        self, box: tuple[float, float, float, float], anchor: tuple[float, float], scale: float
    ) -> Canvas:
        margin = int(0.05 * self.size.height) + 2
        bounds = (-margin, -margin, self.size.width + margin, self.size.height + margin)
        return Canvas(box, scale=scale, anchor=anchor, oversample=self.size.oversample, bounds=bounds)

    def _blow(self, drawing: int) -> Blow:
        def blow(points: object) -> F64:
            p = np.asarray(points, np.float64)
            depth = np.clip(p[:, 1] + 0.3, 0, None)
            gust = np.sin(2 * np.pi * (drawing / 23.3 + self._phase - 0.22 * p[:, 1] + 0.08 * p[:, 0]))
            return np.column_stack([p[:, 0] + 0.045 * depth**1.4 * (0.7 + gust), p[:, 1]])

        return blow

    def _body(self, drawing: int, anchor: tuple[float, float], scale: float) -> Layer:
        canvas = self._canvas(BOX, anchor, scale)
        colours, blow = self.colours, self._blow(drawing)
        turn = Turn(0.06 * wave(drawing, 43.7, self._phase + 0.3))
        draw_back(canvas, self._hair, colours, blow)
        draw_veil(canvas, veil_path(self._veils[1], drawing), self._veils[1], FINE)
        draw_skirt(canvas, colours, drawing, self._phase)
        far_arm = hanging_arm(1, 0.02 * wave(drawing, 35.3, self._phase))
        draw_arm(canvas, far_arm, colours)
        draw_sleeve(canvas, tuple(far_arm[0]), tuple(far_arm[1]), colours)
        draw_torso(canvas, colours)
        draw_face(
            canvas, turn, colours, closed=_within(drawing, self.blinks), mouth=_within(drawing, self.talks)
        )
        draw_front(canvas, self._hair, colours, turn, blow)
        draw_loose(canvas, self._hair, turn, blow, drawing)
        draw_veil(canvas, veil_path(self._veils[0], drawing), self._veils[0], FINE)
        return canvas.layer()

    def _arm(self, drawing: int, anchor: tuple[float, float], scale: float) -> Layer:
        """The near arm, in front of everything; while it waves, the forearm is smeared about the elbow."""
        canvas = self._canvas(ARM_BOX, anchor, scale)
        if not _within(drawing, self.waves):
            rest = hanging_arm(-1, 0.02 * wave(drawing, 31.9, self._phase))
            draw_arm(canvas, rest, self.colours)
            draw_sleeve(canvas, tuple(rest[0]), tuple(rest[1]), self.colours)
            return canvas.layer()
        draw_arm(canvas, [SHOULDER, RAISED_ELBOW], self.colours, hand=False)
        draw_sleeve(canvas, SHOULDER, RAISED_ELBOW, self.colours)
        before, now, after = (_raised(drawing + d * self.shutter / 2) for d in (-1, 0, 1))
        forearm = self._canvas(ARM_BOX, anchor, scale)
        wrist = np.add(RAISED_ELBOW, 0.70 * np.array((np.cos(now), np.sin(now))))
        draw_arm(forearm, np.vstack([RAISED_ELBOW, wrist]), self.colours)
        pivot = (anchor[0] + scale * RAISED_ELBOW[0], anchor[1] + scale * RAISED_ELBOW[1])
        return over(canvas.layer(), spin(forearm.layer(), pivot, before - now, after - now))


def _raised(time: float) -> float:
    """The angle of the raised forearm: a fast wave."""
    return float(-1.75 + 0.6 * np.sin(2 * np.pi * time / 6.3))


def _within(drawing: int, spans: tuple[tuple[int, int], ...]) -> float:
    return float(any(first <= drawing < last for first, last in spans))
