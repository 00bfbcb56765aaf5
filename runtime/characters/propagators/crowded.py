"""More characters than a network has room for: the others are followed by the motion of the picture."""

import numpy as np

from trt_anime.runtime.characters.found import Frame, Ids, Matte
from trt_anime.runtime.characters.planes import pixels_of
from trt_anime.runtime.characters.propagation import Followed, Propagator
from trt_anime.runtime.characters.propagators.flow import MOST_IDS, FlowPropagator


class CrowdedPropagator:
    """See `Propagator`. While there is room for all, it is `inner`.

    Who has a place in `inner` keeps it as long as there are places. Where somebody new finds none, and one
    who has a place isn't to be seen, `inner` begins anew with those who are: it forgets how they looked,
    which costs less than somebody whom it can't follow. Those who still find none, the smallest, are
    followed by motion.
    """

    most = MOST_IDS

    def __init__(self, inner: Propagator) -> None:
        self._inner = inner
        self._flow = FlowPropagator()  # follows all, so that nobody grows into the others' places
        self._held: set[int] = set()
        self._others: list[int] = []

    def start(self, frame: Frame, ids: Ids, matte: Matte | None = None) -> None:
        """See `Propagator.start`."""
        self._held = set(_present(ids)[: self._inner.most])
        self._inner.start(frame, self._inside(ids), matte)
        self._flow_on(frame, ids, matte)

    def step(self, frame: Frame, matte: Matte | None) -> Followed:
        """See `Propagator.step`."""
        followed = self._inner.step(frame, matte)
        if not self._others:
            return followed
        moved = self._flow.step(frame, matte)
        others = np.where(np.isin(moved.ids, self._others), moved.ids, 0)
        ids = np.where(followed.ids > 0, followed.ids, others).astype(np.uint8)
        self._flow.add(frame, ids, matte)
        return Followed(ids, min(followed.sure, moved.sure))

    def add(self, frame: Frame, ids: Ids, matte: Matte | None = None) -> None:
        """See `Propagator.add`."""
        present = _present(ids)
        new = [number for number in present if number not in self._held]
        seen = [number for number in present if number in self._held]
        if new and len(self._held) + len(new) > self._inner.most and len(seen) < len(self._held):
            self._held = set((seen + new)[: self._inner.most])
            self._inner.start(frame, self._inside(ids), matte)
        else:
            self._held |= set(new[: max(0, self._inner.most - len(self._held))])
            self._inner.add(frame, self._inside(ids), matte)
        self._flow_on(frame, ids, matte)

    def _inside(self, ids: Ids) -> Ids:
        """Those who have a place."""
        self._others = [number for number in _present(ids) if number not in self._held]
        return np.where(np.isin(ids, self._others), 0, ids).astype(np.uint8) if self._others else ids

    def _flow_on(self, frame: Frame, ids: Ids, matte: Matte | None) -> None:
        if self._others:
            self._flow.start(frame, ids, matte)


def _present(ids: Ids) -> list[int]:
    """Who is there, larger ones first."""
    pixels = pixels_of(ids)[1:]
    order = np.argsort(-pixels, kind="stable")
    return [int(number) + 1 for number in order if pixels[number]]
