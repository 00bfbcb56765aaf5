"""What a matte missed of a character, found by how the frame differs from the background that is known."""

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
    masked = (ids > 0).view(np.uint8)
    if not masked.any():
        return alpha
    height = len(alpha)
    differs = _differing(frame, plate, taken)
    if invented is not None:
        differs &= (invented == 0) | (ids > 0)
    near = cv2.distanceTransform(1 - masked, cv2.DIST_L2, 3) <= REACH * height
    around = near & (masked == 0)
    moving = bool(around.any()) and float(differs[around].mean()) > MOVING
    seeds = differs & (masked > 0)
    found = seeds if moving else _grown(seeds, differs & near)
    whole = cv2.morphologyEx(found.view(np.uint8) * 255, cv2.MORPH_CLOSE, _disc(SMOOTH * height))
    # At its own edges the matte knows better: what it missed is wider than those.
    missed = cv2.morphologyEx(cv2.min(whole, _below(alpha)), cv2.MORPH_OPEN, _disc(EDGE * height))
    missed = cv2.min(cv2.dilate(missed, _disc(SMOOTH * height)), whole)
    # Next to what it missed it knows no better: what is left between is one with it.
    joined = cv2.morphologyEx(
        cv2.max(missed, cv2.bitwise_not(_below(alpha))), cv2.MORPH_CLOSE, _disc(EDGE * height)
    )
    missed = cv2.min(cv2.min(joined, whole), cv2.dilate(missed, _disc(3 * EDGE * height)))
    soft = cv2.GaussianBlur(missed, (0, 0), max(0.6, SMOOTH * height / 3))
    return np.asarray(np.maximum(alpha, np.minimum(soft, missed)), np.uint8)


def _disc(radius: float) -> Pixels:
    side = 2 * max(1, round(radius)) + 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)), np.uint8)


def _below(alpha: Pixels) -> Pixels:
    """255 where the matte has seen nothing."""
    return np.asarray(cv2.threshold(alpha, SEEN - 1, 255, cv2.THRESH_BINARY_INV)[1], np.uint8)


def _differing(frame: Pixels, plate: Pixels, taken: Pixels | None) -> np.ndarray:
    """bool [H,W]: where the frame clearly shows something else than the plate."""
    gap = highest(np.asarray(cv2.absdiff(frame, plate), np.uint8))
    if taken is not None:
        gap = less(gap, taken)
    return cv2.GaussianBlur(gap, (0, 0), max(0.8, SMOOTH * len(gap))) >= CLEAR


def _grown(seeds: np.ndarray, allowed: np.ndarray) -> np.ndarray:
    """The parts of `allowed` that hold a seed, and the seeds."""
    count, labels = cv2.connectedComponents((allowed | seeds).view(np.uint8), connectivity=8)
    held = np.zeros(count, bool)
    held[labels[seeds]] = True
    held[0] = False
    return held[labels]
