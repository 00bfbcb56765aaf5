"""A large painting, a camera over it and somebody who walks before it: shots whose every plate is known."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from trt_anime.runtime.media.frames import Pixels
from trt_anime.runtime.plates.seen import Matrix, Seen

SIZE = (180, 320)
PAINTING = (720, 1600)


@cache
def painting(seed: int = 0) -> Pixels:
    """uint8 [720,1600,3]: flat shapes with lines, washes between them, a little grain."""
    rng = np.random.default_rng(seed)
    rows, columns = PAINTING
    base = cv2.resize(
        rng.uniform(40, 200, (6, 12, 3)).astype(np.float32), (columns, rows), interpolation=cv2.INTER_CUBIC
    )
    picture = np.clip(base, 0, 255).astype(np.uint8)
    for _ in range(420):
        centre = np.array([rng.uniform(0, columns), rng.uniform(0, rows)])
        angles = np.sort(rng.uniform(0, 2 * np.pi, int(rng.integers(3, 9))))
        radii = rng.uniform(8, 46, len(angles))[:, None]
        points = (centre + radii * np.column_stack([np.cos(angles), np.sin(angles)])).astype(np.int32)
        cv2.fillPoly(picture, [points], rng.integers(20, 240, 3).tolist(), cv2.LINE_AA)
        cv2.polylines(picture, [points], True, rng.integers(0, 70, 3).tolist(), 1, cv2.LINE_AA)
    grain = cv2.GaussianBlur(rng.normal(0, 9, (rows, columns, 1)).astype(np.float32), (0, 0), 1.0)
    return np.asarray(np.clip(picture + grain[..., None], 0, 255), np.uint8)


def camera(x: float, y: float, zoom: float = 1.0, turn: float = 0.0) -> Matrix:
    """From a frame's pixels to the painting's: the middle of the frame is at (x, y); `turn` in radians."""
    rows, columns = SIZE
    middle = np.array([[1, 0, -(columns - 1) / 2], [0, 1, -(rows - 1) / 2], [0, 0, 1]])
    cosine, sine = np.cos(turn) / zoom, np.sin(turn) / zoom
    return np.asarray(np.array([[cosine, -sine, x], [sine, cosine, y], [0, 0, 1]]) @ middle, np.float64)


def drawn(sheet: Pixels, matrix: Matrix) -> Pixels:
    """The frame: exactly a crop where the camera is on whole pixels, else drawn at twice the size."""
    rows, columns = SIZE
    shift = np.rint(matrix[:2, 2]).astype(int)
    if np.abs(matrix[:2] - np.column_stack([np.eye(2), shift])).max() < 1e-9:
        return sheet[shift[1] : shift[1] + rows, shift[0] : shift[0] + columns].copy()
    twice = matrix @ np.diag([0.5, 0.5, 1.0])
    large = cv2.warpPerspective(
        sheet, twice, (columns * 2, rows * 2), flags=cv2.INTER_LANCZOS4 | cv2.WARP_INVERSE_MAP
    )
    return np.ascontiguousarray(cv2.GaussianBlur(large, (0, 0), 0.8)[::2, ::2], np.uint8)


def walker(step: int, share: float) -> Pixels:
    """uint8 [H,W], 255 in an ellipse that walks to the right and covers about `share` of the frame."""
    rows, columns = SIZE
    hidden = np.zeros(SIZE, np.uint8)
    if share:
        half = rows * 0.75
        wide = share * rows * columns / (np.pi * half) * 1.35
        centre = (round(columns * (0.15 + 0.06 * step) % columns), round(rows * 0.6))
        cv2.ellipse(hidden, centre, (round(wide), round(half)), 0, 0, 360, 255, -1)
    return hidden


@dataclass(frozen=True)
class Shoot:
    """A shot. `share`: of the frame that the walker covers. `light`: frame number to gain and offset."""

    cameras: tuple[Matrix, ...]
    share: float = 0.25
    noise: float = 0.0
    light: Callable[[int], tuple[float, float]] = lambda number: (1.0, 0.0)
    sheet: Pixels = field(default_factory=painting)
    jpeg: int = 0
    first: int = 0

    def plate(self, number: int) -> Pixels:
        gain, offset = self.light(number)
        clean = drawn(self.sheet, self.cameras[number])
        return np.asarray(np.clip(np.rint(clean * gain + offset), 0, 255), np.uint8)

    def hidden(self, number: int) -> Pixels:
        return walker(number, self.share)

    def seen(self, number: int) -> Seen:
        rng = np.random.default_rng(number)
        picture, hidden = self.plate(number).astype(np.float32), self.hidden(number)
        coat = np.roll(painting(7)[: SIZE[0], : SIZE[1]], 5 * number, 1)
        picture = np.where(hidden[..., None] > 0, coat, picture)
        if self.noise:
            picture += rng.normal(0, self.noise, picture.shape)
        rgb = np.clip(np.rint(picture), 0, 255).astype(np.uint8)
        if self.jpeg:
            data = cv2.imencode(".jpg", rgb, [cv2.IMWRITE_JPEG_QUALITY, self.jpeg])[1]
            rgb = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
        return Seen(self.first + number, rgb, hidden)

    def frames(self) -> Iterator[Seen]:
        return (self.seen(number) for number in range(len(self.cameras)))


def psnr(one: Pixels, other: Pixels, where: NDArray[np.bool_]) -> float:
    """In dB over the pixels of a mask; 99 where they are the same."""
    error = np.square(one[where].astype(np.float64) - other[where]).mean() if where.any() else 0.0
    return 99.0 if error == 0 else float(10 * np.log10(255**2 / error))
