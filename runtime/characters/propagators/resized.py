"""A propagator whose graphs are for one size of frames, for frames of another."""

import cv2
import numpy as np

from trt_anime.runtime.characters.found import Frame, Ids, Matte
from trt_anime.runtime.characters.planes import enlarged
from trt_anime.runtime.characters.propagation import Followed, Propagator


class ResizedPropagator:
    """See `Propagator`. Masks come back with edges as coarse as the size that was computed at.

    Args:
        size: (height, width) that `inner` takes.
    """

    def __init__(self, inner: Propagator, size: tuple[int, int]) -> None:
        self._inner, self._size = inner, size

    @property
    def most(self) -> int:
        """See `Propagator.most`."""
        return self._inner.most

    def start(self, frame: Frame, ids: Ids, matte: Matte | None = None) -> None:
        """See `Propagator.start`."""
        self._inner.start(self._averaged(frame), self._picked(ids), self._matte(matte))

    def step(self, frame: Frame, matte: Matte | None) -> Followed:
        """See `Propagator.step`."""
        followed = self._inner.step(self._averaged(frame), self._matte(matte))
        height, width = frame.shape[:2]
        return Followed(enlarged(followed.ids, (height, width)), followed.sure)

    def add(self, frame: Frame, ids: Ids, matte: Matte | None = None) -> None:
        """See `Propagator.add`."""
        self._inner.add(self._averaged(frame), self._picked(ids), self._matte(matte))

    def _matte(self, matte: Matte | None) -> Matte | None:
        return None if matte is None else self._averaged(matte)

    def _averaged(self, plane: Frame) -> Frame:
        small = cv2.resize(plane, self._size[::-1], interpolation=cv2.INTER_AREA)
        return np.asarray(small, np.uint8)

    def _picked(self, ids: Ids) -> Ids:
        small = cv2.resize(ids, self._size[::-1], interpolation=cv2.INTER_NEAREST_EXACT)
        return np.asarray(small, np.uint8)
