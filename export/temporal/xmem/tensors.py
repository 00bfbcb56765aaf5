"""Everything that goes in or out of XMem's graphs: type and shape by name, written down once.

Sizes are those of a `MemoryProfile`. Free are ``objects``, always the first axis, and how many of the
memory's rows are read, ``cells``: they are its first ones, and an engine reads all. A tensor of cells has
one row for each, so that a frame's rows lie together and are copied in one piece.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from trt_anime.export.temporal.xmem.sizes import MemoryProfile

OBJECTS = "objects"
CELLS = "cells"
Shape = tuple[int | str, ...]

_CHOSEN = frozenset({"memory_key", "memory_shrinkage", "valid", "usage"})


@dataclass(frozen=True)
class Channels:
    """Widths of the network that the graphs are made of: of its features, keys, values, sensory memory."""

    f16: int
    f8: int
    f4: int
    key: int
    value: int
    sensory: int


@dataclass(frozen=True)
class Kind:
    """Type and shape of a tensor."""

    dtype: type[np.generic]
    shape: Shape


def tensors(profile: MemoryProfile, channels: Channels) -> Mapping[str, Kind]:
    """
    frame: RGB. mask: a label per pixel, 0 for none. given: the label that stands for each object in
    ``mask``, -1 where the mask says nothing of the object.
    key, shrinkage, selection, f16, f8, f4: of the frame. memory_*, work_selection: of the memory's cells.
    valid: 1 for each cell that holds something of the objects at hand, else 0.
    usage: how much all positions of the frame made of each cell, their sum is the number of positions.
    probability: 0..1, at the network's padded size. labels: number of the likeliest object, from 1; 0 for
    the background. matte: ``probability`` at frame size, 0..255.
    candidates: 1 for the cells of the working memory that are consolidated, else 0. prototypes: numbers of
    such cells in the working memory. order: the new long-term memory, as row numbers of the old one; those
    from its capacity on mean the prototypes.
    """
    height, width = profile.grid
    padded, frame = profile.padded_size, (profile.height, profile.width)
    cells, capacity, long = profile.cells, profile.capacity, profile.long_cells
    c = channels
    floats: dict[str, Shape] = {
        "key": (cells, c.key),
        "shrinkage": (cells,),
        "selection": (cells, c.key),
        "f16": (1, c.f16, height, width),
        "f8": (1, c.f8, 2 * height, 2 * width),
        "f4": (1, c.f4, 4 * height, 4 * width),
        "given": (OBJECTS,),
        "probability": (OBJECTS, 1, *padded),
        "new_probability": (OBJECTS, 1, *padded),
        "sensory": (OBJECTS, c.sensory, height, width),
        "new_sensory": (OBJECTS, c.sensory, height, width),
        "value": (OBJECTS, cells, c.value),
        "readout": (OBJECTS, c.value, height, width),
        "memory_key": (capacity, c.key),
        "memory_shrinkage": (capacity,),
        "memory_value": (OBJECTS, capacity, c.value),
        "work_selection": (profile.work_cells, c.key),
        "valid": (capacity,),
        "usage": (capacity,),
        "candidates": (profile.work_cells,),
        "long_key": (long, c.key),
        "long_shrinkage": (long,),
        "long_value": (OBJECTS, long, c.value),
    }
    integers: dict[str, Shape] = {"prototypes": (profile.prototypes,), "order": (long,)}
    pictures: dict[str, Shape] = {
        "frame": (1, *frame, 3),
        "mask": (1, *frame),
        "labels": (1, *frame),
        "matte": (OBJECTS, *frame),
    }
    kinds: list[tuple[type[np.generic], dict[str, Any]]]
    kinds = [(np.float32, floats), (np.int32, integers), (np.uint8, pictures)]
    return {name: Kind(dtype, shape) for dtype, group in kinds for name, shape in group.items()}


def as_read(kinds: Mapping[str, Kind]) -> Mapping[str, Kind]:
    """As `read` has them: a session chooses how many of the memory's first rows, up to all, it is given.

    ``memory_value`` comes whole: of it no more is touched than what answers.
    """
    return {
        name: replace(kind, shape=(CELLS, *kind.shape[1:])) if name in _CHOSEN else kind
        for name, kind in kinds.items()
    }
