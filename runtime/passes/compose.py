"""Stages 2a and 2b: the layers of characters and effects, from mattes, heat, ids and plates."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from trt_anime.runtime.layers.blends import BlendEvidence, blend_of, observed
from trt_anime.runtime.layers.characters import decontaminated, separated
from trt_anime.runtime.layers.completing import completed
from trt_anime.runtime.layers.effects import cut_out, solved
from trt_anime.runtime.layers.occlusion import occlusion_votes, order_of
from trt_anime.runtime.layers.solving import alpha_of, rgba_of
from trt_anime.runtime.media.frames import Pixels
from trt_anime.runtime.passes.backgrounds import Backgrounds
from trt_anime.runtime.passes.context import Context, Made, OfShot, heat_folder
from trt_anime.runtime.passes.describe import character_name, effect_name
from trt_anime.runtime.passes.finders import folder_of
from trt_anime.runtime.passes.streams import behind
from trt_anime.runtime.results import places
from trt_anime.runtime.results.layers import Blend
from trt_anime.runtime.results.planes import read_plane, write_frame
from trt_anime.runtime.results.shots import Shot

# Frames of a shot that are asked how its effects blend and who stands before whom: one answer for all.
_ASKED = 24


@contextmanager
def opened(context: Context) -> Iterator[OfShot]:
    """No network: what there is decides how well layers can be told apart."""
    with ThreadPoolExecutor(context.options.cores, "compose") as pool:
        yield partial(_compose, context, pool)


@dataclass(frozen=True)
class _Scene:
    """What holds for all of a shot.

    Attributes:
        order: ids from back to front; empty where stage 3 says nothing.
        blends: by the text of an effect's prompt, bottom to top.
    """

    shot: Shot
    backgrounds: Backgrounds
    order: tuple[int, ...]
    blends: Mapping[str, Blend]


def _compose(context: Context, pool: ThreadPoolExecutor, shot: Shot) -> Made:
    backgrounds = Backgrounds(context, shot)
    scene = _Scene(shot, backgrounds, _order(context, shot), _blends(context, shot, backgrounds))
    work = partial(_frame, context, scene)
    made = behind(work, context.frames(shot), pool, depth=2 * context.options.cores)
    files = [path for paths in made for path in paths]
    names = {effect_name(prompt): blend for prompt, blend in scene.blends.items()}
    limited = context.has(places.TRACKS)
    return Made(files, {"order": list(scene.order), "blends": names, "limited": limited})


def _frame(context: Context, scene: _Scene, item: tuple[int, Pixels]) -> list[Path]:
    """Solve a fresh frame's layers from the top down, and write those that were asked for."""
    index, rest = item
    plate, ids = scene.backgrounds.of(index), context.ids(index)
    character = context.character(scene.shot, index)
    layers: dict[str, Pixels] = {}
    for prompt, blend in reversed(list(scene.blends.items())):
        heat = read_plane(heat_folder(context.folder, folder_of(prompt)) / places.frame_name(index))
        folder = f"{places.EFFECTS}/{folder_of(prompt)}"
        if plate is None:
            layers[folder] = cut_out(rest, heat)
            continue
        effect = solved(rest, plate, heat, character, blend)
        layers[folder], rest = effect.rgba, effect.rest
    if character is not None and "2a" in context.stages:
        shared = scene.backgrounds.shared(index)
        if ids is not None and shared is not None:
            alpha = completed(alpha_of(character), ids, rest, shared)
            character = rgba_of(character, alpha)
        if plate is not None:
            character = decontaminated(character, rest, plate)
        layers |= _characters(context, scene, character, ids)
    shown = list(scene.shot.shown_at(index))
    for folder, rgba in layers.items():
        write_frame(context.folder / folder, shown, rgba)
    return [context.folder / folder / places.frame_name(place) for folder in layers for place in shown]


def _characters(
    context: Context, scene: _Scene, character: Pixels, ids: Pixels | None
) -> dict[str, Pixels]:
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
    planes = (context.ids(index) for index in _asked(shot))
    return order_of((occlusion_votes(ids) for ids in planes if ids is not None), present)


def _blends(context: Context, shot: Shot, backgrounds: Backgrounds) -> dict[str, Blend]:
    """How each effect that stage 2b looked for lies on what is below."""
    effects = context.choices.effects
    prompts = [prompt.text for prompt in effects.prompts if not prompt.negative]
    if "2b" not in context.stages or not prompts:
        return {}
    if effects.blend != "auto":
        return dict.fromkeys(prompts, effects.blend)
    if not backgrounds:
        return dict.fromkeys(prompts, "over")
    asked = set(_asked(shot))
    evidence = dict.fromkeys(prompts, BlendEvidence())
    for index, rgb in context.frames(shot):
        plate, matte = backgrounds.of(index), context.matte(index)
        if index in asked and plate is not None:
            for prompt in prompts:
                heat = read_plane(heat_folder(context.folder, folder_of(prompt)) / places.frame_name(index))
                evidence[prompt] += observed(rgb, plate, heat, matte)
    return {prompt: blend_of([found]) for prompt, found in evidence.items()}


def _asked(shot: Shot) -> tuple[int, ...]:
    """Fresh frames spread over the shot."""
    step = max(1, len(shot.fresh) // _ASKED)
    return shot.fresh[::step]
