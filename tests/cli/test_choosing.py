"""Settings over presets: what a run is to use."""

import pytest

from trt_anime.cli.choosing import choices_of
from trt_anime.config import Prompt, Settings, Stage1, Stage2a, Stage2b, Stage2c, Stage3, Stage4
from trt_anime.errors import InputError
from trt_anime.runtime.effects import EffectPrompt
from trt_anime.runtime.passes.choices import PRESETS


@pytest.mark.parametrize("preset", PRESETS)
def test_without_settings_it_is_the_preset(preset: str) -> None:
    """So every network of a preset is in the catalogue, and of the kind that its stage runs."""
    assert choices_of(Settings(preset=preset)) == PRESETS[preset]  # type: ignore[arg-type]


def test_a_method_brings_a_network_that_fits_it() -> None:
    settings = Settings(preset="quality", stage1=Stage1(method="sam"), stage3=Stage3(method="flow"))
    found = choices_of(settings)
    assert (found.segmentation.method, found.segmentation.model) == ("sam", "mobile-sam")
    assert found.segmentation.key_every == PRESETS["quality"].segmentation.key_every
    assert (found.tracking.method, found.tracking.model) == ("flow", "none")


def test_settings_win_one_by_one() -> None:
    settings = Settings(
        stage2a=Stage2a(characters="separate"),
        stage2b=Stage2b(effect_prompts=["fire", Prompt(text="lamp", negative=True)]),
        stage2c=Stage2c(model_type="migan"),
        stage3=Stage3(memory_frames=2),
        stage4=Stage4(tags="none"),
    )
    found, preset = choices_of(settings), PRESETS["balanced"]
    assert found.characters.layout == "separate" and found.characters.model == preset.characters.model
    assert found.effects.prompts == (EffectPrompt(text="fire"), EffectPrompt(text="lamp", negative=True))
    assert found.plates.model == "migan"
    assert (found.tracking.model, found.tracking.memory_frames) == ("xmem", 2)
    assert (found.annotation.tags, found.annotation.embeddings) == ("none", "dinov2-s")


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (
            Settings(stage2c=Stage2c(model_type="xmem")),
            "stage2c.model_type: xmem is a network for `temporal`",
        ),
        (Settings(stage2a=Stage2a(model_type="u2netpp")), "did you mean 'u2netp'"),
        (
            Settings(stage1=Stage1(method="mask2former", model_type="sam-vit-b")),
            "stage1.model_type: sam-vit-b",
        ),
        (Settings(stage2b=Stage2b(effect_prompts=[""])), "an effect prompt is empty"),
    ],
)
def test_networks_for_something_else_are_named(settings: Settings, sentence: str) -> None:
    with pytest.raises(InputError) as caught:
        choices_of(settings)
    assert sentence in str(caught.value)
