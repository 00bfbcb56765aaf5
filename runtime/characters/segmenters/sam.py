"""Characters by SAM, which is asked where the matte says that somebody is."""

from collections.abc import Sequence

import numpy as np

from trt_anime.runtime.characters.found import Found, Frame, Ids, Matte, found_of
from trt_anime.runtime.characters.heads import side_by_side
from trt_anime.runtime.characters.parts import matte_parts
from trt_anime.runtime.characters.planes import Shape, box_of, wider
from trt_anime.runtime.characters.prompted import BoxMask, BoxMasks, overlap
from trt_anime.runtime.characters.segmenters.matte import required

MARGIN = 0.02  # of a box, on each side
GOOD = 0.8  # quality that an answer needs where the matte alone would say something else
AGREED = 0.3  # share of a part that its mask has at least, or the part is taken as it is


class SamSegmenter:
    """Each part of the matte is asked for as a whole; to the bottom of the frame, as mattes often lose
    what is below the belt; and, where its outline shows two heads, in pieces. The pieces are believed where
    SAM draws each surely, none of them twice, and all of the part.
    """

    def __init__(self, masks: BoxMasks) -> None:
        self._masks = masks

    def segment(self, frame: Frame, matte: Matte | None) -> Found:
        """See `Segmenter.segment`."""
        parts = matte_parts(required(matte))
        count = int(parts.max())
        if not count:
            return found_of(parts)
        self._masks.look(frame)
        chosen: list[BoxMask] = []
        for number in range(1, count + 1):
            chosen += self._of_part((parts == number).astype(np.uint8))
        return found_of(_disjoint(parts, chosen), scores=[mask.quality for mask in chosen])

    def _of_part(self, part: Shape) -> list[BoxMask]:
        """One mask, or one for each of several characters."""
        box = box_of(part)
        if box is None:
            return []
        pieces = side_by_side(part)
        whole = wider(box, MARGIN, part.shape)
        deep = (*whole[:3], part.shape[0])
        split = pieces if len(pieces) > 1 else []
        answers = self._masks.masks([whole, deep, *split])
        if split and _believable(answers[2:], part):
            return answers[2:]
        return [_best(part, *answers[:2])]


def _best(part: Shape, whole: BoxMask, deep: BoxMask) -> BoxMask:
    own, _, both = overlap(part, whole.shape)
    base = whole if both >= AGREED * own else BoxMask(part, 0.0)
    drawn, deeper, shared = overlap(base.shape, deep.shape)
    reaches = deep.quality >= GOOD and shared >= 0.95 * drawn and deeper <= 3 * drawn
    return deep if reaches else base


def _believable(pieces: Sequence[BoxMask], part: Shape) -> bool:
    if min(piece.quality for piece in pieces) < GOOD:
        return False
    drawn = sum(overlap(part, piece.shape)[2] for piece in pieces)
    total = np.zeros_like(part)
    for piece in pieces:
        total |= piece.shape
    own, _, covered = overlap(part, total)
    least = min(overlap(part, piece.shape)[2] for piece in pieces)
    return covered >= 0.85 * own and drawn <= 1.1 * covered and least >= 0.1 * own


def _disjoint(parts: Ids, masks: Sequence[BoxMask]) -> Ids:
    """uint8 [H,W], from 1 in the masks' order; what two claim, the one with the higher quality gets."""
    ids = np.zeros_like(parts)
    for place in sorted(range(len(masks)), key=lambda place: masks[place].quality):
        ids[masks[place].shape > 0] = place + 1
    return ids
