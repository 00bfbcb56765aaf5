"""An effect that was seen and left no layer is spoken of."""

import json
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from tests.runtime.passes.conftest import CHOICES, Film
from trt_anime.runtime.effects import Heat
from trt_anime.runtime.media.frames import Pixels


class Smoke:
    """Finds the same effect at the same place in every frame: something that never leaves."""

    def heat(self, index: int, rgb: Pixels) -> dict[str, Heat]:
        heat = np.zeros(rgb.shape[:2], np.uint8)
        heat[5:25, 5:40] = 200
        (prompt,) = CHOICES.effects.prompts
        return {prompt.text: heat}


@pytest.mark.parametrize(("blend", "said"), [("auto", True), ("over", False)])
def test_what_never_leaves_is_said_to_have_been_taken_for_background(
    film: Film, tmp_path: Path, blend: Literal["auto", "over"], said: bool
) -> None:
    sentences: list[str] = []
    tools = replace(film.oracle.tools(), finder=lambda context: nullcontext(Smoke()))
    choices = replace(CHOICES, effects=replace(CHOICES.effects, blend=blend))
    record = film.run(
        tmp_path / "out", "2a", "2b", "2c", tools=tools, choices=choices, limit=6, notify=sentences.append
    )
    hints = [sentence for sentence in sentences if "could not be told from the background" in sentence]
    assert len(hints) == said
    assert all("'glow'" in hint and "shot 1" in hint and '"over"' in hint for hint in hints)
    assert set(hints) <= set(record.notices)


def test_what_has_a_layer_is_not_spoken_of(whole: Path) -> None:
    record = json.loads((whole / "run.json").read_text(encoding="utf-8"))
    assert not any("could not be told" in sentence for sentence in record["notices"])
