"""SAM by boxes: the graphs `image` and `mask` as one function, and what to make of its masks."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from trt_anime.runtime.characters.found import SOLID, Box, Frame, Runner
from trt_anime.runtime.characters.planes import Shape, box_of


@dataclass(frozen=True, eq=False)
class BoxMask:
    """What a box encloses.

    Attributes:
        shape: uint8 [H,W], 0 or 1.
        quality: the IoU with the truth that the network expects, 0..1.
    """

    shape: Shape
    quality: float


class BoxMasks:
    """Masks of boxes in one frame after another.

    Args:
        image: runs the graph `image`, once a frame.
        mask: runs the graph `mask`.
        prompts: how many boxes a run of `mask` takes; where there are fewer, one is asked twice.
    """

    def __init__(self, image: Runner, mask: Runner, *, prompts: int = 1) -> None:
        self._image, self._mask, self._prompts = image, mask, prompts
        self._maps: dict[str, NDArray[np.float32]] = {}
        self._size = np.zeros(2, np.int64)

    def look(self, frame: Frame) -> None:
        """Take in the frame, uint8 [H,W,3], that `masks` is asked about from now on."""
        self._maps = self._image({"frame": frame[None]})
        self._size = np.array(frame.shape[:2], np.int64)

    def masks(self, boxes: Sequence[Box]) -> list[BoxMask]:
        """One for each box, cleaned: holes and crumbs are gone."""
        found: list[BoxMask] = []
        for start in range(0, len(boxes), self._prompts):
            asked = list(boxes[start : start + self._prompts])
            padded = asked + [asked[-1]] * (self._prompts - len(asked))
            given = np.array(padded, np.float32)[None]
            answer = self._mask({**self._maps, "boxes": given, "size": self._size})
            pairs = zip(answer["mask"][0], answer["quality"][0], strict=True)
            found += [BoxMask(cleaned(mask >= SOLID), float(q)) for mask, q in list(pairs)[: len(asked)]]
        return found


def cleaned(mask: NDArray[np.bool_]) -> Shape:
    """Without parts below a fiftieth of the largest, and without holes that are as small.

    mask: [H,W]. Returns uint8 [H,W], 0 or 1.
    """
    whole = mask.astype(np.uint8)
    box = box_of(whole)
    if box is None:
        return whole
    left, top, right, bottom = box
    # With a frame of nothing around it, so that what is outside of it hangs together.
    shape = cv2.copyMakeBorder(whole[top:bottom, left:right], 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    _, labels, facts, _ = cv2.connectedComponentsWithStats(np.asarray(shape, np.uint8))
    areas = facts[:, cv2.CC_STAT_AREA]
    least = areas[1:].max() / 50
    keep = areas >= least
    keep[0] = False
    shape = keep.astype(np.uint8)[labels]
    _, holes, facts, _ = cv2.connectedComponentsWithStats(1 - shape, connectivity=4)
    filled = facts[:, cv2.CC_STAT_AREA] < least
    filled[0] = filled[holes[0, 0]] = False
    whole[top:bottom, left:right] = (shape | filled.astype(np.uint8)[holes])[1:-1, 1:-1]
    return whole


def overlap(one: Shape, other: Shape) -> tuple[int, int, int]:
    """Pixels of the first, of the second, and of both; uint8 [H,W], 0 or 1."""
    both = int(cv2.countNonZero(cv2.bitwise_and(one, other)))
    return int(cv2.countNonZero(one)), int(cv2.countNonZero(other)), both


def iou(one: Shape, other: Shape) -> float:
    """Intersection over union, 0 where both are empty."""
    first, second, both = overlap(one, other)
    union = first + second - both
    return both / union if union else 0.0
