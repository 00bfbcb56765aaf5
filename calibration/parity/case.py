"""One frame of a comparison."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Run = Callable[[Mapping[str, Array]], Mapping[str, Array]]  # a batch's inputs -> its outputs, by name


@dataclass(frozen=True, eq=False)
class Case:
    """A frame, and what both made of it.

    Attributes:
        index: among the frames given, from 0.
        inputs: by name; those of the batch are this frame's alone, without the batch dimension.
        reference, candidate: outputs by name, without the batch dimension.
        truth: what the stage should have given, where that is known.
        stop_token: ends a caption.
    """

    index: int
    inputs: dict[str, Array]
    reference: dict[str, Array]
    candidate: dict[str, Array]
    truth: Array | None = None
    stop_token: int | None = None

    def copied(self) -> "Case":
        """Arrays of its own, so that neither a batch is kept alive nor a reused buffer changes it."""
        inputs, reference, candidate = (
            {name: np.array(array) for name, array in arrays.items()}
            for arrays in (self.inputs, self.reference, self.candidate)
        )
        truth = None if self.truth is None else np.array(self.truth)
        return Case(self.index, inputs, reference, candidate, truth, self.stop_token)
