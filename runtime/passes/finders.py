"""Where effects are: heat of each prompt in a frame, from words alone or from boxes and masks."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from trt_anime.errors import MissingError
from trt_anime.files import sha256_of
from trt_anime.runtime.detections.boxes import detections
from trt_anime.runtime.detections.prompts import prompt_from_phrases
from trt_anime.runtime.effects import EffectPrompt, Heat, filled_up, prompt_heat
from trt_anime.runtime.media.frames import Pixels
from trt_anime.runtime.passes.choices import Effects
from trt_anime.runtime.passes.networks import Network, Networks
from trt_anime.runtime.text.embeddings import vectors_of
from trt_anime.runtime.text.tokenizer import Tokenizer

TOKENIZER = "tokenizer.json"


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
    tokenizer_file = networks.files(first).companions.get(TOKENIZER)
    if tokenizer_file is None:
        raise MissingError(f"{first}: its {TOKENIZER} isn't here; run `trt-anime models pull {first}`")
    if effects.method == "clipseg":
        with networks.open(first, "prompt", "effects", stage="2b") as graphs:
            yield ClipSeg(graphs["prompt"], graphs["effects"], tokenizer_file, effects.prompts)
        return
    with (
        networks.open(first, "prompt", "detect", stage="2b") as found,
        networks.open(effects.models[1], "image", "mask", stage="2b") as drawn,
    ):
        yield GroundedSam({**found, **drawn}, tokenizer_file, effects.prompts)


class ClipSeg:
    """Heat by CLIPSeg; the prompts' vectors are kept from run to run."""

    def __init__(
        self, text: Network, picture: Network, tokenizer: Path, prompts: Sequence[EffectPrompt]
    ) -> None:
        self._picture, self._prompts = picture, prompts
        context = text.session.inputs[0].shape[1]
        words = Tokenizer.from_file(tokenizer, context=context if isinstance(context, int) else 77)

        def encode(texts: Sequence[str]) -> NDArray[np.float32]:
            rows = words.encode(texts).ids
            return np.concatenate([text({"ids": row[None]})["prompts"] for row in rows])

        origin = text.session.origin
        digest = sha256_of(origin.file) if origin.file else origin.sha256
        vectors = vectors_of([prompt.text for prompt in prompts], graph_sha256=digest, encode=encode)
        wanted = next(item for item in picture.session.inputs if item.name == "prompts").shape[0]
        self._vectors = filled_up(vectors, wanted if isinstance(wanted, int) else None)

    def heat(self, index: int, rgb: Pixels) -> dict[str, Heat]:
        """See `Finder.heat`."""
        planes = self._picture({"frame": rgb[None], "prompts": self._vectors})["heat"][0]
        return prompt_heat(planes, self._prompts)


class GroundedSam:
    """Boxes by GroundingDINO, and in each the mask of a SAM, as heat of the box' score."""

    def __init__(
        self, graphs: dict[str, Network], tokenizer: Path, prompts: Sequence[EffectPrompt]
    ) -> None:
        self._graphs, self._prompts = graphs, prompts
        context = graphs["prompt"].session.inputs[0].shape[1]
        assert isinstance(context, int)
        words = Tokenizer.from_file(tokenizer, context=context)
        self._prompt = prompt_from_phrases([prompt.text for prompt in prompts], words)
        self._text = graphs["prompt"]({"ids": self._prompt.padded(context)})

    def heat(self, index: int, rgb: Pixels) -> dict[str, Heat]:
        """See `Finder.heat`."""
        found = self._graphs["detect"]({"frame": rgb[None], **self._text})
        boxes = detections(
            found["boxes"][0],
            found["scores"][0],
            found["tokens"][0],
            self._prompt,
            threshold=min(prompt.threshold for prompt in self._prompts),
        )
        planes = np.zeros((len(self._prompts), *rgb.shape[:2]), np.uint8)
        if boxes:
            maps = self._graphs["image"]({"frame": rgb[None]})
            corners = np.array([[box.box for box in boxes]], np.float32)
            size = np.array(rgb.shape[:2], np.int64)
            masks = self._graphs["mask"]({**maps, "boxes": corners, "size": size})["mask"][0]
            for box, mask in zip(boxes, masks, strict=True):
                plane = planes[box.phrase]
                np.maximum(
                    plane, np.where(mask >= 128, round(255 * box.score), 0), out=plane, casting="unsafe"
                )
        return prompt_heat(planes, self._prompts)
