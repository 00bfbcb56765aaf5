"""Text as the numbers that a network was trained on, from its published `tokenizer.json`.

One class for CLIP, BERT and OPT: everything in which they differ (how text is cleaned and cut, which tokens
stand around it) is in that file, and the `tokenizers` package reads it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from trt_anime.errors import CheckpointError, InputError, MissingError

if TYPE_CHECKING:
    from tokenizers import Tokenizer as Backend

Ids = NDArray[np.int32]

# What fills a row up, by family: BERT, OPT, CLIP. The file itself doesn't say.
_FILLERS = ("[PAD]", "<pad>", "<|endoftext|>")


@dataclass(frozen=True)
class Tokens:
    """Texts as rows of numbers.

    Attributes:
        ids: int32 [N,context], filled up at the end with the padding token.
        mask: int32 [N,context]: 1 where a token of the text is, those at its ends included, 0 behind them.
    """

    ids: Ids
    mask: Ids

    @property
    def lengths(self) -> Ids:
        """int32 [N]: how many tokens each text has."""
        lengths: Ids = self.mask.sum(axis=1, dtype=np.int32)
        return lengths


class Tokenizer:
    """A published tokenizer for a network that reads `context` tokens."""

    def __init__(self, backend: "Backend", *, context: int, source: Path) -> None:
        """`source` only names the file in errors. Raises CheckpointError: it has no padding token."""
        # The file may hold the settings of whoever saved it; a text that was cut silently is an error here.
        backend.no_truncation()
        backend.no_padding()
        self.context = context
        self._backend, self._source = backend, source
        fillers = [token for token in _FILLERS if backend.token_to_id(token) is not None]
        if not fillers:
            raise CheckpointError(
                f"{source}: it has no token to fill rows up with ({', '.join(_FILLERS)}); "
                "use the tokenizer that was published with the network"
            )
        self.padding = self.id_of(fillers[0])

    @classmethod
    def from_file(cls, tokenizer_json: Path, *, context: int) -> "Tokenizer":
        """Read a published ``tokenizer.json``.

        Args:
            context: how many tokens the network reads, such as 77 for CLIP.

        Raises:
            MissingError: there is no such file.
            CheckpointError: it can't be read, or is no tokenizer of a known family.
        """
        from tokenizers import Tokenizer as Backend

        try:
            content = tokenizer_json.read_text(encoding="utf-8")
        except FileNotFoundError:
            raise MissingError(
                f"{tokenizer_json}: the tokenizer isn't there; run `trt-anime models pull` for its network"
            ) from None
        except (OSError, UnicodeDecodeError) as error:
            raise _unreadable(tokenizer_json, error) from error
        try:
            backend = Backend.from_str(content)
        except Exception as error:  # the library raises nothing narrower
            raise _unreadable(tokenizer_json, error) from error
        return cls(backend, context=context, source=tokenizer_json)

    def encode(self, texts: Sequence[str]) -> Tokens:
        """The tokens of each text, with the tokens that the network expects around it.

        Raises:
            InputError: a text is longer than the context; nothing is ever cut off.
        """
        rows = [encoding.ids for encoding in self._backend.encode_batch(list(texts))]
        for text, row in zip(texts, rows, strict=True):
            if len(row) > self.context:
                raise InputError(
                    f"the prompt '{_shortened(text)}' has {len(row)} tokens, the network reads"
                    f" {self.context} at most; shorten it or make two of it"
                )
        ids = np.full((len(rows), self.context), self.padding, np.int32)
        mask = np.zeros_like(ids)
        for number, row in enumerate(rows):
            ids[number, : len(row)] = row
            mask[number, : len(row)] = 1
        return Tokens(ids, mask)

    def count(self, text: str) -> int:
        """How many tokens a text has, those at its ends included; it may be longer than the context."""
        return len(self._backend.encode(text).ids)

    def decode(self, ids: Iterable[int]) -> str:
        """The text of one row of ids, without the tokens around it and without padding."""
        return self._backend.decode([int(number) for number in ids], skip_special_tokens=True).strip()

    def id_of(self, token: str) -> int:
        """The number of one token as it is spelled in the file, such as ``[SEP]``.

        Raises CheckpointError: the tokenizer hasn't it, so it is another network's.
        """
        number = self._backend.token_to_id(token)
        if number is None:
            raise CheckpointError(
                f"{self._source}: it has no token '{token}'; "
                "use the tokenizer that was published with the network"
            )
        return int(number)


def _unreadable(path: Path, error: Exception) -> CheckpointError:
    reason = str(error).strip().partition("\n")[0]
    return CheckpointError(
        f"{path}: it can't be read as a tokenizer ({reason}); pull the network with --force"
    )


def _shortened(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:39]}…"
