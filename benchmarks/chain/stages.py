"""The stages of the chain that the sequential baseline and ours both run, and what goes between them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from trt_anime.export.check import LEVELS, Tolerance
from trt_anime.export.embed.check import COMPONENTS
from trt_anime.export.mask.check import DEVIATIONS

Arrays = dict[str, NDArray[Any]]
Given = Mapping[str, NDArray[Any]]

Cadence = Literal["each frame", "in order", "first frame"]

PROMPTS = 2  # of the effects' network: as many words as a film with fire and rain needs
CHARACTERS = 2  # that are followed: the left and the right half of what the first frame's matte holds
THRESHOLD = 0.5  # of a segment's score, as the segmentation's default
# Random weights make probabilities of a half everywhere: rounding moves one pixel of a thousand.
LABELS = Tolerance(p99=0.0, maximum=1.0, unit="(1: another character)")
# Mask2Former's attention is cut off where a mask is below a half, and with random weights all are near it:
# a rounding error makes another candidate of one in a hundred. Measured: p99 0.13 at most for the same
# picture, 0.39 at least for one that is two levels darker.
SCORES = Tolerance(p99=0.25, maximum=1.0, unit="of 1, in a candidate's score")
TOKENS = Tolerance(p99=0.0, maximum=0.0, unit="(1: another token)")
# A token that leads the next by less than this, in standard deviations of all logits, is rounding's choice:
# both ways prepare a picture within a level of each other.
LEAD = 0.01
UNDECIDED = -1
# Outputs that count something, so that there are no distances: they are the same or not.
NUMBERS = frozenset(("ids", "tokens"))


@dataclass(frozen=True)
class ChainStage:
    """One network.

    Attributes:
        name: as people know the stage, such as ``2a``.
        model: catalogue name.
        graphs: names of the stage graphs that run for a frame.
        inputs: gives what it reads out of the frame and of what stages before it gave.
        output: name of what is compared.
        tolerance: between PyTorch's and ours.
        cadence: which frames it runs for. ``in order``: each, but none before the one before it is done, as
            the network remembers. ``first frame``: of a clip, the one that stands for the shot.
        is_spare: another network does the stage's work in the whole chain.
    """

    name: str
    model: str
    graphs: tuple[str, ...]
    inputs: Callable[[Given], Arrays]
    output: str
    tolerance: Tolerance = LEVELS
    cadence: Cadence = "each frame"
    is_spare: bool = False

    @property
    def title(self) -> str:
        return f"{self.name} {self.model}"

    def runs_for(self, given: Given) -> bool:
        """Whether it looks at this frame."""
        return self.cadence != "first frame" or is_first(given)


def values_of(frame: NDArray[np.uint8], number: int, prompts: NDArray[np.float32]) -> Arrays:
    """What the first stage begins with; `frame` is uint8 [H,W,3] RGB."""
    return {"frame": frame[None], "number": np.array([number]), "prompts": prompts}


def is_first(given: Given) -> bool:
    """Whether the frame is a clip's first."""
    return bool(given["number"][0] == 0)


def _frame(given: Given) -> Arrays:
    return {"frame": given["frame"]}


def _with_prompts(given: Given) -> Arrays:
    return {"frame": given["frame"], "prompts": given["prompts"]}


def _with_hole(given: Given) -> Arrays:
    return {"frame": given["frame"], "hole": np.ascontiguousarray(given["rgba"][..., 3])}


def _with_threshold(given: Given) -> Arrays:
    return {"frame": given["frame"], "threshold": np.array([THRESHOLD], np.float32)}


def _with_characters(given: Given) -> Arrays:
    """The first frame's characters are given; who is where in all others is to be found."""
    found = {"frame": given["frame"]}
    return {**found, "ids": halves(given["rgba"][..., 3])} if is_first(given) else found


def halves(alpha: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """What is in front as two characters, uint8 [1,H,W]: 1 left of its middle, 2 right of it, 0 for none.

    A matte that holds nothing is taken for one that holds everything.

    Args:
        alpha: uint8 [1,H,W].
    """
    front = alpha > 127
    if not front.any():
        front = np.ones_like(front)
    columns = np.flatnonzero(front[0].any(0))
    middle = (columns[0] + columns[-1] + 1) // 2
    ids = front.astype(np.uint8)
    ids[..., middle:] *= CHARACTERS
    return ids


# In an order that has every stage after those it reads from; the first one is needed by others.
CHAIN: dict[str, ChainStage] = {
    stage.model: stage
    for stage in (
        ChainStage("2a", "u2netp", ("matte",), _frame, "rgba"),
        ChainStage("1", "mobile-sam", ("image",), _frame, "embedding", DEVIATIONS),
        ChainStage("1", "mask2former-tiny", ("segment",), _with_threshold, "scores", SCORES, is_spare=True),
        ChainStage("2b", "clipseg", ("effects",), _with_prompts, "heat"),
        ChainStage("2c", "lama", ("inpaint",), _with_hole, "plate"),
        ChainStage(
            "3",
            "xmem",
            ("key", "value", "read", "decode", "merge", "consolidate"),
            _with_characters,
            "ids",
            LABELS,
            "in order",
        ),
        ChainStage("4", "dinov2-s", ("embed",), _frame, "embedding", COMPONENTS),
        ChainStage(
            "4", "blip-base", ("vision", "prefill", "step"), _frame, "tokens", TOKENS, "first frame"
        ),
    )
}


def pictures(values: Given) -> dict[str, NDArray[np.uint8]]:
    """What is written of a frame, by folder: layers uint8 [H,W,4] RGBA, straight alpha; maps uint8 [H,W].

    Args:
        values: the frame and the outputs of all stages that ran.
    """
    frame = values["frame"][0]
    found: dict[str, NDArray[np.uint8]] = {"character": values["rgba"][0]}
    if "heat" in values:
        found["effects"] = np.dstack([frame, values["heat"][0].max(0)])
    if "plate" in values:
        opaque = np.full(frame.shape[:2], 255, np.uint8)
        found["background"] = np.dstack([values["plate"][0], opaque])
    if "ids" in values:
        found["tracks"] = values["ids"][0]
    return found
