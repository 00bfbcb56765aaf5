"""Stage 2c: the plate of each shot, and as each frame shows it."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from trt_anime.runtime.layers.blends import BlendEvidence, blend_of, observed
from trt_anime.runtime.layers.completing import completed
from trt_anime.runtime.layers.solving import alpha_of
from trt_anime.runtime.media.frames import Pixels
from trt_anime.runtime.passes.asked import asked_of
from trt_anime.runtime.passes.context import Context, Made, OfShot, heat_folder
from trt_anime.runtime.passes.finders import folder_of
from trt_anime.runtime.passes.kept import Kept
from trt_anime.runtime.plates.dimming import no_brighter
from trt_anime.runtime.plates.files import write_plate
from trt_anime.runtime.plates.filling import Fill
from trt_anime.runtime.plates.making import plates_of
from trt_anime.runtime.plates.plate import Plate
from trt_anime.runtime.plates.seen import Frames, Seen, visible
from trt_anime.runtime.results import places
from trt_anime.runtime.results.planes import read_plane, write_frame
from trt_anime.runtime.results.shots import Shot
from trt_anime.runtime.streams import Writers


@contextmanager
def opened(context: Context) -> Iterator[OfShot]:
    """Registered, gathered, filled. Raises what the tool `fill` raises."""
    with context.tools.fill(context) as fill:
        yield partial(_plate, context, fill)


def _plate(context: Context, fill: Fill, shot: Shot) -> Made:
    files: list[Path] = []
    folder = context.folder / places.PLATES
    frames = Kept(partial(_seen, context, shot), shot.start, go_on=context.go_on)
    for plate in plates_of(frames, fill):
        files += write_plate(folder, shot.number, plate)
        if context.choices.plates.layout == "frame":
            files += _views(context, shot, plate, folder, frames)
    return Made(files)


def _views(context: Context, shot: Shot, plate: Plate, folder: Path, frames: Frames) -> list[Path]:
    """The plate as each frame shows it, with what in the frame differs from it and isn't hidden."""
    files = []
    own = set(plate.motions.frames)
    light = _lights(context, plate, frames)
    covers = [prompt for prompt in context.choices.effects.wanted if prompt not in light]
    with Writers.open(context.options.cores) as writers:
        for seen in frames():
            if seen.index in own:
                shown = list(shot.shown_at(seen.index))
                ids, bright = context.ids(seen.index), None
                if light:
                    cover = _heat(context, seen.index, covers)
                    bright = np.full_like(seen.hidden, 255) if cover is None else 255 - cover
                writers.do(partial(_write_view, plate, folder, shown, seen, ids, bright))
                files += [folder / places.frame_name(index) for index in shown]
    return files


def _write_view(
    plate: Plate, folder: Path, shown: list[int], seen: Seen, ids: Pixels | None, light: Pixels | None
) -> None:
    hidden, invented = seen.hidden, plate.holes(seen.index)
    if ids is not None:
        hidden = completed(hidden, ids, seen.rgb, plate.view(seen.index), invented=invented)
    view = plate.behind(seen.index, seen.rgb, hidden)
    write_frame(folder, shown, no_brighter(view, seen, invented, light))


def _lights(context: Context, plate: Plate, frames: Frames) -> list[str]:
    """Prompts whose effects add light, as far as the shot tells before they are solved for."""
    prompts, blend = context.choices.effects.wanted, context.choices.effects.blend
    if blend != "auto" or not prompts:
        return prompts if blend == "add" else []
    asked = asked_of(plate.motions.frames)
    evidence = dict.fromkeys(prompts, BlendEvidence())
    for seen in frames():
        if seen.index in asked and seen.figures is not None:
            unknown = np.maximum(plate.holes(seen.index), cv2.bitwise_not(visible(seen.figures)))
            view = plate.view(seen.index)
            for prompt in prompts:
                heat = _heat(context, seen.index, [prompt])
                if heat is not None:
                    evidence[prompt] += observed(seen.rgb, view, heat, invented=unknown)
        if seen.index >= asked[-1]:
            break
    return [prompt for prompt, found in evidence.items() if blend_of([found]) == "add"]


def _seen(context: Context, shot: Shot, start: int) -> Iterator[Seen]:
    for index, rgb in context.frames(shot, start):
        figures = _figures(context, shot, index, rgb)
        effects = _heat(context, index, context.choices.effects.wanted)
        if effects is None:
            yield Seen(index, rgb, figures)
            continue
        light = context.choices.effects.blend != "over"  # what covers is no light
        yield Seen(index, rgb, np.maximum(figures, effects), figures=figures if light else None)


def _figures(context: Context, shot: Shot, index: int, rgb: Pixels) -> Pixels:
    """uint8 [H,W]: how much characters hide the background, by matte and masks."""
    character = context.character(shot, index)
    plane = np.zeros(rgb.shape[:2], np.uint8) if character is None else alpha_of(character)
    path = context.folder / places.TRACKS / places.frame_name(index)
    return np.maximum(plane, _anywhere(path)) if path.exists() else plane


def _heat(context: Context, index: int, prompts: Iterable[str]) -> Pixels | None:
    """uint8 [H,W]: 255 where one of these effects may be; None where nowhere."""
    plane = None
    for prompt in prompts:
        path = heat_folder(context.folder, folder_of(prompt)) / places.frame_name(index)
        if path.exists() and (heat := _anywhere(path)).any():
            plane = heat if plane is None else np.maximum(plane, heat)
    return plane


def _anywhere(path: Path) -> Pixels:
    """255 where a plane on the disk is not 0."""
    return np.asarray(cv2.threshold(read_plane(path), 0, 255, cv2.THRESH_BINARY)[1], np.uint8)
