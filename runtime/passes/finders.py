"""Where effects are: heat of each prompt in a frame, from words alone or from boxes and masks."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from trt_anime.runtime.characters.found import Box
from trt_anime.runtime.characters.prompted import BoxMasks
from trt_anime.runtime.detections.boxes import detections
from trt_anime.runtime.detections.prompts import prompt_from_phrases
from trt_anime.runtime.effects import EffectPrompt, Heat, in_runs, prompt_heat
from trt_anime.runtime.media.frames import Pixels
from trt_anime.runtime.passes.choices import Effects
from trt_anime.runtime.passes.networks import Network, Networks
from trt_anime.runtime.text.embeddings import vectors_of
from trt_anime.runtime.text.tokenizer import Tokenizer


class Finder(Protocol):
    """Looks for all prompts at once."""

    def heat(self, index: int, rgb: Pixels) -> dict[str, Heat]:
        """By the text of each wanted prompt, uint8 [H,W], 255 where it is there for sure."""
        ...


def folder_of(prompt: str) -> str:
    """A prompt as the name of a folder: ``Glowing sword!`` is ``glowing_sword``."""
    return re.sub(r"\W+", "_", prompt.strip().lower()).strip("_") or "effect"


@contextmanager
def finder(effects: Effects, networks: Networks) -> Iterator[Finder]:
    """What the choices name, opened until the block ends.

    Raises:
        MissingError, InputError, EngineError: a network or its tokenizer can't be had or opened.
    """
    first = effects.models[0]
    words = networks.files(first).tokenizer(first)
    if effects.method == "clipseg":
        with networks.open(first, "prompt", "effects", stage="2b") as graphs:
            yield ClipSeg(graphs["prompt"], graphs["effects"], words, effects.prompts)
        return
    with (
        networks.open(first, "prompt", "detect", stage="2b") as graphs,
        box_masks(networks, effects.models[1], stage="2b") as masks,
    ):
        yield GroundedSam(graphs["prompt"], graphs["detect"], masks, words, effects.prompts)


@contextmanager
def box_masks(networks: Networks, model: str, *, stage: str) -> Iterator[BoxMasks]:
    """A SAM's two graphs as one function. Raises as `finder`."""
    with networks.open(model, "image", "mask", stage=stage) as graphs:
        boxes = next(item for item in graphs["mask"].session.inputs if item.name == "boxes")
        # A graph takes any number of boxes: one at a time costs least. An engine has a number of its own.
        prompts = boxes.shape[1] if isinstance(boxes.shape[1], int) else 1
        yield BoxMasks(graphs["image"], graphs["mask"], prompts=prompts)


class ClipSeg:
    """Heat by CLIPSeg; the prompts' vectors are kept from run to run.

    More prompts than an engine takes are found in as many runs of it as that needs.
    """

    def __init__(
        self, text: Network, picture: Network, words: Tokenizer, prompts: Sequence[EffectPrompt]
    ) -> None:
        self._picture, self._prompts = picture, prompts

        def encode(texts: Sequence[str]) -> NDArray[np.float32]:
            rows = words.encode(texts).ids
            return np.concatenate([text({"ids": row[None]})["prompts"] for row in rows])

        vectors = vectors_of(
            [prompt.text for prompt in prompts], graph_sha256=text.session.origin.sha256, encode=encode
        )
        wanted = next(item for item in picture.session.inputs if item.name == "prompts").shape[0]
        self._runs = in_runs(vectors, wanted if isinstance(wanted, int) else None)

    def heat(self, index: int, rgb: Pixels) -> dict[str, Heat]:
        """See `Finder.heat`."""
        frame = rgb[None]
        planes = [self._picture({"frame": frame, "prompts": some})["heat"][0] for some in self._runs]
        return prompt_heat(planes[0] if len(planes) == 1 else np.concatenate(planes), self._prompts)


class GroundedSam:
    """Boxes by GroundingDINO, and in each the mask of a SAM, as heat of the box' score."""

    def __init__(
        self,
        text: Network,
        detect: Network,
        masks: BoxMasks,
        words: Tokenizer,
        prompts: Sequence[EffectPrompt],
    ) -> None:
        self._detect, self._masks, self._prompts = detect, masks, prompts
        self._prompt = prompt_from_phrases([prompt.text for prompt in prompts], words)
        self._features = text({"ids": self._prompt.padded(words.context)})

    def heat(self, index: int, rgb: Pixels) -> dict[str, Heat]:
        """See `Finder.heat`."""
        found = self._detect({"frame": rgb[None], **self._features})
        kept = detections(
            found["boxes"][0],
            found["scores"][0],
            found["tokens"][0],
            self._prompt,
            threshold=min(prompt.threshold for prompt in self._prompts),
        )
        planes = np.zeros((len(self._prompts), *rgb.shape[:2]), np.uint8)
        if kept:
            self._masks.look(rgb)
            corners = [_whole(one.box) for one in kept]
            for one, mask in zip(kept, self._masks.masks(corners), strict=True):
                np.maximum(planes[one.phrase], mask.shape * round(255 * one.score), out=planes[one.phrase])
        return prompt_heat(planes, self._prompts)


def _whole(box: tuple[float, float, float, float]) -> Box:
    left, top, right, bottom = (round(edge) for edge in box)
    return left, top, right, bottom
