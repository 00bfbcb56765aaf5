"""Light in front of the picture: a magic circle, an orb and sparks, added; and petals, laid over."""

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from samples.arrays import F32, F64, Colour
from samples.cels import FrameSize
from samples.compose import EffectKind
from samples.ink import Canvas, spline
from samples.timeline import Exposure, ease, wave

WHITE: Colour = (255, 255, 255)


def _fine(size: FrameSize) -> int:
    """Sheets the size of the frame cost more than a character's: less fine where lines are thick."""
    return min(size.oversample, 4 if size.height <= 540 else 2)


def _additive(light: F32) -> F32:
    """float32 [H, W, 3] light to the effect layer, [H, W, 4]: A is the brightest channel."""
    light = np.clip(light, 0, 1)
    light[light.max(axis=2) < 0.5 / 255] = 0
    return np.asarray(np.dstack([light, light.max(axis=2)]), np.float32)


@dataclass(frozen=True)
class Spell:
    """A turning magic circle seen at a slant, with an orb above it and sparks that rise. Additive.

    at, orb: centres of the circle and of the ball, (x in frame widths, y in frame heights).
    """

    size: FrameSize
    at: tuple[float, float]
    orb: tuple[float, float]
    exposure: Exposure
    seed: int
    rise_frames: int
    colour: Colour = (70, 112, 235)
    core: Colour = (170, 210, 255)
    kind: EffectKind = "additive"

    def draw(self, drawing: int) -> F32:
        """float32 [H, W, 4], see samples.compose."""
        strength = 0.25 + 0.75 * ease((drawing + 1) / self.rise_frames)
        lines = self._lines(drawing)
        halo = _blurred(lines, 0.012) * 1.0 + _blurred(lines, 0.05) * 0.9
        tint, core = (np.array(c, np.float32) / np.float32(255) for c in (self.colour, self.core))
        light = lines[..., None] * core * 0.7 + halo[..., None] * tint
        light += self._orb(drawing)
        return _additive((light * strength).astype(np.float32, copy=False))

    def _lines(self, drawing: int) -> F32:
        """Circle, star, letters and sparks as thin lines: float32 [H, W] 0..1."""
        height, width = self.size.height, self.size.width
        anchor = (self.at[0] * width, self.at[1] * height)
        box = (-self.at[0] * width / height, -self.at[1], (1 - self.at[0]) * width / height, 1 - self.at[1])
        canvas = Canvas(box, scale=height, anchor=anchor, oversample=_fine(self.size))
        turn = 2 * np.pi * (drawing / 61.3)
        for path, thick in self._figure:
            flat = _turned(path, turn) * (1.0, 0.36)
            canvas.line(flat, thick, WHITE, ends=(1.0, 1.0))
        for path, thick in self._sparks(drawing):
            canvas.line(path, thick, WHITE, ends=(0.0, 0.0))
        return canvas.layer().on_frame(width, height)[..., 3]

    @cached_property
    def _figure(self) -> tuple[tuple[F64, float], ...]:
        around = np.linspace(0, 2 * np.pi, 97)
        ring = np.column_stack([np.cos(around), np.sin(around)])
        parts = [(ring * radius, thick) for radius, thick in ((0.40, 0.006), (0.375, 0.003), (0.29, 0.004))]
        for k in range(2):
            corners = ring[k * 16 :: 32][[0, 1, 2, 0]] * 0.375
            parts += [(np.linspace(corners[n], corners[n + 1], 12), 0.004) for n in range(3)]
        rng = np.random.default_rng([self.seed, 2])
        for angle in np.linspace(0, 2 * np.pi, 24, endpoint=False):
            glyph = np.cumsum(rng.normal(0, 0.017, (4, 2)), axis=0) * (0.8, 1.0)
            parts.append((_turned(np.add(spline(glyph - glyph.mean(0)), (0.333, 0.0)), angle), 0.003))
        return tuple(parts)

    def _sparks(self, drawing: int) -> list[tuple[F64, float]]:
        rng = np.random.default_rng([self.seed, 3])
        sparks = []
        for _ in range(36):
            angle, radius, speed, phase, wide = rng.uniform(size=5)
            life = (phase + drawing * (0.012 + 0.018 * speed)) % 1
            x = (0.15 + 0.28 * radius) * np.cos(6.283 * angle + 0.7 * life)
            y = 0.36 * (0.15 + 0.28 * radius) * np.sin(6.283 * angle + 0.7 * life) - 0.62 * life
            long = (0.012 + 0.03 * speed) * np.sin(np.pi * life)
            sparks.append((np.linspace((x, y), (x + 0.1 * long, y - long), 5), 0.0016 + 0.004 * wide))
        return sparks

    def _orb(self, drawing: int) -> F32:
        """A soft ball of light with a wide halo: float32 [H, W, 3]."""
        height, width = self.size.height, self.size.width
        pulse = 1 + 0.12 * wave(drawing, 11.3, 0.1)
        x = (np.arange(width, dtype=np.float32) + 0.5 - self.orb[0] * width) / height
        y = (np.arange(height, dtype=np.float32) + 0.5) / height - (
            self.orb[1] + 0.012 * wave(drawing, 23.9, 0)
        )
        square = (x**2)[None, :] + (y**2)[:, None]
        core = np.exp(-square / np.float32((0.04 * pulse) ** 2))
        halo = np.exp(-np.sqrt(square) / np.float32(0.09 * pulse))
        tint, white = (np.array(c, np.float32) / np.float32(255) for c in (self.colour, self.core))
        light = core[..., None] * white + np.float32(0.55) * halo[..., None] * tint
        return np.asarray(light, np.float32)


def _blurred(picture: F32, sigma: float) -> F32:
    """Gaussian blur of float32 [H, W] or [H, W, C] with sigma in frame heights, done on fewer pixels."""
    rows, columns = picture.shape[:2]
    step = max(1, int(sigma * rows / 3))
    shape = (-(-columns // step), -(-rows // step))
    small = cv2.resize(picture, shape, interpolation=cv2.INTER_AREA)
    soft = cv2.GaussianBlur(small, (0, 0), sigma * rows / step)
    full = cv2.resize(soft, (columns, rows), interpolation=cv2.INTER_LINEAR)
    return np.asarray(full, np.float32)


def _turned(points: F64, angle: float) -> F64:
    c, s = np.cos(angle), np.sin(angle)
    return np.asarray(points @ np.array([[c, s], [-s, c]]), np.float64)


@dataclass(frozen=True)
class Petals:
    """Petals adrift, the near ones out of focus and half sheer. Premultiplied, laid over."""

    size: FrameSize
    exposure: Exposure
    seed: int
    colours: tuple[Colour, ...] = ((250, 178, 190), (244, 140, 158), (255, 214, 216))
    kind: EffectKind = "over"

    def draw(self, drawing: int) -> F32:
        """float32 [H, W, 4], see samples.compose."""
        far = self._sheet(drawing, near=False, count=26, long=0.016)
        near = self._sheet(drawing, near=True, count=5, long=0.075)
        near = _blurred(near, 0.007) * np.float32(0.7)
        return (near + far * (1 - near[..., 3:])).astype(np.float32, copy=False)

    def _sheet(self, drawing: int, *, near: bool, count: int, long: float) -> F32:
        height, width = self.size.height, self.size.width
        aspect = width / height
        canvas = Canvas((0, 0, aspect, 1), scale=height, anchor=(0, 0), oversample=_fine(self.size))
        rng = np.random.default_rng([self.seed, 4 + near])
        for _ in range(count):
            x, y, speed, phase, size, spin = rng.uniform(size=6)
            colour = self.colours[int(rng.integers(len(self.colours)))]
            fall = drawing * (0.004 + 0.003 * speed) * (2.2 if near else 1.0)
            place = ((x - 1.3 * fall) % 1.1 * aspect, (y + fall) % 1.2 - 0.1)
            tilt = 6.283 * (phase + drawing * 0.017 * (spin - 0.3))
            outline = _petal(long * (0.7 + 0.6 * size), 0.25 + 0.75 * abs(np.cos(1.7 * tilt)))
            canvas.fill(_turned(outline, tilt) + place, colour, opacity=0.9)
        return canvas.layer().on_frame(width, height)


def _petal(long: float, broad: float) -> F64:
    corners = np.array(
        [(-0.5, 0.0), (-0.1, -0.3), (0.35, -0.22), (0.5, -0.05), (0.42, 0.0), (0.5, 0.05), (0.3, 0.25)]
    )
    return spline(np.vstack([corners, [(-0.1, 0.28)]]) * (long, long * broad), closed=True)
