"""Stages of ours that aren't one graph for each frame: a network with a memory, and a captioner."""

from collections.abc import Mapping
from typing import Protocol

import numpy as np

from benchmarks.chain.stages import CHARACTERS, Arrays, ChainStage, Given
from trt_anime.export import catalogue
from trt_anime.export.recipes.caption import Captioning
from trt_anime.runtime.annotation.captions import Captioner
from trt_anime.runtime.captions.options import SearchOptions
from trt_anime.runtime.characters.propagators.resized import ResizedPropagator
from trt_anime.runtime.characters.propagators.xmem import XmemPropagator
from trt_anime.runtime.closing import Closing
from trt_anime.runtime.devices.api import Device
from trt_anime.runtime.sessions.api import Session


class Runner(Protocol):
    """Runs a stage for one frame after another; for one thread at a time."""

    def __call__(self, inputs: Given) -> Arrays:
        """Arrays in, arrays out."""
        ...

    def close(self) -> None:
        """Give memory back; the sessions stay open."""
        ...


class Follower(Closing):
    """Stage 3: characters that the first frame comes with, followed through all others."""

    def __init__(self, sessions: Mapping[str, Session], device: Device) -> None:
        self._inner = XmemPropagator(sessions, device, objects=CHARACTERS)
        shape = next(binding.shape for binding in sessions["key"].inputs if binding.name == "frame")
        self._propagator = ResizedPropagator(self._inner, (int(shape[1]), int(shape[2])))

    def __call__(self, inputs: Given) -> Arrays:
        """``frame`` and, with the first of a clip, ``ids``; ``ids`` comes out."""
        frame = inputs["frame"][0]
        if "ids" in inputs:
            self._propagator.start(frame, inputs["ids"][0])
            return {"ids": inputs["ids"]}
        return {"ids": self._propagator.step(frame, None).ids[None]}

    def close(self) -> None:
        self._inner.close()


class Describer(Closing):
    """Captions, as the numbers of their tokens: random weights come without words."""

    def __init__(self, sessions: Mapping[str, Session], device: Device, model: str) -> None:
        self._sessions, self._device = sessions, device
        self._text = catalogue.get(model).recipe_as(Captioning).decoder
        self._captioner: Captioner | None = None

    def __call__(self, inputs: Given) -> Arrays:
        """``frame`` -> ``tokens``, int32 [N]. Frames must be of one size."""
        frame = inputs["frame"][0]
        if self._captioner is None:
            self._captioner = self._for_size((frame.shape[0], frame.shape[1]))
        [words] = self._captioner([frame])
        return {"tokens": np.array(words.split(), np.int32)}

    def close(self) -> None:
        if self._captioner is not None:
            self._captioner.close()
            self._captioner = None

    def _for_size(self, size: tuple[int, int]) -> Captioner:
        return Captioner(
            self._sessions["vision"],
            self._sessions["prefill"],
            self._sessions["step"],
            self._device,
            start=self._text.start,
            decode=lambda tokens: " ".join(map(str, tokens)),
            options=SearchOptions(stop=self._text.stop),
            size=size,
        )


def runner_of(row: ChainStage, sessions: Mapping[str, Session], device: Device) -> Runner:
    """Of a stage that isn't one graph for each frame. Raises MissingError: not enough memory."""
    if row.cadence == "in order":
        return Follower(sessions, device)
    return Describer(sessions, device, row.model)
