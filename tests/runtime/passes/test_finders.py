"""Effects by words: heat of each prompt, negatives, boxes and masks; without any network."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from trt_anime.runtime.characters.prompted import BoxMasks
from trt_anime.runtime.effects import EffectPrompt
from trt_anime.runtime.passes.finders import ClipSeg, GroundedSam, folder_of
from trt_anime.runtime.text.tokenizer import Tokenizer, Tokens

FRAME = np.zeros((40, 60, 3), np.uint8)
START, END, STOP = 101, 102, 1012


def letter(text: str) -> int:
    """The token of a text: its first letter's, above all that mean something."""
    return 200 + ord(text[0])


class Words:
    """One token a letter."""

    context = 16

    def encode(self, texts: list[str]) -> Tokens:
        ids = np.zeros((len(texts), self.context), np.int32)
        mask = np.zeros_like(ids)
        for row, text in enumerate(texts):
            parts = [part.strip() for part in text.split(".") if part.strip()]
            tokens = [START, *(t for part in parts for t in (letter(part), STOP)), END]
            ids[row, : len(tokens)] = tokens
            mask[row, : len(tokens)] = 1
        return Tokens(ids, mask)


def network(run: Callable[[dict[str, Any]], dict[str, Any]], prompts: int | str = "prompts") -> Any:
    """As `Network`: a function, and what is known of its session."""
    inputs = (SimpleNamespace(name="prompts", shape=(prompts, 2)),)
    session = SimpleNamespace(inputs=inputs, origin=SimpleNamespace(sha256="0" * 64))

    class Fake:
        def __call__(self, inputs: dict[str, Any]) -> dict[str, Any]:
            return run(inputs)

    fake = Fake()
    fake.session = session  # type: ignore[attr-defined]
    return fake


def by_first_letter(inputs: dict[str, Any]) -> dict[str, Any]:
    return {"prompts": np.array([[float(inputs["ids"][0, 1]), 1]], np.float32)}


def heat_of(inputs: dict[str, Any]) -> dict[str, Any]:
    """`f` is left, `l` (a lamp) is in the middle of it, others nowhere."""
    planes = np.zeros((1, len(inputs["prompts"]), 40, 60), np.uint8)
    for row, vector in enumerate(inputs["prompts"]):
        if vector[0] == letter("fire"):
            planes[0, row, :, :30] = 200
        if vector[0] == letter("lamp"):
            planes[0, row, 10:20, 10:20] = 250
    return {"heat": planes}


@pytest.fixture
def prompts() -> list[EffectPrompt]:
    return [EffectPrompt(text="fire"), EffectPrompt(text="glow"), EffectPrompt(text="lamp", negative=True)]


def test_each_prompt_has_its_heat_without_what_a_negative_one_claims(
    home: Path, prompts: list[EffectPrompt]
) -> None:
    finder = ClipSeg(network(by_first_letter), network(heat_of), Words(), prompts)  # type: ignore[arg-type]
    found = finder.heat(0, FRAME)
    assert found.keys() == {"fire", "glow"}
    assert (found["fire"][:, 30:] == 0).all() and (found["fire"][25:, :30] == 200).all()
    assert (found["fire"][10:20, 10:20] == 0).all(), "there is a lamp"
    assert not found["glow"].any()


def test_an_engine_gets_as_many_prompts_as_it_takes(home: Path, prompts: list[EffectPrompt]) -> None:
    seen: list[NDArray[np.float32]] = []

    def noted(inputs: dict[str, Any]) -> dict[str, Any]:
        seen.append(inputs["prompts"])
        return heat_of(inputs)

    finder = ClipSeg(network(by_first_letter), network(noted, prompts=8), Words(), prompts)  # type: ignore[arg-type]
    assert finder.heat(0, FRAME).keys() == {"fire", "glow"}
    assert seen[0].shape == (8, 2)


@pytest.mark.parametrize("count", [8, 9, 17])
def test_more_prompts_than_an_engine_takes_have_the_same_heat(home: Path, count: int) -> None:
    """One of the last is negative, and in another run than what it limits."""
    names = "".join(chr(ord("A") + number) for number in range(count - 2))
    asked = [EffectPrompt(text="fire"), *(EffectPrompt(text=name) for name in names)]
    asked.append(EffectPrompt(text="lamp", negative=True))
    seen: list[NDArray[np.float32]] = []

    def own_heat(inputs: dict[str, Any]) -> dict[str, Any]:
        found = heat_of(inputs)
        for row, vector in enumerate(inputs["prompts"]):
            found["heat"][0, row, 30:] = 150 + vector[0] % 100
        return found

    def noted(inputs: dict[str, Any]) -> dict[str, Any]:
        assert inputs["prompts"].shape == (8, 2)
        seen.append(inputs["prompts"])
        return own_heat(inputs)

    words = cast(Tokenizer, Words())
    engine = ClipSeg(network(by_first_letter), network(noted, prompts=8), words, asked)
    graph = ClipSeg(network(by_first_letter), network(own_heat), words, asked)
    found, expected = engine.heat(0, FRAME), graph.heat(0, FRAME)
    assert len(seen) == -(-count // 8)
    assert list(found) == list(expected) == ["fire", *names]
    for prompt, heat in expected.items():
        assert heat.any()
        np.testing.assert_array_equal(found[prompt], heat)
    assert not found["fire"][10:20, 10:20].any(), "there is a lamp"


def test_boxes_become_masks_as_hot_as_their_score() -> None:
    def detect(inputs: dict[str, Any]) -> dict[str, Any]:
        tokens = np.zeros((1, 2, 16), np.float32)
        tokens[0, 0, 1], tokens[0, 1, 3] = 0.8, 0.3
        boxes = np.array([[[5, 5, 25, 25], [30, 5, 50, 25]]], np.float32)
        return {"boxes": boxes, "scores": np.array([[0.8, 0.3]], np.float32), "tokens": tokens}

    def mask(inputs: Any) -> dict[str, Any]:
        planes = np.zeros((1, 1, 40, 60), np.uint8)
        left, top, right, bottom = inputs["boxes"][0, 0].astype(int)
        planes[0, 0, top:bottom, left:right] = 255
        return {"mask": planes, "quality": np.ones((1, 1), np.float32)}

    asked = [EffectPrompt(text="fire"), EffectPrompt(text="glow")]
    finder = GroundedSam(
        network(lambda inputs: {"features": inputs["ids"]}),
        network(detect),
        BoxMasks(lambda inputs: {}, mask),
        Words(),  # type: ignore[arg-type]
        asked,
    )
    found = finder.heat(0, FRAME)
    assert (found["fire"][5:25, 5:25] == round(255 * 0.8)).all()
    assert np.count_nonzero(found["fire"]) == 400
    assert not found["glow"].any(), "its box is below the threshold"


@pytest.mark.parametrize(
    ("prompt", "folder"), [("Glowing sword!", "glowing_sword"), ("光", "光"), ("../..", "effect")]
)
def test_a_prompt_names_a_folder_that_cannot_leave_its_place(prompt: str, folder: str) -> None:
    assert folder_of(prompt) == folder
