"""Characters followed by the motion of the picture and limited by the matte; no network."""

import cv2
import numpy as np

from trt_anime.runtime.characters.borders import bordered
from trt_anime.runtime.characters.found import Frame, Ids, Matte
from trt_anime.runtime.characters.motion import Grey, Motion, carried, grey_of, residue
from trt_anime.runtime.characters.planes import held_by, pixels_of, reduced_ids, reduction, solid
from trt_anime.runtime.characters.propagation import Followed

MOST_IDS = 255  # as ids are bytes
CUT = 0.9  # of a character, that a matte has at least if it is to limit it
STRANGE = 60.0  # levels of 255 left after the motion: nothing of the picture before is found again


class FlowPropagator:
    """See `Propagator`. Between characters the border drifts by what the flow is wrong.

    A matte limits a character only if it has nearly all of the mask that a key frame gave: there are
    mattes that lose what is below the belt.
    """

    most = MOST_IDS

    def __init__(self) -> None:
        self._motion = Motion()
        self._grey: Grey | None = None
        self._ids: Ids | None = None
        self._beyond = np.zeros(256, np.uint8)  # 1 for ids that the matte doesn't limit

    def start(self, frame: Frame, ids: Ids, matte: Matte | None = None) -> None:
        """See `Propagator.start`."""
        self._grey = grey_of(frame)
        self.add(frame, ids, matte)

    def step(self, frame: Frame, matte: Matte | None) -> Followed:
        """See `Propagator.step`."""
        if self._grey is None or self._ids is None:
            raise ValueError("a shot has to be started with a frame whose characters are known")
        now = grey_of(frame)
        flow = self._motion.back(now, self._grey)
        ids = carried(self._ids, flow)
        small = cv2.resize(ids, (now.shape[1], now.shape[0]), interpolation=cv2.INTER_NEAREST) > 0
        sure = 1 - min(1.0, residue(now, self._grey, flow, small) / STRANGE)
        if matte is not None:
            moved, ids = ids, self._limited(ids, matte)
            sure *= agreement(moved, ids)
        ids = bordered(frame, ids)
        self._grey, self._ids = now, ids
        return Followed(ids, sure)

    def add(self, frame: Frame, ids: Ids, matte: Matte | None = None) -> None:
        """See `Propagator.add`."""
        self._ids = ids
        self._beyond = np.zeros(256, np.uint8)
        if matte is not None:
            inside = pixels_of(np.asarray(cv2.multiply(ids, solid(matte)), np.uint8))
            self._beyond = (inside < CUT * pixels_of(ids)).astype(np.uint8)
            self._beyond[0] = 0

    def _limited(self, moved: Ids, matte: Matte) -> Ids:
        """By the matte, but for those whom it had cut when they were given."""
        held = held_by(moved, matte)
        if not self._beyond.any():
            return held
        kept = cv2.multiply(moved, cv2.LUT(moved, self._beyond))
        return np.where(held > 0, held, kept).astype(np.uint8)


def agreement(one: Ids, other: Ids) -> float:
    """IoU of all ids together, about, 0..1; 1 where there are none in both."""
    factor = reduction(one)
    one, other = reduced_ids(one, factor), reduced_ids(other, factor)
    either = cv2.countNonZero(cv2.bitwise_or(one, other))
    return float(np.count_nonzero((one == other) & (one > 0)) / either) if either else 1.0
