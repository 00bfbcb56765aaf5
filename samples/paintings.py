"""Three painted backgrounds. Each is one or two sheets (far, near) wider than the frame."""

import math

import cv2
import numpy as np

from samples.arrays import Colour
from samples.cels import FrameSize
from samples.paint import Sheet, clouds, dabs, noise, ridge, sheet, texture, tree, wash
from samples.pan import Plane

Planes = tuple[Plane, ...]
PAINTED_ROWS = 720

AUTUMN: tuple[tuple[Colour, ...], ...] = (
    ((122, 52, 30), (178, 82, 38), (218, 126, 56), (244, 178, 92)),
    ((104, 60, 28), (170, 100, 36), (226, 160, 54), (250, 208, 110)),
    ((44, 82, 48), (78, 128, 66), (124, 176, 92), (170, 214, 128)),
)
NIGHT: tuple[tuple[Colour, ...], ...] = (
    ((14, 18, 34), (24, 32, 54), (36, 48, 74)),
    ((18, 20, 30), (30, 34, 52), (46, 52, 78)),
)


def _sheet(size: FrameSize, zoom: tuple[float, float], channels: int = 3) -> Sheet:
    """A blank sheet of `zoom` frames, finer than the frame where that is small."""
    fine = min(4, math.ceil(PAINTED_ROWS / size.height))
    return sheet(size.width * zoom[0] * fine, size.height * zoom[1] * fine, channels)


def _plane(painted: Sheet, size: FrameSize, zoom: tuple[float, float]) -> Plane:
    """The finished sheet at frame scale."""
    shape = (round(size.width * zoom[0]), round(size.height * zoom[1]))
    return Plane(np.asarray(cv2.resize(painted.pixels, shape, interpolation=cv2.INTER_AREA), np.uint8))


def autumn(size: FrameSize, rng: np.random.Generator) -> Planes:
    """Sky, hills and a wood in the colours of the girl's hair; grass in those of her dress."""
    far_zoom, near_zoom = (1.18, 1.0), (1.42, 1.0)
    far = _sheet(size, far_zoom)
    wash(far, ((0, (66, 138, 214)), (0.6, (170, 214, 240)), (1, (232, 240, 236))), 0, 0.7)
    clouds(rng, far, 0.58, (255, 255, 255), (186, 204, 228))
    far.fill(ridge(rng, far, 0.56, 0.035), (122, 156, 150))
    far.fill(ridge(rng, far, 0.62, 0.02), (112, 158, 100))
    texture(rng, far, 0.04)
    near = _sheet(size, near_zoom, 4)
    for x in np.arange(0.1, near.aspect, 0.22):
        place = (x + rng.normal(0, 0.04), 0.74 + rng.normal(0, 0.008))
        tree(rng, near, place, rng.uniform(0.42, 0.62), AUTUMN[int(rng.integers(3))], (84, 58, 44))
    near.fill(ridge(rng, near, 0.74, 0.008), (110, 172, 96))
    grass = np.column_stack([rng.uniform(0, near.aspect, 2600), 1 - 0.27 * rng.uniform(0, 1, 2600) ** 0.8])
    dabs(
        rng,
        near,
        grass[np.argsort(grass[:, 1])],
        0.035,
        ((92, 166, 104), (150, 214, 128), (122, 190, 108), (186, 214, 110)),
        angle=-1.3,
    )
    _fence(near)
    texture(rng, near, 0.05)
    return _plane(far, size, far_zoom), _plane(near, size, near_zoom)


def _fence(near: Sheet) -> None:
    """Rails and posts: straight thin lines, not all of them the character's."""
    for x in np.arange(0.05, near.aspect, 0.19):
        near.fill([(x, 0.71), (x + 0.012, 0.71), (x + 0.012, 0.86), (x, 0.86)], (226, 214, 190))
        near.fill(
            [(x + 0.009, 0.71), (x + 0.013, 0.71), (x + 0.013, 0.86), (x + 0.009, 0.86)], (160, 140, 120)
        )
    for y in (0.735, 0.785):
        near.fill([(0, y), (near.aspect, y), (near.aspect, y + 0.011), (0, y + 0.011)], (236, 226, 204))
        near.fill(
            [(0, y + 0.009), (near.aspect, y + 0.009), (near.aspect, y + 0.012), (0, y + 0.012)],
            (150, 130, 112),
        )


def street(size: FrameSize, rng: np.random.Generator) -> Planes:
    """House fronts in plaster and slate, windows with bars, wires against the sky."""
    far_zoom = (1.12, 1.12)
    far = _sheet(size, far_zoom)
    wash(far, ((0, (118, 176, 226)), (0.5, (214, 228, 236)), (1, (206, 190, 176))))
    clouds(rng, far, 0.45, (255, 252, 246), (198, 204, 220))
    x = -0.05
    while x < far.aspect:
        wide, top = rng.uniform(0.24, 0.42), rng.uniform(0.10, 0.34)
        tones: tuple[Colour, ...] = ((206, 168, 140), (150, 166, 190), (226, 206, 178), (176, 112, 96))
        _house(rng, far, x, wide, top, tones[int(rng.integers(4))])
        x += wide + rng.uniform(-0.02, 0.03)
    far.fill([(0, 0.82), (far.aspect, 0.80), (far.aspect, 1.1), (0, 1.1)], (168, 158, 156))
    stones = np.column_stack([rng.uniform(0, far.aspect, 900), rng.uniform(0.83, 1.0, 900)])
    dabs(rng, far, stones, 0.045, ((150, 142, 146), (184, 174, 168), (166, 150, 148)))
    for k in range(5):
        t = np.linspace(0, far.aspect, 40)
        sag = 0.05 + 0.035 * k + 0.05 * (1 - ((t - far.aspect / 2) / far.aspect * 2) ** 2)
        wire = np.column_stack([t, sag])
        far.fill(np.vstack([wire, np.add(wire, (0, 0.0022))[::-1]]), (58, 56, 70))
    texture(rng, far, 0.07)
    return (_plane(far, size, far_zoom),)


def _house(rng: np.random.Generator, far: Sheet, x: float, wide: float, top: float, wall: Colour) -> None:
    shade: Colour = (int(wall[0] * 0.72), int(wall[1] * 0.72), int(wall[2] * 0.78))
    far.fill([(x, top), (x + wide, top), (x + wide, 0.84), (x, 0.84)], wall)
    far.fill([(x + wide * 0.86, top), (x + wide, top), (x + wide, 0.84), (x + wide * 0.86, 0.84)], shade)
    far.fill([(x - 0.015, top), (x + wide / 2, top - 0.09), (x + wide + 0.015, top)], (112, 70, 66))
    count = int(wide / 0.085)
    for row in np.arange(top + 0.06, 0.72, 0.15):
        for column in range(count):
            left = x + 0.02 + column * (wide * 0.84 - 0.01) / count
            right, low = left + 0.042, row + 0.085
            far.fill(
                [
                    (left - 0.006, row - 0.006),
                    (right + 0.006, row - 0.006),
                    (right + 0.006, low + 0.006),
                    (left - 0.006, low + 0.006),
                ],
                (240, 234, 222),
            )
            glass: Colour = ((72, 96, 128), (96, 128, 158), (52, 66, 92))[int(rng.integers(3))]
            far.fill([(left, row), (right, row), (right, low), (left, low)], glass)
            far.fill([(left, row), (left + 0.02, row), (left, row + 0.05)], (168, 198, 216))
            middle = (left + right) / 2
            far.fill(
                [
                    (middle - 0.002, row),
                    (middle + 0.002, row),
                    (middle + 0.002, low),
                    (middle - 0.002, low),
                ],
                (240, 234, 222),
            )


def night(size: FrameSize, rng: np.random.Generator) -> Planes:
    """A wood after dark, as black and blue as the sorceress's hair."""
    far_zoom, near_zoom = (1.1, 1.25), (1.3, 1.35)
    far = _sheet(size, far_zoom)
    wash(far, ((0, (16, 20, 52)), (0.55, (44, 56, 104)), (1, (70, 84, 128))))
    stars = np.column_stack([rng.uniform(0, far.aspect, 160), rng.uniform(0, 0.6, 160)])
    dabs(rng, far, stars, 0.005, ((200, 210, 240), (240, 240, 255), (120, 140, 190)))
    clouds(rng, far, 0.5, (66, 76, 122), (30, 36, 76))
    far.fill(ridge(rng, far, 0.62, 0.04), (28, 36, 68))
    near = _sheet(size, near_zoom, 4)
    for x in np.arange(0.0, near.aspect, 0.15):
        place = (x + rng.normal(0, 0.03), 0.78 + rng.normal(0, 0.015))
        tree(rng, near, place, rng.uniform(0.5, 0.8), NIGHT[int(rng.integers(2))], (16, 14, 24))
    near.fill(ridge(rng, near, 0.78, 0.012), (26, 34, 52))
    grass = np.column_stack([rng.uniform(0, near.aspect, 2200), 1 - 0.24 * rng.uniform(0, 1, 2200) ** 0.8])
    dabs(
        rng,
        near,
        grass[np.argsort(grass[:, 1])],
        0.04,
        ((18, 26, 44), (32, 44, 62), (46, 62, 80)),
        angle=-1.35,
    )
    glowing = noise(rng, near, 5) * np.float32(0.25)
    near.blend(
        np.full((*glowing.shape, 3), (60, 84, 130), np.float32), glowing * (near.pixels[..., 3] == 255)
    )
    texture(rng, near, 0.08)
    return _plane(far, size, far_zoom), _plane(near, size, near_zoom)
