"""The stages of the chain that the sequential baseline and ours both run, and what goes between them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trt_anime.export.check import LEVELS, Tolerance
from trt_anime.export.embed.check import COMPONENTS
from trt_anime.export.mask.check import DEVIATIONS

Arrays = dict[str, NDArray[Any]]
Given = Mapping[str, NDArray[Any]]

PROMPTS = 2  # of the effects' network: as many words as a film with fire and rain needs


@dataclass(frozen=True)
class ChainStage:
    """One network for every frame.

    Attributes:
        name: as people know the stage, such as ``2a``.
        model: catalogue name.
        graph: name of the stage graph that runs for every frame.
        inputs: gives what it reads out of the frame and of what stages before it gave.
        output: name of what is compared.
        tolerance: between PyTorch's and ours.
    """

    name: str
    model: str
    graph: str
    inputs: Callable[[Given], Arrays]
    output: str
    tolerance: Tolerance = LEVELS

    @property
    def title(self) -> str:
        return f"{self.name} {self.model}"


def _frame(given: Given) -> Arrays:
    return {"frame": given["frame"]}


def _with_prompts(given: Given) -> Arrays:
    return {"frame": given["frame"], "prompts": given["prompts"]}


def _with_hole(given: Given) -> Arrays:
    return {"frame": given["frame"], "hole": np.ascontiguousarray(given["rgba"][..., 3])}


# In an order that has every stage after those it reads from; the first one is needed by others.
CHAIN: dict[str, ChainStage] = {
    stage.name: stage
    for stage in (
        ChainStage("2a", "u2netp", "matte", _frame, "rgba"),
        ChainStage("1", "mobile-sam", "image", _frame, "embedding", DEVIATIONS),
        ChainStage("2b", "clipseg", "effects", _with_prompts, "heat"),
        ChainStage("2c", "lama", "inpaint", _with_hole, "plate"),
        ChainStage("4", "dinov2-s", "embed", _frame, "embedding", COMPONENTS),
    )
}


def pictures(values: Given) -> dict[str, NDArray[np.uint8]]:
    """What is written of a frame: RGBA layers by folder, uint8 [H,W,4], straight alpha.

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
    return found
