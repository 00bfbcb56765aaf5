"""The three shots with real sprites and painted backgrounds."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from samples import artwork
from samples.arrays import U8
from samples.cast import EILEEN, LUCY, SYLVIE_BLUE, SYLVIE_GREEN
from samples.cels import STILL, FrameSize, NoEffect, Stage
from samples.glow import Petals, Spell
from samples.pan import Camera, Panned, Plane, cover, fixed
from samples.sprites import SpriteActor
from samples.timeline import Exposure, ease, ease_out


@dataclass(frozen=True)
class Grade:
    """Contrast and, for R, G, B, gain and lift; 0..1."""

    gamma: float
    gain: tuple[float, float, float]
    lift: tuple[float, float, float]


NOON = Grade(1.0, (1.0, 1.0, 1.0), (0.0, 0.0, 0.0))
EVENING = Grade(1.1, (0.98, 0.70, 0.46), (0.03, 0.01, 0.0))
DUSK = Grade(1.25, (0.42, 0.46, 0.66), (0.02, 0.02, 0.05))
LAMPLIGHT, MOONLIGHT = (1.0, 0.88, 0.74), (0.72, 0.74, 0.92)


def enter(size: FrameSize, frames: int, rng: np.random.Generator) -> Stage:
    """Sylvie slides in before autumn trees of her hair's colour and grass of her dress's."""
    seeds = rng.integers(2**31, size=1).tolist()
    rest = max(1, frames - 7)
    camera = Camera((0.62, 0.72), (0.08, 0.72), rest)
    backdrop = Panned(
        size, _painted("bg meadow.jpg", size, 1.45, NOON), camera, Exposure(step=1, still_from=rest)
    )
    slide = min(11, frames)
    actor = SpriteActor(
        size,
        SYLVIE_GREEN,
        path=lambda d: (1.25 - 0.60 * ease_out(d / slide), 1.07),
        zoom=1.08,
        exposure=Exposure(fast=(0, slide)),
        seed=seeds[0],
        blinks=((20, 24),),
        talks=((24, 99),),
    )
    return Stage(backdrop, (actor,), NoEffect(size))


def pair(size: FrameSize, frames: int, rng: np.random.Generator) -> Stage:
    """Eileen behind Sylvie, blue on grey-blue, brown hair before brown wood in evening light; petals."""
    seeds = rng.integers(2**31, size=3).tolist()
    still = max(1, frames - 7)
    backdrop = Panned(size, _painted("bg lecturehall.jpg", size, 1.2, EVENING), fixed(0.9, 0.9), STILL)
    hop = (frames // 3, frames // 3 + 6)
    behind = SpriteActor(
        size,
        EILEEN,
        path=lambda d: (0.60, 1.12),
        zoom=1.12,
        exposure=Exposure(step=3, still_from=still),
        seed=seeds[0],
        talks=((9, 21),),
        light=LAMPLIGHT,
    )
    before = SpriteActor(
        size,
        SYLVIE_BLUE,
        path=lambda d: (0.44 - 0.05 * ease((d - hop[0]) / 6), 1.22 - 0.06 * _arc((d - hop[0]) / 6)),
        zoom=1.22,
        exposure=Exposure(fast=hop, still_from=still),
        seed=seeds[1],
        blinks=((4, 8),),
        talks=((8, 99),),
        light=LAMPLIGHT,
    )
    petals = Petals(size, Exposure(still_from=still), seed=seeds[2])
    return Stage(backdrop, (behind, before), petals)


def spell(size: FrameSize, frames: int, rng: np.random.Generator) -> Stage:
    """Lucy at dusk, black hair before dark trees; a glowing circle turns in front of her."""
    seeds = rng.integers(2**31, size=2).tolist()
    camera = Camera((0.75, 0.9), (0.75, 0.25), frames)
    backdrop = Panned(size, _painted("bg uni.jpg", size, 1.3, DUSK), camera, Exposure(step=2))
    actor = SpriteActor(
        size,
        LUCY,
        path=lambda d: (0.66, 1.10),
        zoom=1.12,
        exposure=Exposure(),
        light=MOONLIGHT,
        seed=seeds[0],
    )
    glow = Spell(
        size,
        at=(0.66, 0.80),
        orb=(0.555, 0.40),
        exposure=Exposure(),
        seed=seeds[1],
        rise_frames=max(1, frames // 2),
    )
    return Stage(backdrop, (actor,), glow)


STAGES = {"enter": enter, "pair": pair, "spell": spell}


def _painted(name: str, size: FrameSize, zoom: float, grade: Grade) -> Callable[[], tuple[Plane, ...]]:
    """A fetched background at `zoom` frames, in another light, when it is needed."""
    return lambda: (Plane(graded(cover(artwork.image(name), size, zoom), grade)),)


def graded(sheet: U8, grade: Grade) -> U8:
    """Another time of day: uint8 [h, w, 3] RGB to gain * picture ** gamma + lift."""
    levels = np.arange(256)[:, None] / 255
    table = np.clip(levels**grade.gamma * grade.gain + grade.lift, 0, 1) * 255
    return np.asarray(cv2.LUT(sheet, np.rint(table).astype(np.uint8)[None]), np.uint8)


def _arc(x: float) -> float:
    """A hop: 0 at 0 and 1, 1 between."""
    return max(0.0, 4 * x * (1 - x))
