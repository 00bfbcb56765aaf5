"""Where the boxes come from that a mask network is asked with, and what it should answer."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from samples.scene import GroundTruth

Shape = NDArray[np.bool_]

SMALLEST = 0.002  # of the frame: less of a person is no person


@dataclass(frozen=True)
class Asked:
    """One frame's boxes.

    Attributes:
        by: whose boxes they are, ``truth`` or ``matte``.
        boxes: float32 [N,4], left, top, right, bottom.
        truths: for each, bool [H,W] of what it means.
        matte_iou: how well the matte did by itself, where it drew the box.
    """

    by: str
    boxes: NDArray[np.float32]
    truths: list[Shape]
    matte_iou: float | None


def asked_by_truth(truth: GroundTruth) -> Asked:
    """A box around what is seen of each person."""
    numbers = [int(number) for number in np.unique(truth.instance) if number]
    shapes = [truth.instance == number for number in numbers]
    shapes = [shape for shape in shapes if shape.mean() >= SMALLEST]
    return Asked("truth", _boxes(shapes), shapes, None)


def asked_by_matte(truth: GroundTruth, alpha: NDArray[np.uint8]) -> Asked:
    """A box around the largest connected part of a matte, uint8 [H,W]; none if it found nothing."""
    _, labels, statistics, _ = cv2.connectedComponentsWithStats((alpha >= 128).astype(np.uint8))
    areas = statistics[1:, cv2.CC_STAT_AREA]
    if not len(areas) or areas.max() < SMALLEST * alpha.size:
        return Asked("matte", np.zeros((0, 4), np.float32), [], None)
    part = labels == 1 + int(areas.argmax())
    boxes = _boxes([part])
    left, top, right, bottom = boxes[0].astype(int)
    inside = np.zeros_like(part)
    inside[top : bottom + 1, left : right + 1] = True
    seen = (truth.alpha >= 0.5) & inside
    return Asked("matte", boxes, [seen], iou((alpha >= 128) & inside, seen))


def iou(one: Shape, other: Shape) -> float:
    """Intersection over union; 1 where both are empty."""
    union = int((one | other).sum())
    return int((one & other).sum()) / union if union else 1.0


def _boxes(shapes: list[Shape]) -> NDArray[np.float32]:
    corners = []
    for shape in shapes:
        y, x = np.nonzero(shape)
        corners.append((x.min(), y.min(), x.max(), y.max()))
    return np.array(corners, np.float32).reshape(-1, 4)
