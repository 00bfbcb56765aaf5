"""Holes filled tile by tile at full resolution: the other way to fill a frame of any size."""

import numpy as np
from numpy.typing import NDArray

from trt_anime.runtime.media.frames import Pixels
from trt_anime.runtime.plates.filling import Fill
from trt_anime.runtime.plates.warping import Window

OVERLAP = 0.25
"""Of a tile's side, at least."""
_CONTEXT = 32  # pixels around the hole that tiles cover as well


def in_tiles(fill: Fill, side: int) -> Fill:
    """`fill`, asked for squares of `side` pixels around the hole, blended where they overlap.

    No tile knows what another painted: with tiles that go on from those before, from what is known best to
    what is known least, fills were further from the truth.
    """

    def tiled(picture: Pixels, hole: Pixels) -> Pixels:
        weights = np.zeros(hole.shape, np.float32)
        total = np.zeros(picture.shape, np.float32)
        for tile in tiles_of(hole > 0, side):
            answer = fill(np.ascontiguousarray(picture[tile]), np.ascontiguousarray(hole[tile]))
            weight = _weight(tile, hole.shape, round(OVERLAP * side))
            weights[tile] += weight
            total[tile] += answer * weight[..., None]
        mean = np.rint(total / np.maximum(weights, 1e-6)[..., None]).astype(np.uint8)
        return np.where(weights[..., None] > 0, mean, picture)

    return tiled


def tiles_of(hole: NDArray[np.bool_], side: int) -> list[Window]:
    """Windows of `side` pixels, less only where the picture is less, that cover the hole, bool [h,w], and a
    little around it; evenly spread, all inside of the picture. None is without any of the hole."""
    if not hole.any():
        return []
    rows, columns = (_spans(np.atleast_1d(hole.any(axis=axis)), side) for axis in (1, 0))
    return [(y, x) for y in rows for x in columns if hole[y, x].any()]


def _spans(line: NDArray[np.bool_], side: int) -> list[slice]:
    inside, length = np.flatnonzero(line), len(line)
    start, stop = max(int(inside[0]) - _CONTEXT, 0), min(int(inside[-1]) + 1 + _CONTEXT, length)
    if stop - start <= side:
        first = min(max((start + stop - side) // 2, 0), max(length - side, 0))
        return [slice(first, min(first + side, length))]
    count = 1 + int(np.ceil((stop - start - side) / (side * (1 - OVERLAP))))
    firsts = np.rint(np.linspace(start, stop - side, count)).astype(int)
    return [slice(int(first), int(first) + side) for first in firsts]


def _weight(tile: Window, shape: tuple[int, ...], overlap: int) -> NDArray[np.float32]:
    """float32 [h,w]: 1, falling to nearly 0 over `overlap` pixels towards borders inside of the picture."""
    y, x = (_ramp(span, length, overlap) for span, length in zip(tile, shape, strict=True))
    return np.asarray(y[:, None] * x, np.float32)


def _ramp(span: slice, length: int, overlap: int) -> NDArray[np.float32]:
    places = np.arange(span.stop - span.start, dtype=np.float32)
    near = np.full_like(places, np.inf)
    if span.start > 0:
        near = np.minimum(near, places + 1)
    if span.stop < length:
        near = np.minimum(near, places[::-1] + 1)
    return np.minimum(near / (overlap + 1), 1)
