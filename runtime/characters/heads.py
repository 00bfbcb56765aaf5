"""Where a part of a matte may be several characters side by side: by their heads against the sky."""

import itertools

import cv2
import numpy as np
from scipy import signal

from trt_anime.runtime.characters.found import Box
from trt_anime.runtime.characters.planes import Shape, box_of, disc, reduction

STRAND = 0.02  # of the frame's height: what is thinner is no head
DIP = 0.035  # of the part's height, at least, between two heads
BREADTH = 0.05  # of the frame's height, at least, of a head at half its dip
BEYOND = 0.3  # of a character's own width: so far may it reach behind or before its neighbour


def side_by_side(part: Shape) -> list[Box]:
    """A box for each character that the outline suggests; at most one where it suggests no two.

    part: uint8 [H,W], 0 or 1. The boxes overlap: who stands before whom, the outline can't tell.
    """
    box = box_of(part)
    if box is None:
        return []
    factor = reduction(part)
    small = np.ascontiguousarray(part[::factor, ::factor])
    frame_height = small.shape[0]
    place = box_of(small)
    if place is None:
        return [box]
    left, top, right, bottom = place
    body = cv2.morphologyEx(
        small[top:bottom, left:right], cv2.MORPH_OPEN, disc(max(1, round(STRAND * frame_height)))
    )
    line = np.where(body.any(axis=0), body.shape[0] - body.argmax(axis=0), 0).astype(np.float32)
    line = cv2.GaussianBlur(np.pad(line, 1)[None], (0, 0), max(1.0, 0.012 * frame_height))[0]
    peaks, _ = signal.find_peaks(line, prominence=DIP * (bottom - top), width=BREADTH * frame_height)
    if len(peaks) < 2:
        return [box]
    dips = [int(a + line[a:b].argmin()) for a, b in itertools.pairwise(peaks.tolist())]
    edges = [left, *(left + dip for dip in dips), right]
    boxes = [
        _between(small, edges[n], edges[n + 1], place)
        for n in range(len(edges) - 1)
        if edges[n] < edges[n + 1]
    ]
    return [_scaled(one, factor, part.shape) for one in boxes]


def _between(small: Shape, start: int, stop: int, whole: Box) -> Box:
    """The box of what stands between two columns, made wider."""
    beyond = round(BEYOND * (stop - start))
    inner = box_of(np.ascontiguousarray(small[:, start:stop]))
    top = whole[1] if inner is None else inner[1]
    return max(whole[0], start - beyond), top, min(whole[2], stop + beyond), whole[3]


def _scaled(box: Box, factor: int, shape: tuple[int, ...]) -> Box:
    left, top, right, bottom = (value * factor for value in box)
    return left, top, min(right, shape[1]), min(bottom, shape[0])
