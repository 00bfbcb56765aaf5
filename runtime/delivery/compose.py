"""Layers laid on each other again, as `docs/chain.md` says: display-referred, bottom to top."""

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from trt_anime.runtime.media.frames import Pixels
from trt_anime.runtime.results.layers import Blend, LayerFolder
from trt_anime.runtime.results.reader import Results

F32 = NDArray[np.float32]

PLATE, CHARACTER, EFFECT = "2c", "2a", "2b"  # numbers of the stages that make layers


def pictures(results: Results, index: int) -> Iterator[tuple[LayerFolder, Pixels]]:
    """The layers that frame `index` shows, bottom to top, uint8 [H,W,4] straight. Raises InputError."""
    for layer in results.layers.in_shot(results.shot_of(index).number):
        rgba = results.rgba(layer, index)
        if rgba is not None:
            yield layer, rgba


def recomposed(results: Results, index: int) -> Pixels:
    """uint8 [H,W,3] RGB: all layers of frame `index`, over black. Raises InputError."""
    picture = np.zeros((*results.size, 3), np.float32)
    for layer, rgba in pictures(results, index):
        lay(picture, rgba, layer.blend)
    return rounded(picture)


def lay(below: F32, rgba: Pixels, blend: Blend) -> None:
    """Lay one layer on a picture, in place.

    Args:
        below: float32 [H,W,3] RGB, 0..255.
        rgba: uint8 [H,W,4], straight alpha.
    """
    x, y, width, height = box_of(rgba)
    if not width:
        return
    part, over = below[y : y + height, x : x + width], rgba[y : y + height, x : x + width]
    colour = over[..., :3].astype(np.float32)
    share = thrice(over[..., 3].astype(np.float32) / np.float32(255))
    if blend == "add":
        np.minimum(part + colour * share, 255, out=part)
    else:
        part += (colour - part) * share


def rounded(picture: F32) -> Pixels:
    """float32 0..255 to uint8, to the nearest."""
    return np.asarray(np.rint(picture), np.uint8)


def box_of(rgba: Pixels, *, least: int = 1) -> tuple[int, int, int, int]:
    """(x, y, width, height) in pixels around every alpha of at least `least`; zeros where there is none."""
    alpha = np.ascontiguousarray(rgba[..., 3])
    x, y, width, height = cv2.boundingRect(alpha if least == 1 else (alpha >= least).view(np.uint8))
    return x, y, width, height


def thrice(plane: F32) -> F32:
    """float32 [H,W] to [H,W,3], in memory: much faster in sums than a broadcast last axis."""
    return np.asarray(cv2.merge([plane, plane, plane]), np.float32)
