"""A propagator for one size follows frames of another, and says so in their size."""

import numpy as np

from trt_anime.runtime.characters.found import Frame, Ids, Matte
from trt_anime.runtime.characters.propagation import Followed
from trt_anime.runtime.characters.propagators.resized import ResizedPropagator


class Noting:
    """Gives back what it was given last."""

    most = 7

    def __init__(self) -> None:
        self.sizes: list[tuple[int, ...]] = []
        self.ids = np.zeros((1, 1), np.uint8)

    def start(self, frame: Frame, ids: Ids, matte: Matte | None = None) -> None:
        self.sizes += [frame.shape, ids.shape] + ([] if matte is None else [matte.shape])
        self.ids = ids

    def step(self, frame: Frame, matte: Matte | None) -> Followed:
        self.sizes.append(frame.shape)
        return Followed(self.ids, 0.7)

    add = start


def test_frames_and_masks_are_brought_to_its_size_and_back() -> None:
    inner = Noting()
    follower = ResizedPropagator(inner, (45, 80))
    frame = np.zeros((90, 160, 3), np.uint8)
    ids = np.zeros((90, 160), np.uint8)
    ids[20:60, 40:100] = 3
    ids[60:80, 10:30] = 9
    follower.start(frame, ids, ids)
    found = follower.step(frame, None)
    assert inner.sizes == [(45, 80, 3), (45, 80), (45, 80), (45, 80, 3)]
    assert follower.most == 7 and found.sure == 0.7
    assert set(np.unique(found.ids)) == {0, 3, 9}, "ids are picked, never mixed"
    assert np.array_equal(found.ids, ids)
