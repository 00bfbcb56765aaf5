"""Stage 2b, second half: the layers of effects, solved against the plate where there is one."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from trt_anime.runtime.layers.blends import BlendEvidence, blend_of, observed
from trt_anime.runtime.layers.effects import cut_out, solved
from trt_anime.runtime.layers.solving import alpha_of
from trt_anime.runtime.media.frames import Pixels
from trt_anime.runtime.passes.asked import asked_of
from trt_anime.runtime.passes.backgrounds import Backgrounds
from trt_anime.runtime.passes.context import Context, Made, OfShot, heat_folder
from trt_anime.runtime.passes.describe import effect_name
from trt_anime.runtime.passes.finders import folder_of
from trt_anime.runtime.results import places
from trt_anime.runtime.results.layers import Blend
from trt_anime.runtime.results.planes import read_plane, write_frame
from trt_anime.runtime.results.shots import Shot
from trt_anime.runtime.streams import behind

_SMALL = 0.002  # share of the frame: less heat says nothing
_TOLD = 0.05  # of the heat, the share that must have become a layer


@dataclass(frozen=True)
class Told:
    """Pixels with an effect's heat and no character, weighted by the heat, and of these its layer's."""

    warm: float = 0.0
    solved: float = 0.0


@contextmanager
def opened(context: Context) -> Iterator[OfShot]:
    """No network: that was the pass before."""
    with ThreadPoolExecutor(context.options.cores, "effects") as pool:
        yield partial(_effects, context, pool)


def _effects(context: Context, pool: ThreadPoolExecutor, shot: Shot) -> Made:
    backgrounds = Backgrounds(context, shot)
    blends = _blends(context, shot, backgrounds)
    work = partial(_frame, context, shot, backgrounds, blends)
    made = list(behind(work, context.frames(shot), pool, depth=2 * context.options.cores))
    files = [path for paths, _ in made for path in paths]
    area = context.clip.width * context.clip.height
    missed = [] if context.choices.effects.blend == "over" or not backgrounds else list(blends)
    return Made(
        files,
        {
            "blends": {effect_name(prompt): blend for prompt, blend in blends.items()},
            "missed": [prompt for prompt in missed if _is_missed([told[prompt] for _, told in made], area)],
        },
    )


def hints(facts: Mapping[int, Mapping[str, Any]]) -> list[str]:
    """Sentences about effects that were seen and left no layer; `facts`: of this pass, by shot number."""
    shots: dict[str, list[int]] = {}
    for number, made in sorted(facts.items()):
        for prompt in made.get("missed", []):
            shots.setdefault(prompt, []).append(number)
    return [
        f"effect '{prompt}' was seen but could not be told from the background in"
        f" {'shot' if len(numbers) == 1 else 'shots'} {', '.join(map(str, numbers))}: where it covers what"
        ' is behind it and never leaves, set `stage2b.blend` to "over" and run stages 2b and 2c again'
        for prompt, numbers in shots.items()
    ]


def _frame(
    context: Context,
    shot: Shot,
    backgrounds: Backgrounds,
    blends: Mapping[str, Blend],
    item: tuple[int, Pixels],
) -> tuple[list[Path], dict[str, Told]]:
    """Solve a fresh frame's effects from the top down: each is taken off before the next is looked at."""
    index, rest = item
    plate, character = backgrounds.of(index), context.character(shot, index)
    shown = list(shot.shown_at(index))
    files: list[Path] = []
    told: dict[str, Told] = {}
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
        told[prompt] = _told(heat, rgba, character)
    return files, told


def _told(heat: Pixels, rgba: Pixels, character: Pixels | None) -> Told:
    warm = heat if character is None else np.where(alpha_of(character) == 0, heat, np.uint8(0))
    solved = np.where(alpha_of(rgba) > 0, warm, np.uint8(0))
    return Told(warm=float(warm.sum()) / 255, solved=float(solved.sum()) / 255)


def _is_missed(told: Sequence[Told], area: int) -> bool:
    """Whether an effect has heat in most frames, and next to nothing of it was solved for."""
    warm = [one for one in told if one.warm >= _SMALL * area]
    solved = sum(one.solved for one in warm)
    return 2 * len(warm) > len(told) and solved < _TOLD * sum(one.warm for one in warm)


def _blends(context: Context, shot: Shot, backgrounds: Backgrounds) -> dict[str, Blend]:
    """By the text of a prompt, bottom to top, how its effect lies on what is below."""
    effects = context.choices.effects
    prompts = effects.wanted
    if effects.blend != "auto":
        return dict.fromkeys(prompts, effects.blend)
    if not backgrounds:
        return dict.fromkeys(prompts, "over")
    asked = asked_of(shot.fresh)
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
