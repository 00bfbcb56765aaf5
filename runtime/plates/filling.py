"""What no frame shows of a background, invented by a network or plainly, without a seam."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from trt_anime.runtime.media.frames import Pixels
from trt_anime.runtime.plates.layout import corners_of
from trt_anime.runtime.plates.plate import Plate
from trt_anime.runtime.plates.sampling import mapped
from trt_anime.runtime.plates.seen import Floats
from trt_anime.runtime.plates.smooth import plainly_filled, smoothly_filled
from trt_anime.runtime.plates.warping import Window

Mask = NDArray[np.bool_]

Fill = Callable[[Pixels, Pixels], Pixels]
"""(picture, hole) -> picture: uint8 [h,w,3] RGB, uint8 [h,w] 255 where to fill, uint8 [h,w,3] of any size
that the picture has. What it does outside the hole is not used."""

Box = tuple[int, int, int, int]
"""Left, top, right, bottom."""

_RING = 4
_CONTEXT = 0.5
_LEAST_CONTEXT = 48
_SEAM_BLUR = 1.5


def filled(plate: Plate, fill: Fill, places: Mask | None = None) -> Plate:
    """The plate without holes; `seen` and all pixels that were seen are left unchanged.

    Each hole that some frame shows is cut out with half its size around it, at least 48 pixels. The hole
    that `fill` gets is 4 pixels wider than the real one: by how far its answer misses the known colours
    there, it is shifted, smoothly over the whole hole. Where no frame looks is only filled plainly.
    Holds about 110 bytes a pixel of the canvas.

    Args:
        places: bool [h,w], where holes are worth more than plain colours; everywhere if None.
    """
    hole = plate.seen == 0
    if not hole.any():
        return plate
    canvas = plainly_filled(plate.canvas, hole)
    known = (~hole).astype(np.float32)
    wanted = hole & _shown(plate)
    if places is not None:
        wanted &= places
    for window in _windows(wanted):
        part = wanted[window]
        answer = _without_seam(canvas[window], part, known[window], fill)
        canvas[window] = np.where(part[..., None], answer, canvas[window])
    return replace(plate, canvas=canvas)


def fill_simple(picture: Pixels, hole: Pixels) -> Pixels:
    """A `Fill` without a network: the colours around the hole flow together in it, without detail.

    Nearer to the truth and faster than OpenCV's two ways of inpainting, whose holes show false edges.
    """
    known = (hole == 0).astype(np.float32)
    whole = smoothly_filled(picture.astype(np.float32) * known[..., None], known)
    return np.asarray(np.clip(np.rint(whole), 0, 255), np.uint8)


def _shown(plate: Plate) -> Mask:
    """bool [h,w]: what at least one frame shows, hidden or not, and a few pixels around."""
    shown = np.zeros(plate.seen.shape, np.uint8)
    for matrix in plate.matrices[plate.motions.sure > 0]:
        corners = mapped(matrix, corners_of(plate.motions.size))
        cv2.fillConvexPoly(shown, np.rint(corners).astype(np.int32), 255)
    return cv2.dilate(shown, np.ones((2 * _RING + 1, 2 * _RING + 1), np.uint8)) > 0


def _windows(hole: Mask) -> Iterator[Window]:
    """Around holes, with their surroundings; those that overlap are one."""
    count, _, stats, _ = cv2.connectedComponentsWithStats(hole.view(np.uint8), connectivity=8)
    boxes = [_widened(stats[number], hole.shape) for number in range(1, count)]
    for left, top, right, bottom in _merged(boxes):
        yield slice(top, bottom), slice(left, right)


def _widened(stats: NDArray[np.int32], shape: tuple[int, ...]) -> Box:
    left, top, width, height = (int(side) for side in stats[:4])
    x, y = (max(_LEAST_CONTEXT, round(_CONTEXT * side)) for side in (width, height))
    return (
        max(0, left - x),
        max(0, top - y),
        min(shape[1], left + width + x),
        min(shape[0], top + height + y),
    )


def _merged(boxes: list[Box]) -> list[Box]:
    """Boxes of which none overlap, around all of the given ones."""
    done: list[Box] = []
    for box in boxes:
        while touching := [other for other in done if _overlap(box, other)]:
            done = [other for other in done if other not in touching]
            sides = list(zip(box, *touching, strict=True))
            box = (min(sides[0]), min(sides[1]), max(sides[2]), max(sides[3]))
        done.append(box)
    return done


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _without_seam(picture: Pixels, hole: Mask, known: Floats, fill: Fill) -> Pixels:
    """The filled window; only what is in the hole counts."""
    side = 2 * _RING + 1
    wider = cv2.dilate(hole.view(np.uint8), np.ones((side, side), np.uint8))
    ring = (wider > 0) & (known > 0)
    answer = np.asarray(fill(picture, np.asarray(wider * np.uint8(255))), np.float32)
    missed = cv2.GaussianBlur((picture - answer) * ring[..., None], (0, 0), _SEAM_BLUR)
    weight = cv2.GaussianBlur(ring.astype(np.float32), (0, 0), _SEAM_BLUR)
    missed = missed / np.maximum(weight, 1e-3)[..., None]
    shift = smoothly_filled(np.asarray(missed, np.float32), ring.astype(np.float32))
    return np.asarray(np.clip(np.rint(answer + shift), 0, 255), np.uint8)
