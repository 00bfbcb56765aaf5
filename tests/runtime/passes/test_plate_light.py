"""What a plate is told of effects: light, unless they are said to cover."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import numpy as np
import pytest

from tests.runtime.passes.conftest import CHOICES
from trt_anime.runtime.effects import EffectPrompt
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


@pytest.mark.parametrize("blend", ["auto", "add", "over"])
def test_a_shot_tells_which_of_its_effects_add_light(
    blend: Literal["auto", "add", "over"], tmp_path: Path
) -> None:
    """A little smoke beside much light stays what it is."""
    size = (135, 240)
    canvas = np.random.default_rng(3).integers(60, 160, (*size, 3), np.uint8)
    still = np.eye(3)[None], np.ones((1, 3)), np.zeros((1, 3)), np.ones(1)
    shot = Plate(canvas, np.full(size, 255, np.uint8), Motions(size, (4,), *still), still[0])
    glow, smoke = np.zeros(size, np.uint8), np.zeros(size, np.uint8)
    glow[20:110, 10:180], smoke[40:60, 200:220] = 255, 255
    frame = canvas.copy()
    frame[glow > 0] += np.uint8(60)
    frame[smoke > 0] //= 2
    for name, heat in (("glow", glow), ("smoke", smoke)):
        folder = heat_folder(tmp_path, folder_of(name))
        folder.mkdir(parents=True)
        write_frame(folder, [4], heat)
    prompts = (
        EffectPrompt(text="glow"),
        EffectPrompt(text="smoke"),
        EffectPrompt(text="lamp", negative=True),
    )
    choices = replace(CHOICES, effects=replace(CHOICES.effects, blend=blend, prompts=prompts))
    context: Any = SimpleNamespace(folder=tmp_path, choices=choices)
    frames = [Seen(4, frame, np.maximum(glow, smoke), figures=np.zeros(size, np.uint8))]
    found = plate._lights(context, shot, lambda: iter(frames))
    assert found == {"auto": ["glow"], "add": ["glow", "smoke"], "over": []}[blend]
