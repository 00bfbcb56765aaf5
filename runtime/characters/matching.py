"""At a key frame: which segment is which of the characters that are followed, and who is new."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from trt_anime.runtime.characters.found import SMALLEST, Found, FoundSegment, Ids
from trt_anime.runtime.characters.looks import Look, likeness
from trt_anime.runtime.characters.planes import nearest, reduction
from trt_anime.runtime.results.layers import OTHERS

TOUCH = 0.1  # IoU, at least, of a segment with a character that is where it was
SAME = 0.9  # likeness of one who has come back to where he was not
LOST = 0.3  # of a character's usual pixels: with fewer, what motion carries is no longer he
INSIDE = 0.5  # of a segment, or of a character, that makes it a part of the other
PIECE = 0.3  # of the largest piece: one that is as large is somebody else


@dataclass(frozen=True, eq=False)
class Remembered:
    """Of a character of the shot: how it looked, and how many pixels it had at the last key frames."""

    look: Look
    pixels: float


@dataclass(frozen=True)
class Matched:
    """Attributes:
    ids: by segment, the character that it is; 0 for nobody.
    new: of these, the ids that were given just now.
    others: segments that share the id `OTHERS`, as no other was free.
    """

    ids: dict[int, int]
    new: tuple[int, ...]
    others: int = 0


def overlaps(found: Found, tracked: Ids) -> NDArray[np.int64]:
    """int64 [segments + 1, 256]: pixels that both have, about, by segment and by character."""
    factor = reduction(tracked)
    ours = found.ids[::factor, ::factor].astype(np.int64)
    rows = max((segment.id for segment in found.segments), default=0) + 1
    both = np.bincount((ours * 256 + tracked[::factor, ::factor]).ravel(), minlength=rows * 256)
    return both.reshape(rows, 256) * factor * factor


def match(
    found: Found,
    tracked: Ids,
    *,
    known: Mapping[int, Remembered],
    looks: Mapping[int, Look],
    free: range,
) -> Matched:
    """Which character each segment is.

    Segments and characters are paired so that overlap and looks agree best over all of them (Kuhn, "The
    Hungarian method", 1955). One of whom little is left can be found elsewhere by looks alone. A segment
    that is left over and lies in a character is a piece of it, unless it is nearly as large as what that
    one has got already; any other is somebody new.

    Args:
        tracked: uint8 [H,W], where the characters are by what was followed.
        known: by id, all characters of the shot.
        looks: by segment, of those that are characters.
        free: ids for new ones, below `OTHERS`, which all get for whom there is none.
    """
    counts = overlaps(found, tracked)
    segments = [segment for segment in found.characters if segment.id in looks]
    ids = _paired(segments, counts, known, looks)
    least = SMALLEST * tracked.size
    fresh = iter(free)
    new = []
    for segment in sorted(segments, key=lambda segment: -segment.pixels):
        if segment.id in ids:
            continue
        ids[segment.id] = _owner(segment, segments, ids, counts)
        if not ids[segment.id] and segment.pixels >= least:
            ids[segment.id] = next(fresh, OTHERS)
            if ids[segment.id] != OTHERS:
                new.append(ids[segment.id])
    return Matched(ids, tuple(new), sum(number == OTHERS for number in ids.values()))


def painted(found: Found, tracked: Ids, matched: Matched) -> Ids:
    """The characters as the segments have them; uint8 [H,W].

    Where one segment holds two characters who are followed, it says nothing of the border between them: it
    is divided as they were, and what neither had goes to the nearest. A character whom no segment holds,
    stays where nobody else is.
    """
    table = np.zeros(int(found.ids.max()) + 1, np.uint8)
    for segment, number in matched.ids.items():
        table[segment] = number
    ids = table[found.ids]
    counts = overlaps(found, tracked)
    own = np.maximum(1, counts.sum(axis=0))
    for segment, number in matched.ids.items():
        shared = [
            other
            for other in (np.flatnonzero(counts[segment][1:]) + 1).tolist()
            if other not in matched.ids.values() and counts[segment, other] >= INSIDE * own[other]
        ]
        if number and shared:
            ids = _divided(ids, tracked, found.ids == segment, [number, *shared])
    missed = (ids == 0) & (found.ids == 0) & (tracked > 0)
    silent = np.zeros(256, np.uint8)
    for other in np.flatnonzero(counts.sum(axis=0)[1:]) + 1:
        silent[other] = 0 if other in matched.ids.values() else other
    return np.where(missed, silent[tracked], ids).astype(np.uint8)


def _paired(
    segments: list[FoundSegment],
    counts: NDArray[np.int64],
    known: Mapping[int, Remembered],
    looks: Mapping[int, Look],
) -> dict[int, int]:
    names = sorted(known)
    score = np.zeros((len(segments), len(names)))
    pixels = counts.sum(axis=0)
    for row, segment in enumerate(segments):
        for column, name in enumerate(names):
            alike = likeness(looks[segment.id], known[name].look)
            both = counts[segment.id, name]
            iou = both / max(1, pixels[name] + counts[segment.id].sum() - both)
            lost = pixels[name] < LOST * known[name].pixels
            if iou >= TOUCH or (lost and alike >= SAME):
                score[row, column] = iou + alike
    rows, columns = linear_sum_assignment(score, maximize=True)
    return {
        segments[row].id: names[column]
        for row, column in zip(rows.tolist(), columns.tolist(), strict=True)
        if score[row, column] > 0
    }


def _owner(
    segment: FoundSegment, segments: list[FoundSegment], ids: Mapping[int, int], counts: NDArray[np.int64]
) -> int:
    """The character of whom a segment is a piece; 0 for none."""
    row = counts[segment.id].copy()
    row[0] = 0
    owner = int(row.argmax())
    if not owner or row[owner] < INSIDE * counts[segment.id].sum():
        return 0
    largest = max((other.pixels for other in segments if ids.get(other.id) == owner), default=0)
    return owner if segment.pixels < PIECE * largest or not largest else 0


def _divided(ids: Ids, tracked: Ids, segment: NDArray[np.bool_], numbers: list[int]) -> Ids:
    seeds = np.where(segment & np.isin(tracked, numbers), tracked, 0).astype(np.uint8)
    return np.where(segment, nearest(seeds)[0], ids).astype(np.uint8)
