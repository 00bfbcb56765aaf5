"""Sprites brought to life: they breathe, sway, blink, slide with motion blur; wind takes hair and hems."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache

import cv2
import numpy as np

from samples import artwork
from samples.arrays import F32, F64, Layer, unit
from samples.cast import Role
from samples.cels import FrameSize
from samples.ink import Canvas
from samples.layers import lit, over, smear, tidy
from samples.strands import Strand, Veil, draw_strand, draw_veil, scatter, strand_path, veil_path
from samples.timeline import Exposure, wave

SPRITE_ROWS = 720
"""Sprites are drawn for frames of this height."""

Path = Callable[[float], tuple[float, float]]
"""Where a figure's foot stands at a (fractional) drawing: (x in frame widths, y in frame heights)."""


@dataclass(frozen=True)
class SpriteActor:
    """A sprite that acts. `zoom` 1 draws it as large as it was made for."""

    size: FrameSize
    role: Role
    path: Path
    zoom: float
    exposure: Exposure
    seed: int
    mirrored: bool = False
    blinks: tuple[tuple[int, int], ...] = ()
    talks: tuple[tuple[int, int], ...] = ()
    shutter: float = 0.5
    light: tuple[float, float, float] = (1.0, 1.0, 1.0)

    @property
    def identity(self) -> int:
        return self.role.identity

    @property
    def scale(self) -> float:
        """Frame pixels per sprite pixel."""
        return self.zoom * self.size.height / SPRITE_ROWS

    def draw(self, drawing: int) -> Layer:
        x, y = self.path(drawing)
        foot = (x * self.size.width, (y + 0.004 * wave(drawing, 37.3, self._phase)) * self.size.height)
        sheet = _scaled(self._face(drawing), self.scale, self.mirrored)
        figure = self._posed(sheet, drawing, foot)
        canvas = self._loose(drawing, foot)
        layer = over(canvas, figure) if canvas else figure
        before, after = (self.path(drawing + d * self.shutter / 2) for d in (-1, 1))
        dx, dy = (after[0] - before[0]) * self.size.width, (after[1] - before[1]) * self.size.height
        return smear(lit(layer, self.light), dx, dy)

    def _face(self, drawing: int) -> str:
        usual, talking, closed = self.role.faces
        if any(first <= drawing < last for first, last in self.blinks):
            return closed
        return talking if any(first <= drawing < last for first, last in self.talks) else usual

    @cached_property
    def _phase(self) -> float:
        return float(np.random.default_rng(self.seed).uniform())

    def _sway(self, drawing: int, height: F64) -> F64:
        """Lean in sprite pixels at a height above the foot, 0..1."""
        return 9.0 * wave(drawing, 41.7, self._phase + 0.2) * height**2

    def _flutter(self, drawing: int, x: F64, height: F64) -> F64:
        """How far cloth and hair are blown aside, in sprite pixels, at x sprite pixels from the axis."""
        loose = np.clip((np.abs(x) - 55) / 110, 0, 1)
        return 5.0 * loose * np.sin(2 * np.pi * (1.9 * height + drawing / 19.3 + self._phase))

    def _place(self, points: F64, drawing: int) -> F64:
        """Sprite pixels [n, 2] to canvas units (sprite pixels about the foot), moved as the figure is."""
        rows = float(SPRITE_ROWS)
        x, up = points[:, 0] - self.role.axis, (self._rows - points[:, 1]) / rows
        x = x + self._sway(drawing, up) + self._flutter(drawing, x, up)
        y = -up * rows * (1 + 0.004 * wave(drawing, 33.1, self._phase))
        return np.column_stack([-x if self.mirrored else x, y])

    @cached_property
    def _rows(self) -> int:
        return int(artwork.image(self.role.faces[0]).shape[0])

    def _posed(self, sheet: F32, drawing: int, foot: tuple[float, float]) -> Layer:
        """Warp the scaled sprite: the inverse of `_place`, to first order."""
        rows, columns = sheet.shape[:2]
        margin = int(24 * self.scale) + 2
        axis = columns - self.role.axis * self.scale if self.mirrored else self.role.axis * self.scale
        left, top = int(foot[0] - axis) - margin, int(foot[1] - rows) - margin
        last = min(top + rows + 2 * margin, self.size.height + margin)
        u = np.arange(left, left + columns + 2 * margin, dtype=np.float64)[None, :] + 0.5 - foot[0]
        v = np.arange(top, max(top + 1, last), dtype=np.float64)[:, None] + 0.5 - foot[1]
        tall = SPRITE_ROWS * self.scale
        v = v / (1 + 0.004 * wave(drawing, 33.1, self._phase))
        side = -1.0 if self.mirrored else 1.0
        x = side * u / self.scale
        up = np.clip(-v / tall, 0, None)
        x = x - self._sway(drawing, up)
        x = x - self._flutter(drawing, x, up)
        map_x = (side * x * self.scale + axis - 0.5).astype(np.float32)
        map_y = np.broadcast_to(v + rows - 0.5, map_x.shape).astype(np.float32)
        warped = cv2.remap(sheet, map_x, map_y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_CONSTANT)
        return Layer(tidy(np.asarray(warped, np.float32)), left, top)

    @cached_property
    def _strands(self) -> tuple[Strand, ...]:
        rng = np.random.default_rng([self.seed, 1])
        colours = self.role.strands
        return scatter(rng, self.role.hair, self.role.head, colours, count=34, length=95, width=1.5)

    @cached_property
    def _veil(self) -> Veil:
        role = self.role
        phase = self._phase
        return Veil(role.veil_root, role.veil_angle, 230, 34, phase, role.veil, role.veil_line)

    def _loose(self, drawing: int, foot: tuple[float, float]) -> Layer | None:
        """The strands and the veil, which no sprite has."""
        box = (-420.0, -780.0, 420.0, 40.0)
        margin = 24 + abs(int(self.scale * 40))
        bounds = (-margin, -margin, self.size.width + margin, self.size.height + margin)
        canvas = Canvas(box, scale=self.scale, anchor=foot, oversample=self.size.oversample, bounds=bounds)
        wind = 0.5
        for strand in self._strands:
            draw_strand(canvas, self._place(strand_path(strand, drawing, wind), drawing), strand)
        draw_veil(canvas, self._place(veil_path(self._veil, drawing), drawing), self._veil, 1.3)
        return canvas.layer()


@lru_cache(maxsize=8)
def _scaled(name: str, scale: float, mirrored: bool) -> F32:
    """The sprite at frame scale: float32 [h, w, 4] premultiplied RGBA 0..1."""
    picture = unit(artwork.image(name))
    picture[..., :3] *= picture[..., 3:]
    shape = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    sheet = tidy(np.asarray(cv2.resize(picture, shape, interpolation=method), np.float32))
    return sheet[:, ::-1].copy() if mirrored else sheet
