"""How far two detectors agree on a picture: which boxes both have, and how well they fit."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trt_anime.errors import InputError

Boxes = NDArray[np.floating]

MATCH_IOU = 0.5  # from which on two boxes are the same object, as PASCAL VOC has it


@dataclass(frozen=True)
class Matches:
    """One-to-one matches of boxes; adds up over pictures.

    Attributes:
        matched: pairs.
        overlap: sum of their intersections over unions.
        reference, candidate: boxes in all.
    """

    matched: int
    overlap: float
    reference: int
    candidate: int

    def __add__(self, other: "Matches") -> "Matches":
        return Matches(
            self.matched + other.matched,
            self.overlap + other.overlap,
            self.reference + other.reference,
            self.candidate + other.candidate,
        )

    @property
    def f_measure(self) -> float:
        """Share of boxes that the other one has too, 0..1; 1 where neither has any."""
        boxes = self.reference + self.candidate
        return 2 * self.matched / boxes if boxes else 1.0


def match(reference: Boxes, candidate: Boxes) -> Matches:
    """Match boxes, the best overlap first; each box is matched once, below MATCH_IOU not at all.

    reference, candidate: floating [N,4] and [M,4], x0 y0 x1 y1 in any one unit.
    """
    overlap = box_iou(reference, candidate)
    matched, total = 0, 0.0
    left = overlap.copy()
    while left.size and (best := float(left.max())) >= MATCH_IOU:
        row, column = np.unravel_index(int(left.argmax()), left.shape)
        left[row, :], left[:, column] = -1.0, -1.0
        matched, total = matched + 1, total + best
    return Matches(matched, total, len(reference), len(candidate))


def box_iou(reference: Boxes, candidate: Boxes) -> NDArray[np.float64]:
    """Intersection over union of each with each, float64 [N,M]; 0 where both are without area.

    Raises InputError when a shape or a dtype differs from that of `match`.
    """
    for boxes in (reference, candidate):
        if boxes.ndim != 2 or boxes.shape[1] != 4 or not np.issubdtype(boxes.dtype, np.floating):
            raise InputError(f"Boxes are {boxes.dtype} {boxes.shape}; pass floating number x 4.")
    a, b = reference.astype(np.float64)[:, None], candidate.astype(np.float64)[None]
    sides = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    both = np.clip(sides, 0, None).prod(axis=-1)
    either = _area(a) + _area(b) - both
    return np.asarray(np.divide(both, either, out=np.zeros_like(both), where=either > 0))


def _area(boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.clip(boxes[..., 2:] - boxes[..., :2], 0, None).prod(axis=-1))
