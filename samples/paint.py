"""A background painter's tools: washes, clouds of noise, dabs of a brush. All sizes in sheet heights."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from samples.arrays import F32, F64, U8, Colour
from samples.ink import SUBPIXEL_BITS, Points

Stops = Sequence[tuple[float, Colour]]


@dataclass(frozen=True)
class Sheet:
    """A picture in progress: uint8 [h, w, 3] RGB or [h, w, 4] premultiplied RGBA; x 0..aspect, y 0..1."""

    pixels: U8
    aspect: float
    """Width in heights before either was rounded to pixels, so that chance falls alike at every size."""

    def fill(self, points: Points, colour: Colour) -> None:
        """Fill a polygon, float [n, 2]."""
        rows = self.pixels.shape[0]
        fixed = np.rint((np.asarray(points) * rows - 0.5) * 2**SUBPIXEL_BITS).astype(np.int32)
        solid = (*colour, 255)[: self.pixels.shape[2]]
        cv2.fillPoly(self.pixels, [fixed], solid, lineType=cv2.LINE_AA, shift=SUBPIXEL_BITS)

    def blend(self, picture: F32, cover: F32) -> None:
        """Lay float32 [h, w, 3] RGB 0..255 over the sheet, by `cover`, float32 [h, w] 0..1."""
        rgb = self.pixels[..., :3]
        rgb[...] = np.rint(rgb + (picture - rgb) * cover[..., None]).astype(np.uint8)


def sheet(width: float, height: float, channels: int = 3) -> Sheet:
    """A blank one, rounded to whole pixels."""
    return Sheet(np.zeros((round(height), round(width), channels), np.uint8), width / height)


def wash(target: Sheet, stops: Stops, top: float = 0.0, bottom: float = 1.0) -> None:
    """A vertical gradient between y = top and y = bottom; stops are (0..1, colour)."""
    rows = target.pixels.shape[0]
    first, last = round(top * rows), round(bottom * rows)
    t = np.linspace(0, 1, max(1, last - first))
    where = [stop for stop, _ in stops]
    channels = [np.interp(t, where, [colour[k] for _, colour in stops]) for k in range(3)]
    target.pixels[first:last, :, :3] = np.rint(np.column_stack(channels)).astype(np.uint8)[:, None, :]


def noise(
    rng: np.random.Generator, target: Sheet, cells: float, octaves: int = 4, stretch: float = 1.0
) -> F32:
    """Smooth noise, float32 [h, w] 0..1; `cells` grains down a sheet's height, the same at every size.

    stretch > 1 draws the grains out sideways.
    """
    rows, columns = target.pixels.shape[:2]
    total = np.zeros((rows, columns), np.float32)
    weight, sum_of_weights = 1.0, 0.0
    for _ in range(octaves):
        grid = (max(2, round(cells)), max(2, round(cells * target.aspect / stretch)))
        grains = rng.random(grid).astype(np.float32)
        total += weight * cv2.resize(grains, (columns, rows), interpolation=cv2.INTER_CUBIC)
        sum_of_weights += weight
        weight, cells = weight / 2, cells * 2
    return np.asarray(np.clip(total / sum_of_weights, 0, 1), np.float32)


def clouds(rng: np.random.Generator, target: Sheet, bottom: float, light: Colour, shade: Colour) -> None:
    """Heaped clouds above y = bottom, lit from the upper left."""
    rows = target.pixels.shape[0]
    heap = noise(rng, target, 3.2, octaves=6, stretch=1.7)
    height = (np.arange(rows, dtype=np.float32) / rows)[:, None]
    cover = np.clip((heap - 0.47) * 9, 0, 1) * np.clip((bottom - height) * 8, 0, 1)
    step = max(1, rows // 60)
    moved = np.pad(heap, ((step, 0), (step, 0)), mode="edge")[:-step, :-step]
    lit = np.clip(0.5 + 6 * (heap - moved), 0, 1)[..., None]
    colour = lit * np.array(light, np.float32) + (1 - lit) * np.array(shade, np.float32)
    target.blend(colour.astype(np.float32, copy=False), cover * np.float32(0.92))


def texture(rng: np.random.Generator, target: Sheet, strength: float, cells: float = 40) -> None:
    """Paper and pigment: brightness varies by `strength` (0..1), streaked along the brush."""
    grain = (noise(rng, target, cells, octaves=3, stretch=4) - 0.5) * 2 * strength
    rgb = target.pixels[..., :3]
    rgb[...] = np.clip(np.rint(rgb * (1 + grain[..., None])), 0, 255).astype(np.uint8)
    if target.pixels.shape[2] == 4:
        np.minimum(rgb, target.pixels[..., 3:], out=rgb)


def dabs(
    rng: np.random.Generator,
    target: Sheet,
    places: F64,
    size: float,
    colours: Sequence[Colour],
    angle: float = 0.0,
) -> None:
    """Brush marks at places [n, 2], each a leaf-shaped stroke, about `size` long; colours by chance."""
    t = np.linspace(0, 2 * np.pi, 9, endpoint=False)
    leaf = np.column_stack([np.cos(t), 0.45 * np.sin(t) * (1 + 0.3 * np.cos(t))]) * size / 2
    turn = angle + rng.normal(0, 0.6, len(places))
    c, s = np.cos(turn), np.sin(turn)
    turned = leaf @ np.stack([[c, s], [-s, c]]).transpose(2, 0, 1)
    marks = turned * rng.uniform(0.4, 1.0, (len(places), 1, 1)) + places[:, None]
    for mark, colour in zip(marks, rng.integers(len(colours), size=len(places)), strict=True):
        target.fill(mark, colours[int(colour)])


def tree(
    rng: np.random.Generator,
    target: Sheet,
    foot: tuple[float, float],
    tall: float,
    leaves: Sequence[Colour],
    bark: Colour,
) -> None:
    """A trunk and a crown of dabs, dark below right and light above left; leaves run from dark to light."""
    x, y = foot
    trunk = [
        (x - 0.03 * tall, y),
        (x - 0.015 * tall, y - 0.6 * tall),
        (x + 0.02 * tall, y - 0.6 * tall),
        (x + 0.04 * tall, y),
    ]
    target.fill(trunk, bark)
    heaps = np.column_stack([rng.normal(0, 0.17, 12), rng.uniform(-0.92, -0.42, 12)]) * tall
    solid = heaps[rng.integers(12, size=110)] + rng.normal(0, 0.06 * tall, (110, 2)) + (x, y)
    dabs(rng, target, solid, 0.13 * tall, leaves[:1])
    for tone, colour in enumerate(leaves):
        drift = np.array((-0.022, -0.028)) * tall * tone
        count = int(260 / (1 + 0.6 * tone))
        around = heaps[rng.integers(12, size=count)] + rng.normal(0, 0.065 * tall, (count, 2)) + drift
        dabs(rng, target, np.add(around, (x, y)), 0.055 * tall, (colour,), angle=-0.5)


def ridge(rng: np.random.Generator, target: Sheet, level: float, rough: float) -> F64:
    """A skyline about y = level, closed along the lower edge: float64 [n, 2]."""
    x = np.linspace(-0.05, target.aspect + 0.05, 60)
    y = np.full(60, level)
    for k in range(1, 6):
        y += rough / k * np.sin(k * x * rng.uniform(1.5, 3.5) + rng.uniform(0, 6.28))
    return np.vstack([np.column_stack([x, y]), [(target.aspect + 0.05, 1.1), (-0.05, 1.1)]])
