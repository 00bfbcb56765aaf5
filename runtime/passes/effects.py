"""Stage 2b, second half: the layers of effects, solved against the plate where there is one."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from trt_anime.runtime.layers.blends import BlendEvidence, blend_of, observed
from trt_anime.runtime.layers.effects import cut_out, solved
from trt_anime.runtime.media.frames import Pixels
from trt_anime.runtime.passes.backgrounds import Backgrounds
from trt_anime.runtime.passes.context import Context, Made, OfShot, heat_folder
from trt_anime.runtime.passes.describe import effect_name
from trt_anime.runtime.passes.finders import folder_of
from trt_anime.runtime.results import places
from trt_anime.runtime.results.layers import Blend
from trt_anime.runtime.results.planes import read_plane, write_frame
from trt_anime.runtime.results.shots import Shot
from trt_anime.runtime.streams import behind

# Frames of a shot that are asked how its effects blend: it is one answer for all.
_ASKED = 24


@contextmanager
def opened(context: Context) -> Iterator[OfShot]:
    """No network: that was the pass before."""
    with ThreadPoolExecutor(context.options.cores, "effects") as pool:
        yield partial(_effects, context, pool)


def _effects(context: Context, pool: ThreadPoolExecutor, shot: Shot) -> Made:
    backgrounds = Backgrounds(context, shot)
    blends = _blends(context, shot, backgrounds)
    work = partial(_frame, context, shot, backgrounds, blends)
    made = behind(work, context.frames(shot), pool, depth=2 * context.options.cores)
    files = [path for paths in made for path in paths]
    return Made(files, {"blends": {effect_name(prompt): blend for prompt, blend in blends.items()}})


def _frame(
    context: Context,
    shot: Shot,
    backgrounds: Backgrounds,
    blends: Mapping[str, Blend],
    item: tuple[int, Pixels],
) -> list[Path]:
    """Solve a fresh frame's effects from the top down: each is taken off before the next is looked at."""
    index, rest = item
    plate, character = backgrounds.of(index), context.character(shot, index)
    shown, files = list(shot.shown_at(index)), []
    for prompt, blend in reversed(list(blends.items())):
        heat = _heat(context, prompt, index)
        if plate is None:
            rgba = cut_out(rest, heat)
        else:
            effect = solved(rest, plate, heat, character, blend)
            rgba, rest = effect.rgba, effect.rest
        folder = context.folder / places.EFFECTS / folder_of(prompt)
        write_frame(folder, shown, rgba)
        files += [folder / places.frame_name(place) for place in shown]
    return files


def _blends(context: Context, shot: Shot, backgrounds: Backgrounds) -> dict[str, Blend]:
    """By the text of a prompt, bottom to top, how its effect lies on what is below."""
    effects = context.choices.effects
    prompts = [prompt.text for prompt in effects.prompts if not prompt.negative]
    if effects.blend != "auto":
        return dict.fromkeys(prompts, effects.blend)
    if not backgrounds:
        return dict.fromkeys(prompts, "over")
    step = max(1, len(shot.fresh) // _ASKED)
    asked = set(shot.fresh[::step])
    evidence = dict.fromkeys(prompts, BlendEvidence())
    for index, rgb in context.frames(shot):
        plate = backgrounds.of(index) if index in asked else None
        if plate is not None:
            character, invented = context.character(shot, index), backgrounds.invented(index)
            for prompt in prompts:
                heat = _heat(context, prompt, index)
                evidence[prompt] += observed(rgb, plate, heat, character, invented)
    return {prompt: blend_of([found]) for prompt, found in evidence.items()}


def _heat(context: Context, prompt: str, index: int) -> Pixels:
    return read_plane(heat_folder(context.folder, folder_of(prompt)) / places.frame_name(index))
