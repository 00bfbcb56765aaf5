"""What a plate is told of effects: light, unless they are said to cover."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import numpy as np
import pytest

from tests.runtime.passes.conftest import CHOICES
from trt_anime.runtime.passes import plate
from trt_anime.runtime.passes.context import heat_folder
from trt_anime.runtime.passes.finders import folder_of
from trt_anime.runtime.plates.motions import Motions
from trt_anime.runtime.plates.plate import Plate
from trt_anime.runtime.plates.seen import Seen
from trt_anime.runtime.results.planes import write_frame
from trt_anime.runtime.results.shots import Shot


@pytest.mark.parametrize(("blend", "lit"), [("auto", True), ("add", True), ("over", False)])
def test_what_covers_is_no_light(blend: Literal["auto", "over", "add"], lit: bool, tmp_path: Path) -> None:
    heat = np.zeros((40, 60), np.uint8)
    heat[10:30, 20:40] = 100
    prompt, *_ = CHOICES.effects.prompts
    folder = heat_folder(tmp_path, folder_of(prompt.text))
    folder.mkdir(parents=True)
    write_frame(folder, [0], heat)
    context: Any = SimpleNamespace(
        folder=tmp_path,
        choices=replace(CHOICES, effects=replace(CHOICES.effects, blend=blend)),
        frames=lambda shot, start: [(0, np.full((40, 60, 3), 90, np.uint8))],
        character=lambda shot, index: None,
    )
    (seen,) = plate._seen(context, Shot(1, 0, 1, (0,)), 0)
    assert ((seen.hidden > 0) == (heat > 0)).all()
    assert (seen.figures is not None) == lit
    assert seen.lit is None or ((seen.lit > 0) == (heat > 0)).all()


@pytest.mark.parametrize("blend", ["auto", "add"])
@pytest.mark.parametrize("covers", [False, True])
def test_a_shot_tells_whether_its_effects_add_light(covers: bool, blend: Literal["auto", "add"]) -> None:
    chance = np.random.default_rng(3)
    canvas = chance.integers(60, 160, (135, 240, 3), np.uint8)
    still = np.eye(3)[None], np.ones((1, 3)), np.zeros((1, 3)), np.ones(1)
    shot = Plate(canvas, np.full((135, 240), 255, np.uint8), Motions((135, 240), (4,), *still), still[0])
    heat = np.zeros((135, 240), np.uint8)
    heat[30:100, 60:180] = 255
    frame = canvas.copy()
    inside = canvas[heat > 0] // 2 if covers else canvas[heat > 0] + np.uint8(60)
    frame[heat > 0] = inside
    context: Any = SimpleNamespace(choices=replace(CHOICES, effects=replace(CHOICES.effects, blend=blend)))
    frames = [Seen(4, frame, heat, figures=np.zeros_like(heat))]
    found = plate._adds(context, shot, lambda: iter(frames))
    assert found == (blend == "add" or not covers)
