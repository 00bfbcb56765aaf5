"""Which characters a frame shows, and how well it shows each: from the map of ids."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from trt_anime.runtime.annotation.metrics import edges_of
from trt_anime.runtime.media.frames import Pixels

Ranks = NDArray[np.int16]

_LEAST = 0.0005  # of the frame's pixels: less is a stray speck, not a character


@dataclass(frozen=True)
class Presence:
    """A character in a frame.

    Attributes:
        id: as in the map.
        box: (left, top, right, bottom) in pixels, the last two one behind the end.
        area: 0..1, share of the frame's pixels.
        cut: 0..1, share of its box's sides, by length, that lie on the frame's border.
        hidden: 0..1, share of its outline that lies against a character in front of it, or against one
            of which it isn't known.
        sharpness: 0..1, as in `Metrics`, of what is drawn inside it in the upper half of its box, where
            faces are; the background's edges don't count.
        detail: 0..1, mean contrast there, as `metrics.edges_of` has it: of frames that differ in little
            else, those with closed or covered eyes have less.
    """

    id: int
    box: tuple[int, int, int, int]
    area: float
    cut: float
    hidden: float
    sharpness: float
    detail: float

    @property
    def shown(self) -> float:
        """0..1, how good a picture of the character this is: sharp, large, whole, in front, eyes open.

        To be compared between frames of one shot.
        """
        return self.sharpness * self.detail * sqrt(self.area) * (1 - self.cut) * (1 - self.hidden)


def presences(ids: Pixels, luma: Pixels, order: Sequence[int] = ()) -> list[Presence]:
    """Every character of a frame, by id; specks are left out.

    Args:
        ids: uint8 [H,W], 0 for none.
        luma: uint8 [H,W], 0..255.
        order: ids from back to front, as far as it is known.
    """
    ranks = np.full(256, -1, np.int16)
    ranks[list(order)] = np.arange(len(order))
    found = []
    for number, box in enumerate(ndimage.find_objects(ids), start=1):
        if box is None:
            continue
        mask = ids[box] == number
        area = float(mask.sum()) / ids.size
        if area >= _LEAST:
            found.append(_presence(number, box, area, ids, luma, ranks))
    return found


def _presence(
    number: int, box: tuple[slice, slice], area: float, ids: Pixels, luma: Pixels, ranks: Ranks
) -> Presence:
    rows, columns = box
    (top, bottom), (left, right) = (rows.start, rows.stop), (columns.start, columns.stop)
    middle = min(bottom, max(top + 2, (top + bottom + 1) // 2))
    upper = (slice(top, middle), columns)
    sharpness, detail = edges_of(luma[upper], (ids[upper] == number).astype(np.uint8))
    return Presence(
        id=number,
        box=(left, top, right, bottom),
        area=area,
        cut=_cut(box, (int(ids.shape[0]), int(ids.shape[1]))),
        hidden=_hidden(number, ids[max(0, top - 1) : bottom + 1, max(0, left - 1) : right + 1], ranks),
        sharpness=sharpness,
        detail=detail,
    )


def _cut(box: tuple[slice, slice], shape: tuple[int, int]) -> float:
    lengths = [int(side.stop - side.start) for side in box]
    on_border = 0
    for axis, side in enumerate(box):
        across = lengths[1 - axis]
        on_border += across * (int(side.start == 0) + int(side.stop == shape[axis]))
    return on_border / (2 * sum(lengths))


def _hidden(number: int, around: Pixels, ranks: Ranks) -> float:
    """`around`: the map in the character's box and one pixel more on each side."""
    known = ranks >= 0
    in_front = ~known | (ranks > ranks[number]) if known[number] else np.ones(256, bool)
    in_front[[0, number]] = False
    outline = against = 0
    for one, other in ((around[1:], around[:-1]), (around[:, 1:], around[:, :-1])):
        meets = (one == number) != (other == number)
        outline += int(meets.sum())
        against += int((meets & (in_front[one] | in_front[other])).sum())
    return against / outline if outline else 0.0
