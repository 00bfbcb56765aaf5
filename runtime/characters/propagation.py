"""What follows characters from frame to frame."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from trt_anime.runtime.characters.found import Frame, Ids, Matte


@dataclass(frozen=True, eq=False)
class Followed:
    """Characters in a frame.

    Attributes:
        ids: uint8 [H,W], the character at each pixel, 0 for none.
        sure: 0..1; low where the next key frame should not wait.
    """

    ids: Ids
    sure: float


class Propagator(Protocol):
    """Follows characters through one shot after another. Ids are 1..255, in any order.

    Frames are uint8 [H,W,3], RGB, all of one size; mattes uint8 [H,W], None where there are none.
    """

    @property
    def most(self) -> int:
        """How many characters it can follow from one `start` to the next."""
        ...

    def start(self, frame: Frame, ids: Ids, matte: Matte | None = None) -> None:
        """Forget all, and begin with a frame whose characters, at least one, are known."""
        ...

    def step(self, frame: Frame, matte: Matte | None) -> Followed:
        """Find the characters in the next frame. Raises EngineError: a network failed."""
        ...

    def add(self, frame: Frame, ids: Ids, matte: Matte | None = None) -> None:
        """The frame of the last `step` again, with better masks, among them those of new characters.

        A character that has no pixel in it isn't to be seen there; it isn't forgotten.
        """
        ...


def certainty(probability: NDArray[np.float32]) -> float:
    """How sure a network is of the characters that it still sees: of the least sure, the mean probability
    where that is above a half; 1 where it sees none.

    probability: [characters,h,w], 0..1.
    """
    sure = [float(one[one > 0.5].mean()) for one in probability if (one > 0.5).any()]
    return min(sure, default=1.0)
