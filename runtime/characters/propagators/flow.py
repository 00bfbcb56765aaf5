"""Characters followed by the motion of the picture and limited by the matte; no network."""

import cv2
import numpy as np

from trt_anime.runtime.characters.borders import bordered
from trt_anime.runtime.characters.found import Frame, Ids, Matte
from trt_anime.runtime.characters.motion import Grey, Motion, carried, grey_of, residue
from trt_anime.runtime.characters.planes import held_by
from trt_anime.runtime.characters.propagation import Followed

MOST_IDS = 255  # as ids are bytes
STRANGE = 60.0  # levels of 255 left after the motion: nothing of the picture before is found again


class FlowPropagator:
    """See `Propagator`. Between characters the border drifts by what the flow is wrong."""

    most = MOST_IDS

    def __init__(self) -> None:
        self._motion = Motion()
        self._grey: Grey | None = None
        self._ids: Ids | None = None

    def start(self, frame: Frame, ids: Ids) -> None:
        """See `Propagator.start`."""
        self._grey, self._ids = grey_of(frame), ids

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
            moved, ids = ids, held_by(ids, matte)
            sure *= agreement(moved, ids)
        ids = bordered(frame, ids)
        self._grey, self._ids = now, ids
        return Followed(ids, sure)

    def add(self, frame: Frame, ids: Ids) -> None:
        """See `Propagator.add`."""
        self._ids = ids


def agreement(one: Ids, other: Ids) -> float:
    """IoU of all ids together, 0..1; 1 where there are none in both."""
    either = cv2.countNonZero(cv2.bitwise_or(one, other))
    return float(np.count_nonzero((one == other) & (one > 0)) / either) if either else 1.0
