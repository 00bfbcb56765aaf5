"""Who stands before whom, seen in how the outlines of two characters meet.

Where one covers another, the outline of the one in front goes on unbroken and that of the one behind ends
at it, in a T. Around such a place the one in front fills half of the surroundings, the one behind and the
background share the other half: so the one that fills more is in front (the cue of T-junctions: Guzmán,
"Decomposition of a Visual Scene into Three-Dimensional Bodies", AFIPS 1968).
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import combinations

import cv2
import numpy as np
from numpy.typing import NDArray

from trt_anime.runtime.layers.solving import Plane
from trt_anime.runtime.media.frames import Pixels

ROWS = 270  # outlines are compared in a picture of so many rows
THIN = 3  # of these rows: what is no wider than twice that, such as loose hair, has no say
AROUND = 5.0  # rows: sigma of the surroundings that are compared
TOUCHING = 2  # rows between outlines that meet
OPEN = 0.1  # share of background around a place where three regions meet

Votes = dict[tuple[int, int], float]
"""For pairs of ids, the smaller one first: above 0 where the first is in front, below 0: the second."""


def occlusion_votes(ids: Pixels) -> Votes:
    """What one frame says about each two characters that touch in it.

    Args:
        ids: uint8 [H,W], the character at each pixel, 0 for none.

    Returns:
        per pair a vote whose size grows with the number of places where their outlines meet, in pixels of a
        picture of 270 rows.
    """
    scale = max(1, round(ids.shape[0] / ROWS))
    small = np.ascontiguousarray(ids[scale // 2 :: scale, scale // 2 :: scale])
    present = [int(identity) for identity in np.unique(small) if identity]
    if len(present) < 2:
        return {}
    bodies = {identity: _body(small == identity) for identity in present}
    votes: Votes = {}
    for first, second in combinations(present, 2):
        vote = _vote(bodies[first], bodies[second])
        if vote:
            votes[first, second] = vote
    return votes


def order_of(frames: Iterable[Mapping[tuple[int, int], float]], ids: Iterable[int]) -> tuple[int, ...]:
    """The characters of a shot from back to front, by all that its frames say together.

    Of two characters the one with the greater sum of votes is in front; of several, the one that is in
    front of more. Without evidence the one with the smaller id is behind.

    Args:
        frames: `occlusion_votes` of some or all frames of the shot.
        ids: the characters to put in order.
    """
    sums: Counter[tuple[int, int]] = Counter()
    for votes in frames:
        sums.update(votes)
    covered = dict.fromkeys(sorted(ids), 0)
    for (first, second), total in sums.items():
        front = first if total > 0 else second
        if first in covered and second in covered and total:
            covered[front] += 1
    return tuple(sorted(covered, key=lambda identity: covered[identity]))


def _body(mask: NDArray[np.bool_]) -> Pixels:
    """The largest piece of a mask without its thin parts, uint8 [h,w], 0 or 1; the border cuts nothing."""
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * THIN + 1, 2 * THIN + 1))
    wide = cv2.copyMakeBorder(mask.astype(np.uint8), *(2 * THIN + 2,) * 4, cv2.BORDER_REPLICATE)
    wide = cv2.morphologyEx(cv2.morphologyEx(wide, cv2.MORPH_OPEN, disc), cv2.MORPH_CLOSE, disc)
    inner = slice(2 * THIN + 2, -2 * THIN - 2)
    count, pieces, facts, _ = cv2.connectedComponentsWithStats(wide[inner, inner])
    if count < 2:
        return np.zeros(mask.shape, np.uint8)
    return np.asarray(pieces == 1 + int(np.argmax(facts[1:, cv2.CC_STAT_AREA])), np.uint8)


def _vote(first: Pixels, second: Pixels) -> float:
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * TOUCHING + 1, 2 * TOUCHING + 1))
    contact = (cv2.dilate(first, disc) > 0) & (cv2.dilate(second, disc) > 0)
    if not contact.any():
        return 0.0
    shared = (first & second) * np.float32(0.5)
    one, other = _around(first - shared), _around(second - shared)
    weight = np.maximum(1 - one - other - OPEN, 0)[contact]
    return float((weight * (one - other)[contact]).sum())


def _around(mask: Plane) -> Plane:
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), AROUND, borderType=cv2.BORDER_REPLICATE), np.float32)
