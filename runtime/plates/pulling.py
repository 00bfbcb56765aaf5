"""A near sheet's alpha and colour, from what passes behind it.

Behind a pixel of the near sheet each frame has another place of the far one. Over the frames the pixel is
`(1 - alpha) far + colour`: a straight line through what was seen against what lies behind, as in matting by
triangulation (Smith & Blinn, SIGGRAPH 1996), here with as many backgrounds as there are frames.
"""

from dataclasses import dataclass, fields
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray

from trt_anime.runtime.media.frames import Pixels
from trt_anime.runtime.plates.gathering import in_common_light, used
from trt_anime.runtime.plates.layout import Layout
from trt_anime.runtime.plates.motions import Motions
from trt_anime.runtime.plates.plate import Plate, seen_from
from trt_anime.runtime.plates.seen import Floats, Frames, visible
from trt_anime.runtime.plates.sheets import Sheet, laid_over, straight
from trt_anime.runtime.plates.smooth import smoothly_filled
from trt_anime.runtime.plates.warping import Window, from_canvas, to_canvas, window_of

_NOISE = 3.0
"""Levels that a pixel may differ for no reason."""
_ALIKE = 8.0
"""Levels apart on average: what lies as near to the far sheet is taken for it, where nothing else tells."""
_OUTLIER = 20.0
_GUESS = 0.1
"""How much the far sheet counts where no frame showed it and its surroundings are taken instead."""
_FEW = 4.0
_FAINT = 0.04
_ALL = 250
_SHOWN = 0.5
_BAND = 64


@dataclass(frozen=True)
class _Sums:
    """Over the frames, at each pixel of the near canvas, float32 [h,w] or [h,w,3]; 44 bytes a pixel.

    Attributes:
        count: frames that show it, less where the far sheet is a guess; shown: the same without that.
        far, own: what lies behind it, and what the frames show.
        far_far, far_own, own_own: their products, over all colours.
    """

    count: Floats
    shown: Floats
    far: Floats
    own: Floats
    far_far: Floats
    far_own: Floats
    own_own: Floats

    @classmethod
    def none(cls, size: tuple[int, int]) -> "_Sums":
        depths = ((), (), (3,), (3,), (), (), ())
        return cls(*(np.zeros((*size, *depth), np.float32) for depth in depths))

    def some(self, rows: slice) -> "_Sums":
        return _Sums(*(getattr(self, field.name)[rows] for field in fields(self)))

    def add(self, window: Window, own: Pixels, far: Pixels, weights: Floats) -> None:
        """own, far: uint8 [h,w,3] in the window. weights: float32 [h,w,2]: far is known there; it shows."""
        weight, shows = cv2.split(weights)
        one, other = own.astype(np.float32), far.astype(np.float32)
        each = cv2.cvtColor(weight, cv2.COLOR_GRAY2RGB)
        for total, part in (
            (self.count, weight),
            (self.shown, shows),
            (self.own, cv2.multiply(one, each)),
            (self.far, cv2.multiply(other, each)),
            (self.far_far, cv2.multiply(_dot(other, other), weight)),
            (self.far_own, cv2.multiply(_dot(other, one), weight)),
            (self.own_own, cv2.multiply(_dot(one, one), weight)),
        ):
            cv2.add(total[window], part, total[window])


def near_of(frames: Frames, near: Motions, layout: Layout, far: Plate, before: Sheet | None) -> Sheet:
    """The near sheet over a far one; one pass.

    Args:
        near, layout: its motion, and where the frames lie on its canvas.
        far: of the far sheet; where `seen` is 0 it may be a guess.
        before: as it was found so far; what a frame shows quite otherwise hardly counts.
    """
    sums = _Sums.none(layout.size)
    for seen, row in used(frames, near):
        matrix = layout.matrices[row]
        window = window_of(matrix, near.size, layout.size)
        own = in_common_light(seen.rgb, near, row)
        behind = np.ascontiguousarray(from_canvas(far.canvas, far.matrices[row], near.size))
        weight = np.where(visible(seen.hidden) > 0, np.float32(1), np.float32(0))
        if before is not None:
            weight *= _likely(own, laid_over(before.view(row, near.size), behind))
        known = seen_from(far.seen, far.matrices[row], near.size) > 0
        both = cv2.merge([weight * np.where(known, np.float32(1), np.float32(_GUESS)), weight])
        whole = to_canvas(np.full(near.size, 255, np.uint8), matrix, window) >= _ALL
        weights = np.asarray(to_canvas(both, matrix, window), np.float32)
        weights[~whole] = 0
        moved = partial(
            to_canvas, matrix=matrix, window=window, how=cv2.INTER_CUBIC, border=cv2.BORDER_REPLICATE
        )
        sums.add(window, moved(own), moved(behind), weights)
    return _solved(sums, layout)


def _solved(sums: _Sums, layout: Layout) -> Sheet:
    bands = [slice(top, top + _BAND) for top in range(0, layout.size[0], _BAND)]
    slopes = [_slopes(sums.some(band)) for band in bands]
    through = _where_told(*(np.concatenate(planes) for planes in zip(*slopes, strict=True)))
    canvas = np.concatenate([_coloured(sums.some(band), through[band]) for band in bands])
    seen = np.where(sums.shown >= _SHOWN, np.uint8(255), np.uint8(0))
    return Sheet(canvas, seen, layout.matrices)


def _means(sums: _Sums) -> tuple[Floats, Floats, Floats]:
    """Count, own and far."""
    count = np.maximum(sums.count, np.float32(1e-3))
    own, far = (np.asarray(total / count[..., None], np.float32) for total in (sums.own, sums.far))
    return count, own, far


def _slopes(sums: _Sums) -> tuple[Floats, Floats]:
    """[h,w], 0..1: how much of the far sheet comes through, and how surely that can be told."""
    count, own, far = _means(sums)
    spread = np.maximum(sums.far_far - count * _dot(far, far), 0)
    shared = sums.far_own - count * _dot(far, own)
    apart = np.maximum(sums.far_far - 2 * sums.far_own + sums.own_own, 0) / (3 * count)
    alike = np.exp(-apart / (2 * _ALIKE**2))
    pull = 3 * _NOISE**2 * np.maximum(sums.count, _FEW)
    through = np.clip((shared + pull * alike) / (spread + pull), 0, 1)
    known = np.clip((sums.count / np.maximum(sums.shown, 1e-3) - _GUESS) / (1 - _GUESS), 0, 1)
    told = np.maximum(spread / (spread + pull), np.maximum(1 - alike, alike * known))
    told *= np.minimum(sums.count, 1)
    return through, np.clip(1.5 * told - 0.25, 0, 1)


def _coloured(sums: _Sums, through: Floats) -> Pixels:
    """uint8 [h,w,4]: RGBA, straight alpha."""
    _, own, far = _means(sums)
    alpha = np.clip((1 - through - _FAINT) / (1 - 2 * _FAINT), 0, 1)
    alpha[sums.shown < _SHOWN] = 0
    colour = np.clip(own - (1 - alpha)[..., None] * far, 0, 255 * alpha[..., None])
    return straight(colour, alpha)


def _where_told(through: Floats, told: Floats) -> Floats:
    """What nothing tells is all there or not there, as what is around it."""
    around = smoothly_filled(np.asarray(through[..., None], np.float32), told)[..., 0]
    return np.asarray(told * through + (1 - told) * (around > 0.5), np.float32)


def _likely(own: Pixels, view: Pixels) -> Floats:
    red, green, blue = cv2.split(cv2.absdiff(own, view))
    gap = cv2.max(cv2.max(red, green), blue).astype(np.float32) / np.float32(_OUTLIER)
    return np.asarray(1 / np.square(1 + gap * gap), np.float32)


def _dot(one: NDArray[np.float32], other: NDArray[np.float32]) -> Floats:
    """[h,w]: the sum over the colours."""
    product = cv2.multiply(one, other)
    return np.asarray(cv2.transform(product, np.ones((1, 3), np.float32)), np.float32)
