"""The characters of a run, each cut out on its own, whether their layers are merged or separate."""

from dataclasses import dataclass

import cv2
import numpy as np

from trt_anime.errors import InputError
from trt_anime.runtime.delivery.compose import CHARACTER
from trt_anime.runtime.delivery.targets import Notify
from trt_anime.runtime.media.frames import Pixels
from trt_anime.runtime.results.layers import LayerFolder
from trt_anime.runtime.results.reader import Results

EVERYONE = 0
"""Id of the one subject of a run without stage 3: all characters together."""

_SOLID = 128  # of a merged matte: from here on a pixel counts as the character's
_REACH = 15  # pixels that soft edges and strands may lie outside of the map of ids, at 720 rows


@dataclass(frozen=True)
class Subject:
    """`id`: in the maps of ids, or `EVERYONE`. `name`: for folders. `label`: what it is."""

    id: int
    name: str
    label: str


def subjects(results: Results, notify: Notify) -> tuple[Subject, ...]:
    """Who can be told apart in this run.

    Raises:
        InputError: it has neither tracks nor a character layer.
    """
    if results.tracks:
        return tuple(Subject(t.id, f"character_{t.id:02d}", t.label) for t in results.tracks)
    if not _layers(results):
        raise InputError(
            f"{results.folder}: holds no characters; run `trt-anime process` with stage 2a, and 3 to tell "
            "them apart"
        )
    notify(f"{results.folder}: has no tracks (stage 3), so all characters are taken as one")
    return (Subject(EVERYONE, "character", "character"),)


def ids_at(results: Results, index: int) -> Pixels | None:
    """uint8 [H,W], the character at each pixel, 0 for none; 1 for everyone without stage 3.

    None where the frame shows nobody. Raises InputError.
    """
    if results.tracks:
        return results.ids(index)
    rgba = merged(results, index)
    return None if rgba is None else np.asarray(rgba[..., 3] >= _SOLID, np.uint8)


def cut_out(results: Results, subject: Subject, index: int, ids: Pixels | None = None) -> Pixels | None:
    """uint8 [H,W,4], straight alpha: this subject alone; None where it isn't in the frame.

    Args:
        ids: the frame's map, where the caller has read it.

    Raises:
        InputError: a file is damaged.
    """
    for layer in _layers(results):
        if layer.character and layer.character == subject.id:
            return results.rgba(layer, index)
    rgba = merged(results, index)
    if rgba is None or subject.id == EVERYONE:
        return rgba
    if ids is None:
        ids = results.ids(index)
    if ids is None or not (ids == subject.id).any():
        return None
    alone = rgba.copy()
    alone[..., 3] = np.where(_own(ids, subject.id), rgba[..., 3], 0)
    return alone


def merged(results: Results, index: int) -> Pixels | None:
    """uint8 [H,W,4], straight alpha: all characters; None where there are none. Raises InputError."""
    shot = results.shot_of(index)
    layers = [layer for layer in results.layers.in_shot(shot.number) if layer.stage == CHARACTER]
    found = [rgba for layer in layers if (rgba := results.rgba(layer, index)) is not None]
    return over_each_other(found) if found else None


def over_each_other(layers: list[Pixels]) -> Pixels:
    """uint8 [H,W,4], straight alpha, of such layers, the first at the bottom."""
    if len(layers) == 1:
        return layers[0]
    alpha = layers[0][..., 3].astype(np.float32) / 255
    colour = layers[0][..., :3] * alpha[..., None]
    for layer in layers[1:]:
        share = layer[..., 3].astype(np.float32) / 255
        colour = layer[..., :3] * share[..., None] + colour * (1 - share[..., None])
        alpha = share + alpha * (1 - share)
    straight = colour / np.maximum(alpha, 1e-6)[..., None]
    return np.asarray(np.rint(np.dstack([np.minimum(straight, 255), alpha * 255])), np.uint8)


def _layers(results: Results) -> list[LayerFolder]:
    return [layer for layer in results.layers.folders if layer.stage == CHARACTER]


def _own(ids: Pixels, identity: int) -> Pixels:
    """Where the matte is this character's: its own pixels, and nobody's that are near to them."""
    own = (ids == identity).astype(np.uint8)
    reach = max(1, round(_REACH * ids.shape[0] / 720))
    grown = cv2.dilate(own, np.ones((2 * reach + 1, 2 * reach + 1), np.uint8))
    return np.asarray(own | (grown & (ids == 0)), np.uint8)
