"""A background that effects never leave: what they hide least of it counts as shown.

Light only adds, so the dimmest that frames show of a place is the nearest to what is there without it, and
nearer than anything that could be invented.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from trt_anime.runtime.media.frames import Pixels
from trt_anime.runtime.plates.gathering import in_common_light, used
from trt_anime.runtime.plates.layout import layout_of
from trt_anime.runtime.plates.models import inverse
from trt_anime.runtime.plates.motions import Motions
from trt_anime.runtime.plates.plate import NOISE
from trt_anime.runtime.plates.seen import Frames, Seen, margin_disc, visible
from trt_anime.runtime.plates.warping import to_canvas, window_of

_ALL = 250
_NOISE = 2.0
"""Levels that a place's dimmest frames may differ by: two spreads of a mean of 25 pixels whose own is 5."""
_BLUR = 5
"""Pixels a side over which brightness is compared: noise, and motions that are not quite right."""


@dataclass(frozen=True)
class _Dimmest:
    """What of the frames to open.

    Attributes:
        motions, matrices: as a plate has them.
        least: uint8 [h,w] of the canvas: the least brightness of what effects alone hide; 0 where the
            background shows without them too.
    """

    motions: Motions
    matrices: NDArray[np.float64]
    least: Pixels

    def opened(self, seen: Seen) -> Seen:
        """The frame with less hidden."""
        lit = seen.lit
        if lit is None or seen.index not in self.motions.frames:  # another piece's
            return seen
        row, size = self.motions.place(seen.index), self.motions.size
        frame = slice(0, size[0]), slice(0, size[1])
        least = to_canvas(self.least, inverse(self.matrices[row]), frame, cv2.INTER_NEAREST)
        dim = cv2.subtract(_brightness(seen, self.motions, row), least) <= _NOISE
        dim &= (least > 0) & (lit > 0)
        # Wider by the margin that will be taken off again.
        wider = cv2.dilate(dim.view(np.uint8), margin_disc(len(seen.rgb)))
        open_ = cv2.bitwise_and(wider, lit) > 0
        return replace(seen, hidden=np.where(open_, np.uint8(0), seen.hidden))


def dimmed(frames: Frames, motions: Motions) -> Frames:
    """The same frames, with less hidden where the background never shows without an effect; one pass.

    Holds two bytes a pixel of the canvas.
    """
    layout = layout_of(motions)
    assert layout is not None, "the caller has seen to it"
    clear = np.zeros(layout.size, np.bool_)
    least = np.full(layout.size, 255, np.uint8)
    for seen, row in used(frames, motions):
        window = window_of(layout.matrices[row], motions.size, layout.size)
        clear[window] |= to_canvas(visible(seen.hidden), layout.matrices[row], window) >= _ALL
        if (lit := seen.lit) is not None:
            dark = cv2.max(_brightness(seen, motions, row), cv2.bitwise_not(lit))
            moved = to_canvas(dark, layout.matrices[row], window, cv2.INTER_NEAREST, cv2.BORDER_REPLICATE)
            there = to_canvas(lit, layout.matrices[row], window) >= _ALL
            least[window] = np.where(there, np.minimum(moved, least[window]), least[window])
    least[clear | (least == 255)] = 0
    if not least.any():
        return frames
    dimmest = _Dimmest(motions, layout.matrices, least)
    return lambda: (dimmest.opened(seen) for seen in frames())


def no_brighter(view: Pixels, seen: Seen, invented: Pixels, *, light: bool) -> Pixels:
    """A frame's view, uint8 [H,W,3], no brighter than a frame in light lets it be.

    Light and characters only add to what they let through: `frame >= background (1 - alpha)`. Invented
    places keep to that wherever a character lets anything through; what other frames show keeps to it up to
    noise, where no character is.

    Args:
        invented: uint8 [H,W], 255 where nobody knows what the view shows.
        light: whether what hides the background is known to be light. A cover darkens it, so what other
            frames show is then left as it is.
    """
    if seen.figures is None:
        return view
    picture, through = view.copy(), cv2.bitwise_not(seen.figures)
    wanted = cv2.min(through, invented)
    left, top, width, height = cv2.boundingRect(wanted)
    if width:
        box = slice(top, top + height), slice(left, left + width)
        most = cv2.divide(seen.rgb[box], cv2.cvtColor(through[box], cv2.COLOR_GRAY2RGB), scale=255)
        cv2.copyTo(cv2.min(view[box], most), wanted[box], picture[box])
    if light:
        most = cv2.add(seen.rgb, np.full_like(view, NOISE))
        cv2.copyTo(cv2.min(view, most), cv2.subtract(visible(seen.figures), invented), picture)
    return picture


def _brightness(seen: Seen, motions: Motions, row: int) -> Pixels:
    """uint8 [H,W], 1..255, in the plate's light."""
    rgb = in_common_light(seen.rgb, motions, row)
    mean = cv2.transform(rgb, np.full((1, 3), 1 / 3, np.float32))
    return np.maximum(np.asarray(cv2.blur(mean, (_BLUR, _BLUR)), np.uint8), 1)
