"""From the tables of the stage `segment` to segments: the part of the merging that reads no pixel twice.

The graph has decided who wins each pixel; here winners with too little of their mask left are dropped,
stuff of one class becomes one segment, and ids are given.
"""

from collections.abc import Collection
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Index = NDArray[np.uint8]
NOBODY = 255  # in `index`: no row
_ROWS = 256


@dataclass(frozen=True)
class Segment:
    """One object, or all there is of one kind of stuff.

    Attributes:
        id: from 1, in the order of the tables.
        label: number of the class.
        score: 0..1, of the first of its rows; above 0 without an upper bound for semantic heads.
        rows: of the tables, which it is made of.
        pixels: how many it has.
    """

    id: int
    label: int
    score: float
    rows: tuple[int, ...]
    pixels: int


@dataclass(frozen=True, eq=False)
class Segments:
    """The segments of a frame.

    Attributes:
        ids: uint8 [H,W], the id of each pixel's segment, 0 for none.
        found: by id, ascending.
    """

    ids: Index
    found: tuple[Segment, ...]


def panoptic_segments(
    index: Index,
    scores: NDArray[np.float32],
    labels: NDArray[np.int32],
    areas: NDArray[np.int32],
    *,
    stuff: Collection[int],
    overlap: float = 0.8,
) -> Segments:
    """The segments of one frame by a panoptic head.

    The rule of the published `post_process_panoptic_segmentation`, with one difference: there, the segment
    after one of fused stuff can get an id that another segment has already. Here no two have the same.

    Args:
        index: [H,W], a row each, 255 for none.
        scores, labels, areas: [R], the graph's tables.
        stuff: labels of which there is one segment at most; the rows that name it are fused.
        overlap: a row needs more than this share of its own mask's pixels.
    """
    won = _won(index)
    groups: list[list[int]] = []
    fused: dict[int, list[int]] = {}
    for row in np.flatnonzero((won[: len(areas)] > 0) & (areas > 0)).tolist():
        # In FP32, as the published code divides: 4 of 5 pixels are a little more than 0.8.
        if float(np.float32(won[row]) / np.float32(areas[row])) <= overlap:
            continue
        label = int(labels[row])
        if label in fused:
            fused[label].append(row)
            continue
        groups.append([row])
        if label in stuff:
            fused[label] = groups[-1]
    return _segments(index, won, groups, scores, labels)


def instance_segments(
    index: Index,
    scores: NDArray[np.float32],
    labels: NDArray[np.int32],
    areas: NDArray[np.int32],
) -> Segments:
    """The segments of one frame by an instance head; one that others cover wholly has no pixels.

    Arguments as those of `panoptic_segments`.
    """
    groups = [[row] for row in np.flatnonzero(areas > 0).tolist()]
    return _segments(index, _won(index), groups, scores, labels)


def semantic_segments(index: Index, scores: NDArray[np.float32], labels: NDArray[np.int32]) -> Segments:
    """The segments of one frame by a semantic head: one for each class that has pixels.

    Arguments as those of `panoptic_segments`.
    """
    won = _won(index)
    groups = [[row] for row in np.flatnonzero(won[: len(labels)]).tolist()]
    return _segments(index, won, groups, scores, labels)


def _won(index: Index) -> NDArray[np.int64]:
    """int64 [256]: the pixels of each row."""
    counted = cv2.calcHist([index], [0], None, [_ROWS], [0, _ROWS])  # float32 counts are whole numbers
    return np.asarray(counted, np.float64).ravel().astype(np.int64)


def _segments(
    index: Index,
    won: NDArray[np.int64],
    groups: list[list[int]],
    scores: NDArray[np.float32],
    labels: NDArray[np.int32],
) -> Segments:
    ids = np.zeros(_ROWS, np.uint8)
    found = []
    for number, rows in enumerate(groups, 1):
        ids[rows] = number
        first, pixels = rows[0], int(won[rows].sum())
        found.append(Segment(number, int(labels[first]), float(scores[first]), tuple(rows), pixels))
    return Segments(np.asarray(cv2.LUT(index, ids), np.uint8), tuple(found))
