"""Where layers of line art are hard to get right, measured against the truth, and shown."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import cv2
import numpy as np

from benchmarks.chain_scores import ScoredFrame
from benchmarks.quality_pictures import CROP_HEIGHT, CROP_WIDTH, GREEN, header, side_by_side, window_means
from benchmarks.quality_scores import composite
from trt_anime.runtime.media.frames import Pixels

Mask = np.ndarray
"""bool [H,W]."""

KINDS = {
    "strands": "hair strands and thin lines: parts of a character under 5 pixels wide",
    "smears": "motion smears and veils: wide soft edges, at least 9 pixels of partial alpha",
    "glow": "characters under a glow or another effect",
    "pan": "edges before a moving camera's background with parallax",
    "similar": "edges over similar colours: the background within 24 levels of the character",
}

_THIN, _SOFT, _EDGE = 5, 9, 3  # pixels
_SIMILAR = 24  # levels
_PARALLAX = "enter"  # the film's shot that has it
_FEWEST = 1 / 400  # of a crop that shows a kind


@dataclass
class Error:
    """Of characters' layers, in levels of 255, added up over pixels.

    Attributes:
        alpha: mean distance of alpha from the truth's.
        laid: mean distance of the layer laid on green from the true one laid on it, the worst channel.
    """

    alpha: float = 0.0
    laid: float = 0.0
    pixels: int = 0


@dataclass
class _Crop:
    """The place that shows most of a kind so far, by its share of the picture."""

    share: float = 0.0
    panels: list[Pixels] = field(default_factory=list)


class HardPlaces:
    """Of one film."""

    def __init__(self) -> None:
        self.errors = {kind: Error() for kind in KINDS}
        self._crops = {kind: _Crop() for kind in KINDS}

    def add(self, frame: ScoredFrame) -> None:
        """One fresh frame that has characters, of the truth and of the chain."""
        if frame.character is None or not frame.truth.alpha.any():
            return
        ours = frame.character / np.float32(255)
        truth = composite(frame.truth.foreground, frame.truth.alpha, GREEN)
        layer = composite(ours[..., :3], ours[..., 3], GREEN)
        alpha = 255 * np.abs(ours[..., 3] - frame.truth.alpha)
        laid = np.abs(layer.astype(np.int16) - truth).max(axis=2)
        for kind, where in places(frame).items():
            error = self.errors[kind]
            error.alpha += float(alpha[where].sum())
            error.laid += float(laid[where].sum())
            error.pixels += int(np.count_nonzero(where))
            self._look(kind, where, (frame.rgb, truth, layer))

    def content(self) -> dict[str, dict[str, float]]:
        """For a record; kinds that the film doesn't have are left out."""
        return {
            kind: {
                "alpha": round(error.alpha / error.pixels, 4),
                "laid": round(error.laid / error.pixels, 4),
                "pixels": error.pixels,
            }
            for kind, error in self.errors.items()
            if error.pixels
        }

    def sheet(self) -> Pixels:
        """uint8 [h,w,3] RGB: a row for each kind, pixels enlarged twice; nothing is picked by hand."""
        rows: list[Pixels] = []
        for kind, crop in self._crops.items():
            if crop.panels:
                rows += [header((f"{kind}: frame", "truth", "layer")), side_by_side(crop.panels)]
        return np.asarray(np.vstack(rows), np.uint8)

    def _look(self, kind: str, where: Mask, pictures: tuple[Pixels, ...]) -> None:
        if where.shape[0] < CROP_HEIGHT or where.shape[1] < CROP_WIDTH:
            return
        share = window_means(where.astype(np.float32))
        y, x = divmod(int(share.argmax()), share.shape[1])
        if share[y, x] > max(self._crops[kind].share, _FEWEST):
            box = slice(y, y + CROP_HEIGHT), slice(x, x + CROP_WIDTH)
            self._crops[kind] = _Crop(float(share[y, x]), [picture[box].copy() for picture in pictures])


def places(frame: ScoredFrame) -> Mapping[str, Mask]:
    """Where in a frame each kind is, by the truth."""
    truth = frame.truth
    shape = (truth.alpha > 0.25).astype(np.uint8)
    thin = shape - cv2.morphologyEx(shape, cv2.MORPH_OPEN, np.ones((_THIN, _THIN), np.uint8))
    partial = ((truth.alpha > 0.04) & (truth.alpha < 0.96)).astype(np.uint8)
    soft = cv2.morphologyEx(partial, cv2.MORPH_OPEN, np.ones((_SOFT, _SOFT), np.uint8))
    near = np.ones((2 * _EDGE + 1, 2 * _EDGE + 1), np.uint8)
    edge = (cv2.dilate(shape, near) > cv2.erode(shape, near)) & (truth.alpha > 0)
    gap = np.abs(255 * truth.foreground - truth.plate).max(axis=2)
    there = truth.alpha > 0
    return {
        "strands": thin > 0,
        "smears": soft > 0,
        "glow": there & (truth.effect[..., 3] >= 1 / 255),
        "pan": edge if frame.shot == _PARALLAX else np.zeros_like(edge),
        "similar": edge & (gap < _SIMILAR),
    }
