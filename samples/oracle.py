"""The truth in place of every network: what is left is the rest of the chain, to be measured on its own."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import cv2
import numpy as np

from samples.arrays import U8
from samples.scene import GroundTruth, Scene
from trt_anime.runtime.characters.found import Found, Frame, Matte, found_of
from trt_anime.runtime.effects import EffectPrompt, Heat
from trt_anime.runtime.passes.choices import NONE, PRESETS
from trt_anime.runtime.passes.context import Context, matte_folder
from trt_anime.runtime.passes.networks import ModelFiles
from trt_anime.runtime.passes.sources import NETWORKS
from trt_anime.runtime.passes.tools import Tools
from trt_anime.runtime.plates.filling import Fill, fill_simple
from trt_anime.runtime.results.planes import write_frame

# What CLIPSeg sees of a frame, in pixels a side: its heat is as coarse.
HEAT_SIDE = 352
PROMPT = EffectPrompt(text="glow", threshold=0.0)

_FAST = PRESETS["fast"]
# What goes with the truth: no network but those whose answers it gives.
CHOICES = replace(
    _FAST,
    segmentation=replace(_FAST.segmentation, method="matte", model=NONE),
    effects=replace(_FAST.effects, prompts=(PROMPT,)),
    plates=replace(_FAST.plates, model=NONE),
)


def no_files(model: str) -> ModelFiles:
    """For a run in which the truth stands in for every network."""
    raise AssertionError(f"nobody needs the files of {model}")


@dataclass(frozen=True)
class Oracle:
    """Knows a scene's truth by the number of the frame."""

    scene: Scene
    fill: Fill = fill_simple

    def tools(self) -> Tools:
        """For `process_chain`; the tracking is the run's own."""
        return Tools(
            matte=self._matte,
            segmenter=lambda context: nullcontext(self._segments),
            propagator=NETWORKS.propagator,
            finder=lambda context: nullcontext(self),
            fill=lambda context: nullcontext(self.fill),
            annotator=NETWORKS.annotator,
        )

    def truth(self, index: int) -> GroundTruth:
        """Of a frame; a held one's is that of the frame it repeats."""
        return _drawn(self.scene, self.scene.held[index])

    def _matte(self, context: Context, advance: Callable[[int], None]) -> list[dict[str, Any]]:
        count = self.scene.frame_count if context.options.limit is None else context.options.limit
        for index in range(count):
            write_frame(matte_folder(context.folder), [index], rgba_of(self.truth(index)))
            advance(1)
        return []

    def heat(self, index: int, rgb: Frame) -> dict[str, Heat]:
        """See `Finder.heat`."""
        return {PROMPT.text: heat_of(self.truth(index))}

    def _segments(self, index: int, frame: Frame, matte: Matte | None) -> Found:
        return found_of(self.truth(index).instance)


@lru_cache(maxsize=4)
def _drawn(scene: Scene, index: int) -> GroundTruth:
    return scene.render(index)


def rgba_of(truth: GroundTruth) -> U8:
    """uint8 [H,W,4]: all characters, as the matte network would ideally give them."""
    planes = np.dstack([truth.foreground, truth.alpha])
    return np.asarray(np.rint(planes * 255), np.uint8)


def heat_of(truth: GroundTruth) -> U8:
    """uint8 [H,W]: where the effect is, as coarse as CLIPSeg says it."""
    shows = np.asarray(np.rint(truth.effect[..., 3] * 255), np.uint8)
    small = cv2.resize(shows, (HEAT_SIDE, HEAT_SIDE), interpolation=cv2.INTER_AREA)
    height, width = shows.shape
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)
