"""The connected parts of a matte: a character each, as far as a matte can tell."""

import itertools

import cv2
import numpy as np

from trt_anime.runtime.characters.found import SMALLEST, Ids, Matte
from trt_anime.runtime.characters.planes import (
    Shape,
    disc,
    enlarged,
    nearest,
    reduced_matte,
    reduction,
    solid,
)

THIN = 0.012  # of the frame's height: what is thinner joins nothing, and is no part by itself
GAP = 0.08  # of the frame's height, between pieces of one character that stand upon each other
MOST = 64


def matte_parts(matte: Matte) -> Ids:
    """uint8 [H,W]: the number of the part at each pixel, from 1 with the largest; 0 outside the matte.

    Stripes thinner than `THIN` join nothing. Pieces one above the other with a small gap are one part: a
    rail or a strap of other colour cuts a matte like that. Parts below `SMALLEST` are dropped. What thin
    things belong to a part, such as strands, is told by what is nearest.
    """
    factor = reduction(matte)
    size = (-(-matte.shape[0] // factor), -(-matte.shape[1] // factor))
    alpha = solid(reduced_matte(matte, factor, size))
    body = cv2.morphologyEx(alpha, cv2.MORPH_OPEN, disc(max(1, round(THIN * size[0]))))
    cores = _joined(np.asarray(body, np.uint8))
    near, distance = nearest(cores)
    _, whole = cv2.connectedComponents(alpha)
    # A thin thing is a part's where it hangs together with it.
    anchored = np.isin(whole, np.unique(whole[cores > 0])) & (distance < 0.25 * size[0])
    parts = np.where(anchored & (alpha > 0), near, 0).astype(np.uint8)
    full = solid(matte)
    near_full = enlarged(np.asarray(cv2.dilate(parts, np.ones((3, 3), np.uint8)), np.uint8), matte.shape)
    return np.asarray(cv2.multiply(near_full, full), np.uint8)


def _joined(body: Shape) -> Ids:
    """Connected components, pieces of one character under one number, largest first."""
    height = body.shape[0]
    count, labels, facts, _ = cv2.connectedComponentsWithStats(body)
    boxes = [tuple(int(value) for value in facts[number][:4]) for number in range(count)]
    areas = facts[:, cv2.CC_STAT_AREA]
    sizable = [n for n in range(1, count) if areas[n] >= 0.1 * SMALLEST * body.size][:MOST]
    group = list(range(count))
    for one, other in itertools.combinations(sizable, 2):
        if _stacked(boxes[one], boxes[other], gap=GAP * height):
            old, new = group[other], group[one]
            group = [new if number == old else number for number in group]
    total: dict[int, int] = {}
    for number in sizable:
        total[group[number]] = total.get(group[number], 0) + int(areas[number])
    kept = [
        g for g, area in sorted(total.items(), key=lambda item: -item[1]) if area >= SMALLEST * body.size
    ]
    table = np.zeros(count, np.uint8)
    for number in sizable:
        if group[number] in kept:
            table[number] = 1 + kept.index(group[number])
    return np.asarray(table[labels], np.uint8)


def _stacked(one: tuple[int, ...], other: tuple[int, ...], *, gap: float) -> bool:
    """Whether a piece (left, top, width, height) stands upon the other."""
    shared = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    between = max(one[1], other[1]) - min(one[1] + one[3], other[1] + other[3])
    return shared >= 0.6 * min(one[2], other[2]) and between <= gap
