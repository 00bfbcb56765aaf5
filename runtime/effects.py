"""From the heat of each prompt to the heat of the effects: what counts, and what doesn't."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trt_anime.errors import InputError

Heat = NDArray[np.uint8]
Vectors = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class EffectPrompt:
    """What to look for, or what not to take for it.

    Attributes:
        text: such as ``glowing sword``.
        threshold: how sure the network has to be, 0 to 1; less is nothing.
        negative: where this is found more clearly than all that is wanted, there is no effect.
    """

    text: str
    threshold: float = 0.4
    negative: bool = False

    def __post_init__(self) -> None:
        """Raises InputError: the threshold is no share, or there is no text."""
        if not 0 <= self.threshold <= 1:
            raise InputError(
                f"the prompt '{self.text}' has the threshold {self.threshold}; it must be from 0 to 1"
            )
        if not self.text.strip():
            raise InputError("an effect prompt is empty; name what to look for")


def prompt_heat(heat: Heat, prompts: Sequence[EffectPrompt]) -> dict[str, Heat]:
    """uint8 [P,H,W], a plane for each prompt -> by the text of each wanted prompt uint8 [H,W].

    0 where a prompt doesn't reach its threshold, and where a negative one that reaches its own is higher.
    Planes beyond the prompts are left out.
    """
    counted = {
        prompt: np.where(plane >= math.ceil(prompt.threshold * 255), plane, np.uint8(0))
        for plane, prompt in zip(heat, prompts, strict=False)
    }
    unwanted = np.zeros_like(heat[0])
    for prompt, plane in counted.items():
        if prompt.negative:
            np.maximum(unwanted, plane, out=unwanted)
    return {
        prompt.text: np.where(unwanted > plane, np.uint8(0), plane)
        for prompt, plane in counted.items()
        if not prompt.negative
    }


def effect_heat(heat: Heat, prompts: Sequence[EffectPrompt]) -> Heat:
    """As `prompt_heat`, all wanted prompts in one plane uint8 [H,W]: the highest value of them."""
    planes = prompt_heat(heat, prompts).values()
    return np.maximum.reduce(list(planes)) if planes else np.zeros_like(heat[0])


def in_runs(prompts: Vectors, capacity: int | None) -> list[Vectors]:
    """float32 [P,D] -> for each run of the network the prompts that it is given, in order.

    An engine takes a fixed number, float32 [capacity,D], so that the last run has zeros behind; None: any
    number, in one run.
    """
    if capacity is None:
        return [prompts]
    runs = [prompts[start : start + capacity] for start in range(0, len(prompts), capacity)]
    return [np.pad(some, ((0, capacity - len(some)), (0, 0))) for some in runs]
