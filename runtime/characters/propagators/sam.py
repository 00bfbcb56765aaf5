"""Characters drawn anew in every frame by SAM, which is asked where motion has carried them."""

import cv2
import numpy as np

from trt_anime.runtime.characters.found import Frame, Ids, Matte
from trt_anime.runtime.characters.planes import Shape, box_of, pixels_of, wider
from trt_anime.runtime.characters.prompted import BoxMask, BoxMasks, iou
from trt_anime.runtime.characters.propagation import Followed
from trt_anime.runtime.characters.propagators.flow import FlowPropagator

MARGIN = 0.02  # of the box, on each side: motion is never exact
WILD = 0.6  # IoU with the carried mask below which SAM means something else
LEAST = 64  # pixels of a character that is worth a question


class SamPropagator:
    """See `Propagator`. Where SAM's answer is far from the mask that motion has carried, that one stays.

    An answer has the id of the mask that its box came from, so characters that cross keep theirs; of two
    answers that claim a pixel, the one that had it before gets it.
    """

    most = FlowPropagator.most

    def __init__(self, masks: BoxMasks) -> None:
        self._masks = masks
        self._flow = FlowPropagator()

    def start(self, frame: Frame, ids: Ids, matte: Matte | None = None) -> None:
        """See `Propagator.start`."""
        self._flow.start(frame, ids, matte)

    def step(self, frame: Frame, matte: Matte | None) -> Followed:
        """See `Propagator.step`."""
        moved = self._flow.step(frame, matte)
        asked = [int(number) for number in np.flatnonzero(pixels_of(moved.ids)[1:] >= LEAST) + 1]
        shapes = {number: (moved.ids == number).astype(np.uint8) for number in asked}
        boxes = [wider(box, MARGIN, frame.shape) for box in map(box_of, shapes.values()) if box]
        self._masks.look(frame)
        answers = dict(zip(asked, self._masks.masks(boxes), strict=True))
        ids, sure = _drawn(moved.ids, shapes, answers)
        self._flow.add(frame, ids, matte)
        return Followed(ids, min(sure, 1.0) if answers else moved.sure)

    def add(self, frame: Frame, ids: Ids, matte: Matte | None = None) -> None:
        """See `Propagator.add`."""
        self._flow.add(frame, ids, matte)


def _drawn(moved: Ids, shapes: dict[int, Shape], answers: dict[int, BoxMask]) -> tuple[Ids, float]:
    """The answers that can be believed, made disjoint, and how well the worst agrees with what moved."""
    ids = np.zeros_like(moved)
    agreed = {number: iou(answer.shape, shapes[number]) for number, answer in answers.items()}
    for number in sorted(answers, key=lambda number: agreed[number]):
        believed = agreed[number] >= WILD
        shape = answers[number].shape if believed else shapes[number]
        ids[shape > 0] = number
    for number, answer in answers.items():
        kept = answer.shape if agreed[number] >= WILD else shapes[number]
        ids[cv2.bitwise_and(kept, shapes[number]) > 0] = number
    return ids, min(agreed.values(), default=1.0)
