"""What a network might propose: logits at random, and logits of a scene with objects in it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Proposals:
    """``class_logits`` [B,Q,C+1] and ``mask_logits`` [B,Q,h,w]."""

    class_logits: Floats
    mask_logits: Floats


def noise(batch: int, queries: int, classes: int, size: tuple[int, int], seed: int = 0) -> Proposals:
    """Nothing means anything: every query is sure of something, every mask is blots all over."""
    rng = np.random.default_rng(seed)
    height, width = size
    blots = rng.normal(0, 6, (batch, queries, height // 8, width // 8))
    masks = np.kron(blots, np.ones((8, 8))) + rng.normal(0, 1, (batch, queries, height, width))
    names = rng.normal(0, 3, (batch, queries, classes + 1))
    return Proposals(names.astype(np.float32), masks.astype(np.float32))


def scene(batch: int, queries: int, classes: int, size: tuple[int, int], seed: int = 0) -> Proposals:
    """Strips of stuff, objects before them, doubts, and queries for nothing."""
    rng = np.random.default_rng(seed)
    height, width = size
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    names = rng.normal(0, 1, (batch, queries, classes + 1))
    masks = rng.normal(-8, 1, (batch, queries, height, width))
    for frame in range(batch):
        order = rng.permutation(queries)
        names[frame, :, classes] += 8
        for query in order[: min(queries * 2 // 3, 24)]:
            kind = rng.integers(5)
            if kind == 0:  # a strip of stuff, as wide as the picture
                middle, half = rng.uniform(0, height), rng.uniform(1, height / 8)
                inside = half - np.abs(y - middle)
                label = rng.integers(classes * 2 // 3, classes)
            else:
                middle_y, middle_x = rng.uniform(0, height), rng.uniform(0, width)
                reach = rng.uniform(1.5, height / 5)
                inside = reach - np.hypot(y - middle_y, (x - middle_x) * rng.uniform(0.5, 2))
                label = rng.integers(classes * 2 // 3)
            masks[frame, query] = np.clip(inside * rng.uniform(0.3, 3), -9, 9) + rng.normal(0, 0.2, y.shape)
            names[frame, query, classes] -= 8
            names[frame, query, label] += rng.uniform(2, 9)
            if kind == 4:  # two names for one thing
                names[frame, query, (label + 1) % classes] += rng.uniform(2, 9)
    return Proposals(names.astype(np.float32), masks.astype(np.float32))
