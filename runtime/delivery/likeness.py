"""Which of many pictures of a character are worth keeping: none twice, of each the sharpest."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from trt_anime.runtime.media.frames import Pixels

_SIDE, _LOW = 32, 8  # pixels that are transformed; lowest frequencies a side that make the hash
_GREY = 128
_USUAL, _SMEARED = 0.8, 0.2  # quantile of a character's sharpness; share of that which is too little
_SEEN = 200  # alpha from here on: what sharpness is measured of


@dataclass(frozen=True)
class Candidate:
    """A fresh frame that shows the character.

    Attributes:
        box: (x, y, width, height) around the character, in pixels.
        hash: 64 bits, see `look`.
        sharpness: see `look`.
    """

    index: int
    shot: int
    box: tuple[int, int, int, int]
    hash: int
    sharpness: float


def look(rgba: Pixels) -> tuple[int, float]:
    """Perceptual hash and sharpness of a character.

    The hash has a bit for each of the lowest 8 x 8 frequencies (discrete cosine transform) of the picture
    on grey at 32 x 32 pixels: whether it is above their median (that of the mean left out). Pictures that
    look the same differ in few bits, whatever is behind the character. Sharpness is the mean squared
    Laplacian over the character, divided by its variance: a dark scene isn't a blurred one.

    Args:
        rgba: uint8 [H,W,4], straight alpha, cropped to the character.
    """
    grey = cv2.cvtColor(rgba, cv2.COLOR_RGBA2GRAY).astype(np.float32)
    alpha = rgba[..., 3].astype(np.float32) / 255
    small = cv2.resize((grey - _GREY) * alpha + _GREY, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    low = cv2.dct(small)[:_LOW, :_LOW].ravel()
    bits = low > np.median(low[1:])
    # Not at the outline: what lies outside of it isn't drawn.
    seen = cv2.erode((rgba[..., 3] >= _SEEN).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    edges = cv2.Laplacian(grey, cv2.CV_32F)[seen]
    sharpness = float(np.mean(np.square(edges)) / (1 + np.var(grey[seen]))) if edges.size else 0.0
    return int.from_bytes(np.packbits(bits).tobytes(), "big"), sharpness


def choose(candidates: Sequence[Candidate], *, distance: int, per_shot: int) -> list[Candidate]:
    """Those that are kept, in the clip's order: sharpest first, each `distance` bits from all others.

    Motion smears are left out: what is far less sharp than the character usually is.

    Args:
        per_shot: the most of one shot; 0 for no limit.
    """
    usual = np.quantile([one.sharpness for one in candidates], _USUAL) if candidates else 0.0
    sharp = [one for one in candidates if one.sharpness >= _SMEARED * usual]
    kept: list[Candidate] = []
    of_shot: Counter[int] = Counter()
    for candidate in sorted(sharp, key=lambda one: (-one.sharpness, one.index)):
        if per_shot and of_shot[candidate.shot] >= per_shot:
            continue
        if all((candidate.hash ^ other.hash).bit_count() >= distance for other in kept):
            kept.append(candidate)
            of_shot[candidate.shot] += 1
    return sorted(kept, key=lambda one: one.index)
