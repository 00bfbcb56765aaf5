"""What a matte missed of a character, found by how the frame differs from the background that is known."""

import math

import cv2
import numpy as np

from trt_anime.runtime.layers.solving import highest, less
from trt_anime.runtime.media.frames import Pixels

CLEAR = 18  # levels by which a character differs from what is behind it
SMOOTH = 1 / 360  # of the frame's height: differences are averaged over so much
REACH = 0.08  # of the frame's height: so far beyond a mask what belongs to it may reach
MOVING = 0.35  # share of what differs of all that lies within reach, from which on the background moves
SEEN = 16  # alpha from which on the matte has seen something, however thin: veils, smears, strands
EDGE = 1 / 90  # of the frame's height: radius of what is too wide to be the matte's edge


def completed(
    alpha: Pixels,
    ids: Pixels,
    frame: Pixels,
    plate: Pixels,
    *,
    taken: Pixels | None = None,
    invented: Pixels | None = None,
) -> Pixels:
    """The matte of all characters with what it missed of them; uint8 [H,W], nowhere less than before.

    Where a mask has a character and the frame clearly differs from the plate, it shows the character. What
    differs and hangs together with that may reach beyond the mask by 8 % of the frame's height; not where
    the background moves, which would hang together with everything, and not where it is invented.

    Args:
        alpha: uint8 [H,W], the matte.
        ids: uint8 [H,W], the character at each pixel, 0 for none.
        frame: uint8 [H,W,3] RGB.
        plate: the same, what the shot as a whole says is behind; not the frame's own pixels.
        taken: uint8 [H,W], levels by which effects were taken off the frame. They may be wrong by as much,
            and clipped light leaves nothing: only what differs by more counts.
        invented: uint8 [H,W], above 0 where nobody knows the plate, which so says nothing beyond a mask.
    """
    box = _box(ids, (REACH + 4 * EDGE) * len(ids))
    if box is None:
        return alpha
    if taken is not None:
        taken = taken[box]
    if invented is not None:
        invented = invented[box]
    missed = _missed(alpha[box], ids[box], frame[box], plate[box], taken, invented, len(ids))
    if missed is None:
        return alpha
    result = alpha.copy()
    np.maximum(alpha[box], missed, out=result[box])
    return result


def _box(ids: Pixels, margin: float) -> tuple[slice, slice] | None:
    """Rows and columns of all that any mask's surroundings can matter to; None without a mask."""
    left, top, width, height = cv2.boundingRect(ids)
    if not width:
        return None
    wider = math.ceil(margin)
    rows = slice(max(0, top - wider), top + height + wider)
    return rows, slice(max(0, left - wider), left + width + wider)


def _missed(
    alpha: Pixels,
    ids: Pixels,
    frame: Pixels,
    plate: Pixels,
    taken: Pixels | None,
    invented: Pixels | None,
    height: int,
) -> Pixels | None:
    """Alpha of what the matte missed, uint8 [h,w]; None where that is nothing.

    Args:
        height: of the whole frame; the pictures are a part of it.
    """
    masked = np.asarray(cv2.threshold(ids, 0, 1, cv2.THRESH_BINARY)[1], np.uint8)
    differs = _differing(frame, plate, taken, height)
    if invented is not None:
        differs[(invented > 0) & (ids == 0)] = 0
    near = _within(masked, REACH * height)
    around = cv2.subtract(near, masked)
    moving = cv2.countNonZero(cv2.bitwise_and(differs, around)) > MOVING * cv2.countNonZero(around)
    seeds = differs & masked
    found = seeds if moving else _grown(seeds, differs & near)
    whole = cv2.morphologyEx(found * np.uint8(255), cv2.MORPH_CLOSE, _disc(SMOOTH * height))
    # At its own edges the matte knows better: what it missed is wider than those.
    missed = cv2.morphologyEx(cv2.min(whole, _below(alpha)), cv2.MORPH_OPEN, _disc(EDGE * height))
    if not missed.any():
        return None
    missed = cv2.min(cv2.dilate(missed, _disc(SMOOTH * height)), whole)
    # Next to what it missed it knows no better: what is left between is one with it.
    joined = cv2.morphologyEx(
        cv2.max(missed, cv2.bitwise_not(_below(alpha))), cv2.MORPH_CLOSE, _disc(EDGE * height)
    )
    beside = _within(np.asarray(missed, np.uint8), 3 * EDGE * height) * np.uint8(255)
    missed = cv2.min(cv2.min(joined, whole), beside)
    soft = cv2.GaussianBlur(missed, (0, 0), max(0.6, SMOOTH * height / 3))
    return np.asarray(np.minimum(soft, missed), np.uint8)


def _within(plane: Pixels, distance: float) -> Pixels:
    """uint8 [H,W]: 1 where something that is not 0 is as near as that, else 0."""
    far = cv2.distanceTransform((plane == 0).view(np.uint8), cv2.DIST_L2, 3)
    return np.asarray(far <= distance).view(np.uint8)


def _disc(radius: float) -> Pixels:
    side = 2 * max(1, round(radius)) + 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)), np.uint8)


def _below(alpha: Pixels) -> Pixels:
    """255 where the matte has seen nothing."""
    return np.asarray(cv2.threshold(alpha, SEEN - 1, 255, cv2.THRESH_BINARY_INV)[1], np.uint8)


def _differing(frame: Pixels, plate: Pixels, taken: Pixels | None, height: int) -> Pixels:
    """uint8 [h,w]: 1 where the frame clearly shows something else than the plate, else 0."""
    gap = highest(np.asarray(cv2.absdiff(frame, plate), np.uint8))
    if taken is not None:
        gap = less(gap, taken)
    smooth = cv2.GaussianBlur(gap, (0, 0), max(0.8, SMOOTH * height))
    return np.asarray(cv2.threshold(smooth, CLEAR - 1, 1, cv2.THRESH_BINARY)[1], np.uint8)


def _grown(seeds: Pixels, allowed: Pixels) -> Pixels:
    """The parts of `allowed` that hold a seed, and the seeds; each uint8 [h,w], 1 or 0."""
    count, labels = cv2.connectedComponents(cv2.max(allowed, seeds), connectivity=8)
    held = np.zeros(count, np.uint8)
    held[labels[seeds.view(np.bool_)]] = 1
    held[0] = 0
    return np.asarray(held[labels], np.uint8)
