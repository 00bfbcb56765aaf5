"""Work on maps of ids and mattes that is done at a reduced size, so that a frame takes milliseconds."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from trt_anime.runtime.characters.found import SOLID, Box, Ids, Matte

Shape = NDArray[np.uint8]  # [H,W], 0 or 1

SIDE = 480  # longest side of a reduced plane
MOSTLY = 0.75  # of a part of the matte, that is explained: then all of it is
REACH = 0.05  # of the frame's height: so far from a character a pixel of the matte is still its own


def reduction(plane: NDArray[Any]) -> int:
    """The whole number by which a plane [H,W,...] is reduced, 1 for a small one."""
    return max(1, -(-int(max(plane.shape[:2])) // SIDE))


def reduced_ids(ids: Ids, factor: int) -> Ids:
    """Every `factor`-th pixel; contiguous."""
    half = factor // 2
    return np.ascontiguousarray(ids[half::factor, half::factor])


def reduced_matte(matte: Matte, factor: int, size: tuple[int, int]) -> Matte:
    """Averaged over boxes, to (height, width)."""
    if factor == 1:
        return matte
    return np.asarray(cv2.resize(matte, size[::-1], interpolation=cv2.INTER_AREA), np.uint8)


def solid(matte: Matte) -> Shape:
    """1 where a matte says character."""
    return np.asarray(cv2.threshold(matte, SOLID - 1, 1, cv2.THRESH_BINARY)[1], np.uint8)


def disc(radius: int) -> Shape:
    return np.asarray(
        cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1)), np.uint8
    )


def nearest(ids: Ids) -> tuple[Ids, NDArray[np.float32]]:
    """For each pixel the id nearest to it, and how many pixels away that is; all 0 and far without any."""
    free = (ids == 0).astype(np.uint8)
    if free.all():
        return ids, np.full(ids.shape, np.inf, np.float32)
    distance, seeds = cv2.distanceTransformWithLabels(free, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    table = np.zeros(int(seeds.max()) + 1, np.uint8)
    held = free == 0
    table[seeds[held]] = ids[held]
    return table[seeds], np.asarray(distance, np.float32)


def enlarged(plane: Ids, size: tuple[int, int]) -> Ids:
    """To (height, width), by repeating pixels."""
    if plane.shape == size:
        return plane
    return np.asarray(cv2.resize(plane, size[::-1], interpolation=cv2.INTER_NEAREST), np.uint8)


def held_by(ids: Ids, matte: Matte) -> Ids:
    """Make a map of ids end where the matte ends: cut off outside of it, grown into the rest of it.

    A part of the matte that an id is in goes wholly to the ids in it, each pixel to the nearest, if they
    have most of it already. Else only what lies within `REACH` of them does: the rest may be somebody
    who has just come into the picture.

    Args:
        ids: uint8 [H,W].
        matte: uint8 [H,W].
    """
    factor = reduction(ids)
    small = reduced_ids(ids, factor)
    size = (small.shape[0], small.shape[1])
    alpha = solid(reduced_matte(matte, factor, size))
    near, distance = nearest(np.asarray(cv2.multiply(small, alpha), np.uint8))
    claimed = (distance <= max(2.0, REACH * size[0])) & (near > 0)
    _, parts = cv2.connectedComponents(alpha, connectivity=4)
    whole = np.bincount(parts.ravel())
    explained = np.bincount(parts[claimed], minlength=len(whole))
    mostly = (explained >= MOSTLY * whole) & (explained > 0)
    grown = np.where((claimed | mostly[parts]) & (alpha > 0), near, 0).astype(np.uint8)
    # A pixel more on each side: the reduced matte is coarser than the matte.
    outer = np.where(grown > 0, grown, cv2.dilate(grown, np.ones((3, 3), np.uint8)))
    there = enlarged(np.asarray(outer, np.uint8), (ids.shape[0], ids.shape[1]))
    return np.asarray(cv2.multiply(np.where(ids > 0, ids, there), solid(matte)), np.uint8)


def box_of(shape: NDArray[Any]) -> Box | None:
    """Of what is not 0 in uint8 [H,W]; None where all is."""
    left, top, width, height = cv2.boundingRect(shape)
    return (left, top, left + width, top + height) if width else None


def wider(box: Box, share: float, shape: tuple[int, ...]) -> Box:
    """By a share of its size on each side, within a frame of shape (height, width, ...)."""
    left, top, right, bottom = box
    x, y = round(share * (right - left)), round(share * (bottom - top))
    return max(0, left - x), max(0, top - y), min(shape[1], right + x), min(shape[0], bottom + y)


def pixels_of(ids: Ids) -> NDArray[np.int64]:
    """int64 [256]: the pixels of each id."""
    counted = cv2.calcHist([ids], [0], None, [256], [0, 256])
    return np.asarray(counted, np.float64).ravel().astype(np.int64)
