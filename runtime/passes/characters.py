"""Stage 2a, second half: the layers of characters, from mattes, ids, plates and what effects left."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from trt_anime.runtime.layers.characters import decontaminated, separated
from trt_anime.runtime.layers.completing import completed
from trt_anime.runtime.layers.compositing import taken_off
from trt_anime.runtime.layers.occlusion import occlusion_votes, order_of
from trt_anime.runtime.layers.solving import alpha_of, highest, rgba_of
from trt_anime.runtime.media.frames import Pixels
from trt_anime.runtime.passes.backgrounds import Backgrounds
from trt_anime.runtime.passes.context import Context, Made, OfShot
from trt_anime.runtime.passes.describe import character_name, layers_of
from trt_anime.runtime.results import places
from trt_anime.runtime.results.layers import Blend, LayerFolder
from trt_anime.runtime.results.planes import read_rgba, write_frame
from trt_anime.runtime.results.shots import Shot
from trt_anime.runtime.streams import behind

# Frames of a shot that are asked who stands before whom: it is one answer for all.
_ASKED = 24


@contextmanager
def opened(context: Context) -> Iterator[OfShot]:
    """No network: what there is decides how well characters can be told from the rest."""
    with ThreadPoolExecutor(context.options.cores, "characters") as pool:
        yield partial(_characters, context, pool)


@dataclass(frozen=True)
class _Scene:
    """What holds for all of a shot.

    Attributes:
        order: ids from back to front; empty where stage 3 says nothing.
        effects: bottom to top.
    """

    shot: Shot
    backgrounds: Backgrounds
    order: tuple[int, ...]
    effects: list[LayerFolder]


def _characters(context: Context, pool: ThreadPoolExecutor, shot: Shot) -> Made:
    effects = [layer for layer in layers_of(context).in_shot(shot.number) if layer.stage == "2b"]
    scene = _Scene(shot, Backgrounds(context, shot), _order(context, shot), effects)
    work = partial(_frame, context, scene)
    made = behind(work, context.frames(shot), pool, depth=2 * context.options.cores)
    files = [path for paths in made for path in paths]
    return Made(files, {"order": list(scene.order), "limited": context.has(places.TRACKS)})


def _frame(context: Context, scene: _Scene, item: tuple[int, Pixels]) -> list[Path]:
    index, rgb = item
    character = context.character(scene.shot, index)
    if character is None:
        return []
    ids, plate = context.ids(index), scene.backgrounds.of(index)
    effects = [(read_rgba(path), blend) for path, blend in _effects(context, scene, index)]
    rest = taken_off(rgb, effects)
    shared = scene.backgrounds.shared(index)
    if ids is not None and shared is not None:
        taken = highest(np.asarray(cv2.absdiff(rgb, rest), np.uint8)) if effects else None
        invented = scene.backgrounds.invented(index)
        alpha = completed(alpha_of(character), ids, rest, shared, taken=taken, invented=invented)
        character = rgba_of(character, alpha)
    if plate is not None:
        character = decontaminated(character, rest, plate)
    shown = list(scene.shot.shown_at(index))
    layers = _layers(context, scene, character, ids)
    for folder, rgba in layers.items():
        write_frame(context.folder / folder, shown, rgba)
    return [context.folder / folder / places.frame_name(place) for folder in layers for place in shown]


def _effects(context: Context, scene: _Scene, index: int) -> Iterator[tuple[Path, Blend]]:
    """Effect layers of a frame, bottom to top."""
    for layer in scene.effects:
        path = context.folder / layer.folder / places.frame_name(index)
        if path.exists():
            yield path, layer.blend


def _layers(context: Context, scene: _Scene, character: Pixels, ids: Pixels | None) -> dict[str, Pixels]:
    """By folder: all characters in one, or a layer for each that shows."""
    if context.choices.characters.layout == "merged" or ids is None:
        return {places.CHARACTERS: character}
    parts = separated(character, ids, [one for one in scene.order if (ids == one).any()])
    return {f"{places.CHARACTERS}/{character_name(one)}": rgba for one, rgba in parts.items()}


def _order(context: Context, shot: Shot) -> tuple[int, ...]:
    """Who is in the shot, from back to front."""
    track = context.facts("track").get(shot.number)
    present: list[int] = track["ids"] if track else []
    if len(present) < 2:
        return tuple(present)
    step = max(1, len(shot.fresh) // _ASKED)
    planes = (context.ids(index) for index in shot.fresh[::step])
    return order_of((occlusion_votes(ids) for ids in planes if ids is not None), present)
