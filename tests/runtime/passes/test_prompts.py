"""Texts that are too long for a network fail before anything is written, and say which, and where from."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.runtime.passes.conftest import ALL, Film
from tests.runtime.text import tiny
from trt_anime.errors import InputError
from trt_anime.runtime.effects import EffectPrompt
from trt_anime.runtime.options import ProcessOptions
from trt_anime.runtime.passes.choices import NONE, PRESETS, Choices
from trt_anime.runtime.passes.networks import ModelFiles
from trt_anime.runtime.passes.prompts import check_prompts
from trt_anime.runtime.passes.run import process_chain

WHERE = r"effect prompts \(`--effects`, or `stage2b\.effect_prompts` in the configuration\): "
# Of each network, what is published with it, and what it reads.
CONTEXTS = {"clipseg": 77, "clip-b32": 77, "grounding-dino-tiny": 256}

FilesOf = Callable[[str], ModelFiles]


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> FilesOf:
    clip, bert = (tmp_path_factory.mktemp(name) for name in ("clip", "bert"))
    published = {"clip": tiny.published(tiny.clip(), clip), "bert": tiny.published(tiny.bert(), bert)}

    def files(model: str) -> ModelFiles:
        words = published["bert" if model.startswith("grounding") else "clip"]
        return ModelFiles({}, {"tokenizer.json": words}, context=CONTEXTS.get(model, 0))

    return files


def looking_for(*texts: str, grounded: bool = False) -> Choices:
    preset = PRESETS["quality" if grounded else "fast"]
    prompts = tuple(EffectPrompt(text=text) for text in texts)
    return replace(preset, effects=replace(preset.effects, prompts=prompts))


def fire(words: int) -> str:
    """`words` tokens of the small tokenizers."""
    return " ".join(["fire"] * words)


def test_a_prompt_as_long_as_the_context_is_read(files: FilesOf) -> None:
    check_prompts(looking_for("glow", fire(75)), ALL, files)


def test_a_prompt_longer_than_the_context_is_named(files: FilesOf) -> None:
    said = WHERE + r"the prompt 'fire fire .*…' has 78 tokens, the network reads 77 at most"
    with pytest.raises(InputError, match=said):
        check_prompts(looking_for("glow", fire(76)), ALL, files)
    check_prompts(looking_for("glow", fire(76)), ("1", "2a"), files)


def test_a_detectors_prompts_count_together(files: FilesOf) -> None:
    """With a stop behind each and two ends: 50 + 1 tokens, five times, are 257."""
    check_prompts(looking_for(*[fire(50)] * 4, fire(49), grounded=True), ALL, files)
    said = (
        WHERE
        + "grounding-dino-tiny reads all 5 as one text, which has 257 tokens, and it reads 256 at most;"
        " leave some out, .* the longest is 'fire fire "
    )
    with pytest.raises(InputError, match=said):
        check_prompts(looking_for(*[fire(50)] * 5, grounded=True), ALL, files)


def test_a_detectors_prompt_with_a_stop_in_it_is_refused_as_early(files: FilesOf) -> None:
    with pytest.raises(InputError, match=r"the phrase 'fire\. smoke' is empty or has a"):
        check_prompts(looking_for("fire. smoke", grounded=True), ALL, files)


def test_the_users_own_tags_are_counted_too(files: FilesOf, tmp_path: Path) -> None:
    choices = looking_for()
    annotation = replace(choices.annotation, tags="clip-b32", vocabulary=tmp_path / "tags.txt")
    choices = replace(choices, annotation=annotation)
    (tmp_path / "tags.txt").write_text("sword\nlong = " + fire(20))
    check_prompts(choices, ALL, files)
    (tmp_path / "tags.txt").write_text("sword\nlong = " + fire(76))
    with pytest.raises(InputError, match=r"tags\.txt \(`stage4\.vocabulary`\): the prompt .* 77 at most"):
        check_prompts(choices, ALL, files)
    check_prompts(replace(choices, annotation=replace(annotation, tags=NONE)), ALL, files)


def test_nothing_is_written_before(film: Film, files: FilesOf, tmp_path: Path) -> None:
    options = ProcessOptions(input=film.clip, output=tmp_path / "out", stages=ALL, preset="fast")
    with pytest.raises(InputError, match=WHERE):
        process_chain(options, looking_for(fire(76)), files=files)
    assert not (tmp_path / "out").exists()
