"""Words that the user gave, counted as the networks will read them, before anything is computed."""

from collections.abc import Sequence

from trt_anime.errors import InputError
from trt_anime.runtime.annotation.tags import texts_of
from trt_anime.runtime.annotation.vocabulary import read_vocabulary
from trt_anime.runtime.detections.prompts import caption
from trt_anime.runtime.passes.choices import NONE, Annotation, Choices, Effects
from trt_anime.runtime.passes.networks import FilesOf
from trt_anime.runtime.text.tokenizer import Tokenizer

EFFECTS = "effect prompts (`--effects`, or `stage2b.effect_prompts` in the configuration)"


def check_prompts(choices: Choices, stages: Sequence[str], files: FilesOf) -> None:
    """See that what the networks of these stages are to read is no longer than they read.

    Raises:
        InputError: it is; the sentence names where it was given, the text, its tokens and the limit.
        MissingError, CheckpointError: a tokenizer isn't here, or can't be read.
    """
    if "2b" in stages and choices.effects.prompts:
        model = choices.effects.models[0]
        _check_effects(choices.effects, model, files(model).tokenizer(model))
    tags = choices.annotation.tags
    if "4" in stages and tags != NONE:
        _check_vocabulary(choices.annotation, files(tags).tokenizer(tags))


def _check_effects(effects: Effects, model: str, words: Tokenizer) -> None:
    texts = [prompt.text for prompt in effects.prompts]
    if effects.method == "clipseg":
        _encode(words, texts, EFFECTS)
        return
    whole = words.count(caption(texts))
    if whole > words.context:
        longest = max(texts, key=words.count)
        raise InputError(
            f"{EFFECTS}: {model} reads all {len(texts)} as one text, which has {whole} tokens, and it reads"
            f" {words.context} at most; leave some out, or look for them in a second run; the longest is"
            f" '{longest[:60]}' with {words.count(longest)}"
        )


def _check_vocabulary(chosen: Annotation, words: Tokenizer) -> None:
    if chosen.vocabulary is not None:
        for group in read_vocabulary(chosen.vocabulary):
            _encode(words, texts_of(group), f"{chosen.vocabulary} (`stage4.vocabulary`)")


def _encode(words: Tokenizer, texts: Sequence[str], where: str) -> None:
    try:
        words.encode(texts)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
