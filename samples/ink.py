"""Anti-aliased vector drawing in units that know nothing of pixels."""

from collections.abc import Sequence

import cv2
import numpy as np

from samples.arrays import F64, U8, Colour, Layer, unit

SUBPIXEL_BITS = 4
STRIP_ROWS = 64  # a whole sheet in float32 would be 1 GB at 2160p
Points = Sequence[tuple[float, float]] | F64


def spline(points: Points, *, closed: bool = False, samples: int = 8) -> F64:
    """Catmull-Rom curve through points [n, 2]; float64 [m, 2], `samples` per span."""
    p = np.asarray(points, np.float64)
    p = np.vstack([p[-1:], p, p[:2]]) if closed else np.vstack([2 * p[0] - p[1], p, 2 * p[-1] - p[-2]])
    t = np.linspace(0, 1, samples, endpoint=False)[None, :, None]
    a, b, c, d = (p[k : len(p) - 3 + k, None, :] for k in range(4))
    curve = 0.5 * (
        2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3
    )
    flat = curve.reshape(-1, 2)
    return flat if closed else np.vstack([flat, p[-2:-1]])


def ribbon(points: Points, widths: F64 | float) -> F64:
    """The outline, float64 [2n, 2], of a band along points [n, 2] that is `widths` [n] wide."""
    p = np.asarray(points, np.float64)
    tangent = np.gradient(p, axis=0)
    length = np.maximum(np.hypot(tangent[:, 0], tangent[:, 1]), 1e-9)
    normal = tangent[:, ::-1] * (-1.0, 1.0) / length[:, None]
    half = normal * (np.broadcast_to(widths, len(p)) / 2)[:, None]
    return np.vstack([p + half, (p - half)[::-1]])


def tapered(count: int, width: float, *, ends: tuple[float, float] = (0.0, 0.0)) -> F64:
    """Pen pressure along a line, float64 [count]: full in the middle, `ends` of it at start and end."""
    t = np.linspace(0, 1, count)
    swell = np.sin(np.pi * t) ** 0.6
    floor = ends[0] * (1 - t) + ends[1] * t
    return np.asarray(width * np.maximum(swell, floor), np.float64)


class Canvas:
    """A sheet over part of the frame, premultiplied RGBA, drawn larger and averaged down to frame pixels.

    box: left, top, right, bottom in local units. scale: frame pixels per unit. anchor: frame position in
    pixels of the local origin. Everything drawn is clipped to the sheet.
    """

    def __init__(
        self,
        box: tuple[float, float, float, float],
        *,
        scale: float,
        anchor: tuple[float, float],
        oversample: int,
        bounds: tuple[int, int, int, int] | None = None,
    ) -> None:
        left, right = (int(np.floor(anchor[0] + box[k] * scale)) for k in (0, 2))
        top, bottom = (int(np.floor(anchor[1] + box[k] * scale)) for k in (1, 3))
        if bounds is not None:
            left, top = max(left, bounds[0]), max(top, bounds[1])
            right, bottom = min(right, bounds[2]), min(bottom, bounds[3])
        self.left, self.top = left, top
        self.columns, self.rows = max(1, right - left + 1), max(1, bottom - top + 1)
        self.scale, self.anchor, self.oversample = scale, anchor, oversample
        self.sheet: U8 = np.zeros((self.rows * oversample, self.columns * oversample, 4), np.uint8)
        self._low, self._high = np.full(2, np.inf), np.full(2, -np.inf)

    def _pixels(self, points: Points) -> F64:
        origin = np.subtract(self.anchor, (self.left, self.top))
        return (np.asarray(points, np.float64) * self.scale + origin) * self.oversample - 0.5

    def fill(
        self, points: Points, colour: Colour, *, opacity: float = 1.0, inside: Points | None = None
    ) -> None:
        """Fill the polygon points [n, 2], only within the polygon `inside` if one is given."""
        pixels = self._pixels(points)
        self._low = np.minimum(self._low, np.floor(pixels.min(0)) - 2)
        self._high = np.maximum(self._high, np.ceil(pixels.max(0)) + 2)
        if opacity >= 1 and inside is None:
            _polygon(self.sheet, pixels, (*colour, 255))
            return
        within = pixels if inside is None else self._pixels(inside)
        low = np.maximum(np.floor(np.maximum(pixels.min(0), within.min(0))) - 2, 0).astype(int)
        high = np.ceil(np.minimum(pixels.max(0), within.max(0))).astype(int) + 3
        part = self.sheet[low[1] : max(low[1], high[1]), low[0] : max(low[0], high[0])]
        if part.size == 0:
            return
        cover = unit(_coverage(part.shape[:2], pixels - low)) * np.float32(opacity)
        if inside is not None:
            cover *= unit(_coverage(part.shape[:2], within - low))
        paint = _flat(part.shape[:2], colour)
        part[...] = cv2.blendLinear(paint, part, cover, 1 - cover)

    def line(
        self,
        points: Points,
        width: float,
        colour: Colour,
        *,
        ends: tuple[float, float] = (0.25, 0.25),
        opacity: float = 1.0,
    ) -> None:
        """A pen line of varying pressure along points [n, 2]; `width` in units at its widest."""
        p = np.asarray(points, np.float64)
        self.fill(ribbon(p, tapered(len(p), width, ends=ends)), colour, opacity=opacity)

    def layer(self) -> Layer:
        """What was drawn, at frame resolution, cut to the frame pixels that anything was drawn on."""
        fine = self.oversample
        left, top = (max(0, int(edge) // fine) for edge in self._low)
        right, bottom = (
            min(end, int(edge) // fine + 1)
            for edge, end in zip(self._high, (self.columns, self.rows), strict=True)
        )
        small = np.zeros((max(0, bottom - top), max(0, right - left), 4), np.float32)
        for row in range(0, len(small) if small.size else 0, STRIP_ROWS):
            target = small[row : row + STRIP_ROWS]
            rows = slice((top + row) * fine, (top + row + len(target)) * fine)
            strip = self.sheet[rows, left * fine : right * fine]
            size = (right - left, len(target))
            target[...] = cv2.resize(unit(strip), size, interpolation=cv2.INTER_AREA)
        return Layer(small, self.left + left, self.top + top)


def _flat(shape: tuple[int, ...], colour: Colour) -> U8:
    """An opaque uint8 [h, w, 4] of one colour; four bytes at a time, as filling with a tuple is slow."""
    word = np.array((*colour, 255), np.uint8).view(np.uint32)[0]
    return np.full(shape, word, np.uint32).view(np.uint8).reshape(*shape, 4)


def _polygon(target: U8, pixels: F64, colour: Sequence[float]) -> None:
    fixed = np.rint(pixels * 2**SUBPIXEL_BITS).astype(np.int32)
    cv2.fillPoly(target, [fixed], colour, lineType=cv2.LINE_AA, shift=SUBPIXEL_BITS)


def _coverage(shape: tuple[int, ...], pixels: F64) -> U8:
    mask = np.zeros(shape, np.uint8)
    _polygon(mask, pixels, (255,))
    return mask
