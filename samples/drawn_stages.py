"""The three shots with procedural characters and backgrounds: nothing is fetched."""

import numpy as np

from samples.cels import STILL, FrameSize, NoEffect, Stage
from samples.figure import FigureActor
from samples.glow import Petals, Spell
from samples.paintings import autumn, night, street
from samples.pan import Camera, Panned, fixed
from samples.pen import Palette
from samples.timeline import Exposure, ease, ease_out

EMBER = Palette(
    hair=(214, 124, 54), hair_shade=(166, 80, 40), hair_light=(255, 216, 146),
    skin=(255, 230, 212), skin_shade=(240, 184, 166), eye=(44, 92, 170), eye_light=(120, 190, 240),
    cloth=(150, 214, 128), cloth_shade=(92, 166, 104), trim=(250, 246, 232), trim_shade=(206, 206, 214),
    line=(70, 30, 34), veil=(214, 244, 222),
)  # fmt: skip
NOCTURNE = Palette(
    hair=(38, 42, 62), hair_shade=(22, 24, 40), hair_light=(112, 124, 170),
    skin=(220, 206, 216), skin_shade=(166, 148, 182), eye=(126, 62, 128), eye_light=(214, 136, 206),
    cloth=(66, 70, 118), cloth_shade=(42, 46, 84), trim=(176, 184, 218), trim_shade=(124, 134, 178),
    line=(18, 16, 30), veil=(150, 172, 230),
)  # fmt: skip
CORAL = Palette(
    hair=(226, 128, 116), hair_shade=(184, 86, 90), hair_light=(255, 206, 192),
    skin=(255, 232, 216), skin_shade=(240, 190, 174), eye=(66, 124, 92), eye_light=(152, 210, 150),
    cloth=(150, 166, 190), cloth_shade=(108, 122, 152), trim=(246, 238, 226), trim_shade=(208, 198, 196),
    line=(74, 30, 44), veil=(236, 226, 240),
)  # fmt: skip


def enter(size: FrameSize, frames: int, rng: np.random.Generator) -> Stage:
    """A girl slides in before a wood of her hair's colours and grass of her dress's."""
    seeds = rng.integers(2**31, size=2).tolist()
    rest, slide = max(1, frames - 7), min(11, frames)
    camera = Camera((0.12, 0.0), (0.78, 0.0), rest)
    backdrop = Panned(
        size,
        lambda: autumn(size, np.random.default_rng(seeds[1])),
        camera,
        Exposure(step=1, still_from=rest),
    )
    actor = FigureActor(
        size, 1, EMBER,
        path=lambda d: (1.25 - 0.70 * ease_out(d / slide), 0.33),
        zoom=1.15, exposure=Exposure(fast=(0, slide)), seed=seeds[0],
        blinks=((19, 23),), talks=((24, 99),),
    )  # fmt: skip
    return Stage(backdrop, (actor,), NoEffect(size))


def pair(size: FrameSize, frames: int, rng: np.random.Generator) -> Stage:
    """Two overlap before house fronts of their colours; the front one waves fast; all ends still."""
    seeds = rng.integers(2**31, size=4).tolist()
    still = max(1, frames - 7)
    backdrop = Panned(size, lambda: street(size, np.random.default_rng(seeds[3])), fixed(0.5, 0.8), STILL)
    lift = (frames // 3, frames // 3 + 8)
    behind = FigureActor(
        size, 3, CORAL, path=lambda d: (0.62, 0.36), zoom=1.1, exposure=Exposure(step=3, still_from=still),
        seed=seeds[0], talks=((9, 21),),
    )  # fmt: skip
    before = FigureActor(
        size, 1, EMBER, path=lambda d: (0.45 - 0.04 * ease((d - lift[0]) / 6), 0.40), zoom=1.25,
        exposure=Exposure(fast=lift, still_from=still), seed=seeds[1],
        blinks=((4, 8),), talks=((8, 99),), waves=(lift,),
    )  # fmt: skip
    petals = Petals(size, Exposure(still_from=still), seed=seeds[2])
    return Stage(backdrop, (behind, before), petals)


def spell(size: FrameSize, frames: int, rng: np.random.Generator) -> Stage:
    """A sorceress with black hair before a black wood; a glowing circle turns in front of her."""
    seeds = rng.integers(2**31, size=3).tolist()
    camera = Camera((0.5, 0.9), (0.5, 0.3), frames)
    backdrop = Panned(size, lambda: night(size, np.random.default_rng(seeds[2])), camera, Exposure(step=2))
    actor = FigureActor(
        size, 2, NOCTURNE, path=lambda d: (0.52, 0.36), zoom=1.15, exposure=Exposure(),
        seed=seeds[0],
    )  # fmt: skip
    glow = Spell(
        size,
        at=(0.52, 0.80),
        orb=(0.655, 0.42),
        exposure=Exposure(),
        seed=seeds[1],
        rise_frames=max(1, frames // 2),
    )
    return Stage(backdrop, (actor,), glow)


STAGES = {"enter": enter, "pair": pair, "spell": spell}
