"""How far two segmentations agree: intersection over union, and the boundary measure of DAVIS.

Intersections and unions are counts, which add up over frames; a mean over frames' ratios would give a class
of ten pixels in one frame the weight of a whole film. Source paper for the boundaries: Perazzi et al.,
"A Benchmark Dataset and Evaluation Methodology for Video Object Segmentation", CVPR 2016.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trt_anime.errors import InputError

Counts = NDArray[np.int64]
Mask = NDArray[np.bool_]

CLASSES = 256  # of an index plane of bytes
BOUNDARY_TOLERANCE = 0.008  # of the picture's diagonal, as DAVIS has it


@dataclass(frozen=True, eq=False)
class Overlap:
    """Pixels per class, or per mask: int64 [N] that are of it in both, and in either."""

    intersection: Counts
    union: Counts

    def __add__(self, other: "Overlap") -> "Overlap":
        return Overlap(self.intersection + other.intersection, self.union + other.union)

    def iou(self) -> dict[int, float]:
        """0..1 per class that is present in either."""
        present = np.flatnonzero(self.union)
        return {int(index): float(self.intersection[index] / self.union[index]) for index in present}

    def mean_iou(self) -> float:
        """Mean over the classes that are present in either, 0..1; 1 where there are none: both agree."""
        ratios = self.iou().values()
        return sum(ratios) / len(ratios) if ratios else 1.0


def class_overlap(reference: NDArray[np.uint8], candidate: NDArray[np.uint8]) -> Overlap:
    """Overlap of the 256 classes of two index planes, uint8 [...], over all their pixels.

    Raises InputError when shapes or dtypes differ from that.
    """
    for plane in (reference, candidate):
        if plane.dtype != np.uint8:
            raise InputError(f"An index plane is {plane.dtype}; pass uint8.")
    _same_shape(reference, candidate)
    ours, theirs = (np.bincount(plane.ravel(), minlength=CLASSES) for plane in (reference, candidate))
    both = np.bincount(reference[reference == candidate], minlength=CLASSES)
    return Overlap(both, ours + theirs - both)


def mask_overlap(reference: Mask, candidate: Mask) -> Overlap:
    """Overlap of N pairs of masks, bool [N,...], each a class of its own.

    Raises InputError when shapes or dtypes differ from that.
    """
    for mask in (reference, candidate):
        if mask.dtype != np.bool_:
            raise InputError(f"A mask is {mask.dtype}; pass bool.")
    _same_shape(reference, candidate)
    pixels = tuple(range(1, reference.ndim))
    return Overlap(
        np.count_nonzero(reference & candidate, axis=pixels).astype(np.int64),
        np.count_nonzero(reference | candidate, axis=pixels).astype(np.int64),
    )


def mean_iou(reference: NDArray[np.uint8], candidate: NDArray[np.uint8]) -> float:
    """Mean intersection over union of the classes of two index planes, uint8 [B,H,W]: 0..1, 1 is equal."""
    return class_overlap(reference, candidate).mean_iou()


def mean_mask_iou(reference: Mask, candidate: Mask) -> float:
    """Mean intersection over union of N pairs of masks, bool [N,H,W]: 0..1, 1 is equal.

    Pairs without a pixel in either don't count; without any that does, the result is 1.
    """
    return mask_overlap(reference, candidate).mean_iou()


def boundary_f(reference: Mask, candidate: Mask, *, tolerance: int | None = None) -> float:
    """How much of two masks' boundaries, bool [H,W], lies near the other's: F-measure, 0..1, 1 is best.

    tolerance: pixels between boundaries that still are the same; None is 0.8 % of the diagonal.
    A boundary is where a mask meets its outside; the picture's own border is none. Without any
    boundary in either mask the result is 1, without one in one of them 0.
    """
    import cv2

    _same_shape(reference, candidate)
    if tolerance is None:
        tolerance = int(np.ceil(BOUNDARY_TOLERANCE * np.hypot(*reference.shape)))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * tolerance + 1, 2 * tolerance + 1))
    edges = [_boundary(mask) for mask in (reference, candidate)]
    if not edges[0].any() or not edges[1].any():
        return float(edges[0].any() == edges[1].any())
    near = [cv2.dilate(edge.astype(np.uint8), disc) > 0 for edge in edges]
    recall, precision = (float(near[1 - side][edges[side]].mean()) for side in (0, 1))
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _boundary(mask: Mask) -> Mask:
    """The pixels of a mask that touch its outside by a side."""
    import cv2

    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    inner = cv2.erode(mask.astype(np.uint8), cross, borderType=cv2.BORDER_CONSTANT, borderValue=1)
    return np.asarray(mask & (inner == 0), np.bool_)


def _same_shape(reference: NDArray[np.generic], candidate: NDArray[np.generic]) -> None:
    if reference.shape != candidate.shape:
        raise InputError(
            f"The segmentations are {reference.shape} and {candidate.shape}; pass two of one size."
        )
