"""What a detector is to look for: phrases, as one text and as the token ids that its graph takes.

The words of GroundingDINO's processor: phrases in lower case, a full stop behind each, as in
``fire. black smoke.``; ids are those of BERT, uncased.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trt_anime.errors import InputError
from trt_anime.runtime.text.tokenizer import Tokenizer

START, END, STOP, QUESTION = 101, 102, 1012, 1029
PADDING = 0


@dataclass(frozen=True)
class Prompt:
    """Phrases and their tokens.

    Attributes:
        phrases: as the user gave them.
        ids: of the whole text, with its start and end.
        spans: per phrase, the (first, one behind the last) of its tokens in `ids`.
    """

    phrases: tuple[str, ...]
    ids: tuple[int, ...]
    spans: tuple[tuple[int, int], ...]

    def padded(self, context: int) -> NDArray[np.int64]:
        """int64 [1,context], `PADDING` behind the end: the input ``ids`` of the graph `prompt`.

        Raises:
            InputError: it has more tokens than that.
        """
        if len(self.ids) > context:
            raise InputError(
                f"the prompt of {len(self.phrases)} phrases has {len(self.ids)} tokens, and the model "
                f"takes {context}; leave some out, or look for them in a second run"
            )
        result = np.full((1, context), PADDING, np.int64)
        result[0, : len(self.ids)] = self.ids
        return result


def caption(phrases: Sequence[str]) -> str:
    """The text of a prompt, such as ``fire. black smoke.``, to be tokenized.

    Raises:
        InputError: no phrase, an empty one, or one with a stop in it, which would end it there.
    """
    words = [phrase.strip().lower() for phrase in phrases]
    if not words:
        raise InputError("there is nothing to look for; name at least one thing, such as 'fire'")
    for phrase, word in zip(phrases, words, strict=True):
        if not word or any(stop in word for stop in ".?"):
            raise InputError(f"the phrase {phrase!r} is empty or has a '.' or '?' in it; use words only")
    return ". ".join(words) + "."


def prompt_from_phrases(phrases: Sequence[str], tokenizer: Tokenizer) -> Prompt:
    """The prompt that looks for `phrases`.

    Raises:
        InputError: see `caption`; or they have more tokens than the tokenizer's context.
    """
    tokens = tokenizer.encode([caption(phrases)])
    return prompt_from_ids(phrases, tokens.ids[0, : tokens.lengths[0]].tolist())


def prompt_from_ids(phrases: Sequence[str], ids: Sequence[int]) -> Prompt:
    """The prompt whose `caption` has these token ids.

    Raises:
        InputError: they hold another number of phrases: of another tokenizer, or text.
    """
    spans: list[tuple[int, int]] = []
    first = 1
    for place, token in enumerate(ids):
        if token in (START, END, STOP, QUESTION):
            if place > first:
                spans.append((first, place))
            first = place + 1
    whole = bool(ids) and ids[0] == START and ids[-1] == END
    if not whole or len(spans) != len(phrases):
        raise InputError(
            f"{len(phrases)} phrases came with the token ids of {len(spans)}; use the tokenizer.json that "
            "is published with the detector"
        )
    return Prompt(tuple(phrases), tuple(ids), tuple(spans))
