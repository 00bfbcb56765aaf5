"""Small films of painted figures, with the truth: cheap enough to draw in a test."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from trt_anime.runtime.characters.found import Frame, Ids, Matte

HEIGHT, WIDTH = 180, 320
COLOURS = {1: (200, 60, 50), 2: (60, 90, 200), 3: (70, 180, 80), 4: (220, 200, 60)}


@dataclass(frozen=True, eq=False)
class Shown:
    """frame uint8 [H,W,3], ids uint8 [H,W], matte uint8 [H,W]."""

    frame: Frame
    ids: Ids
    matte: Matte


def figure(height: int = 120, width: int = 50) -> NDArray[np.uint8]:
    """A head on shoulders, uint8 [height,width], 0 or 1."""
    shape = np.zeros((height, width), np.uint8)
    radius = width // 3
    cv2.circle(shape, (width // 2, radius), radius, 1, -1)
    cv2.ellipse(shape, (width // 2, height), (width // 2, height - 2 * radius), 0, 180, 360, 1, -1)
    return shape


def texture(seed: int, height: int, width: int) -> NDArray[np.float32]:
    """Soft spots, -1..1 about, that motion can be seen by."""
    noise = np.random.default_rng(seed).normal(size=(height, width)).astype(np.float32)
    soft = cv2.GaussianBlur(noise, (0, 0), 2)
    return np.asarray(soft / soft.std() / 2, np.float32)


def drawn(places: Mapping[int, tuple[int, int]], *, height: int = 120, width: int = 50) -> Shown:
    """Figures with their upper left corners at (x, y), later ones in front."""
    frame = (150 + 25 * texture(99, HEIGHT, WIDTH))[..., None].repeat(3, axis=2)
    ids = np.zeros((HEIGHT, WIDTH), np.uint8)
    for number, (x, y) in places.items():
        shape = figure(height, width)
        x0, y0, x1, y1 = max(0, x), max(0, y), min(WIDTH, x + width), min(HEIGHT, y + height)
        if x0 >= x1 or y0 >= y1:
            continue
        part = slice(y0 - y, y1 - y), slice(x0 - x, x1 - x)
        inside = shape[part] > 0
        paint = np.array(COLOURS[number], np.float32) + 30 * texture(number, height, width)[part][..., None]
        place = slice(y0, y1), slice(x0, x1)
        frame[place][inside] = paint[inside]
        ids[place][inside] = number
    matte = np.where(ids > 0, 255, 0).astype(np.uint8)
    return Shown(np.clip(frame, 0, 255).astype(np.uint8), ids, matte)


def film(paths: Mapping[int, Sequence[tuple[int, int] | None]]) -> list[Shown]:
    """By figure, where it is in each frame; None where it isn't."""
    count = len(next(iter(paths.values())))
    shown = []
    for time in range(count):
        there = {number: path[time] for number, path in paths.items()}
        shown.append(drawn({number: place for number, place in there.items() if place is not None}))
    return shown


def line(start: tuple[int, int], stop: tuple[int, int], count: int) -> list[tuple[int, int]]:
    xs, ys = (np.linspace(a, b, count).round().astype(int) for a, b in zip(start, stop, strict=True))
    return list(zip(xs.tolist(), ys.tolist(), strict=True))


def iou(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    return float((one & other).sum() / max(1, (one | other).sum()))
