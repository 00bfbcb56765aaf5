"""Borders between characters that touch: crumbs that motion left are given back, lines are found again."""

import cv2
import numpy as np
from numpy.typing import NDArray

from trt_anime.runtime.characters.found import Frame, Ids
from trt_anime.runtime.characters.planes import disc, enlarged, nearest, pixels_of, reduced_ids

CRUMB = 0.05  # of a character: a part of it that is smaller and lies in another one is the other's
BAND = 0.011  # of the frame's height, on each side of a border: so far may the border be moved
FINE_SIDE = 960  # longest side at which lines are looked for


def bordered(frame: Frame, ids: Ids) -> Ids:
    """Borders between ids, moved to the lines of the drawing; who is where against the background stays.

    Between the sure insides of two characters a watershed floods the band (Meyer, "Color image
    segmentation", ICIP 1992), so that they meet where the picture changes most.

    Args:
        frame: uint8 [H,W,3].
        ids: uint8 [H,W].
    """
    if np.count_nonzero(pixels_of(ids)[1:]) < 2:
        return ids
    factor = max(1, -(-max(ids.shape) // FINE_SIDE))
    small = reduced_ids(ids, factor)
    place = _around(small)
    if place is None:
        return ids
    height, width = ids.shape
    rows, columns = (slice(each.start * factor, each.stop * factor) for each in place)
    full = slice(rows.start, min(rows.stop, height)), slice(columns.start, min(columns.stop, width))
    before = np.ascontiguousarray(small[place])
    size = (before.shape[1], before.shape[0])
    picture = frame[full] if factor == 1 else cv2.resize(frame[full], size, interpolation=cv2.INTER_AREA)
    better = _flooded(
        np.ascontiguousarray(picture, np.uint8),
        _without_crumbs(before),
        disc(max(1, round(BAND * small.shape[0]))),
    )
    changed = np.where(better != before, better, 0).astype(np.uint8)
    shape = (full[0].stop - full[0].start, full[1].stop - full[1].start)
    cut = ids[full]
    result = ids.copy()
    result[full] = np.where((enlarged(changed, shape) > 0) & (cut > 0), enlarged(changed, shape), cut)
    return result


def _around(ids: Ids) -> tuple[slice, slice] | None:
    """The rows and columns in which ids meet, with room around; None where none do."""
    near = disc(2 * max(1, round(BAND * ids.shape[0])))
    left, top, width, height = cv2.boundingRect(_meeting(ids, near).astype(np.uint8))
    if not width:
        return None
    spare = 2 * near.shape[0]
    rows = slice(max(0, top - spare), min(ids.shape[0], top + height + spare))
    return rows, slice(max(0, left - spare), min(ids.shape[1], left + width + spare))


def _meeting(ids: Ids, near: Ids) -> NDArray[np.bool_]:
    """bool [H,W]: where another id is near."""
    highest = cv2.dilate(ids, near)
    # The lowest id around that isn't 0, by the same means.
    lowest = 255 - cv2.dilate(np.where(ids > 0, 255 - ids, 0).astype(np.uint8), near)
    return np.asarray((ids > 0) & (highest != lowest), np.bool_)


def _without_crumbs(ids: Ids) -> Ids:
    solid = ids.copy()
    for number in np.flatnonzero(pixels_of(ids)[1:]) + 1:
        _, labels, facts, _ = cv2.connectedComponentsWithStats(
            (ids == number).astype(np.uint8), connectivity=4
        )
        areas = facts[:, cv2.CC_STAT_AREA]
        crumb = areas < CRUMB * areas[1:].sum()
        crumb[0] = False
        solid[crumb[labels]] = 0
    return np.where(ids > 0, nearest(solid)[0], 0).astype(np.uint8)


def _flooded(picture: Frame, ids: Ids, near: Ids) -> Ids:
    band = _meeting(ids, near)
    if not band.any():
        return ids
    basins = ids.astype(np.int32)
    basins[ids == 0] = 256
    basins[band] = 0
    cv2.watershed(picture, basins)
    flooded = np.where((basins > 0) & (basins < 256) & (ids > 0), basins, 0).astype(np.uint8)
    return np.where(ids > 0, nearest(flooded)[0], 0).astype(np.uint8)
