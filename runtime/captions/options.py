"""What to search for, and what a search gives."""

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from trt_anime.errors import InputError

Scores = NDArray[np.float32]
Rows = NDArray[np.int32]


@dataclass(frozen=True, kw_only=True)
class SearchOptions:
    """How captions are chosen.

    Attributes:
        stop: tokens that end a caption.
        most: tokens of a caption, the one that ends it included.
        beams: 1 takes the likeliest token each time; more keep so many beginnings side by side.
        length_penalty: scores of finished captions are divided by their length to this power; above 0 long
            ones gain, below 0 short ones. Of no effect with one beam.
        early: when a picture's search ends, once it has as many finished captions as beams. True: at once.
            False: when none that is under way would be better at its present length. ``never``: when none
            can become better at any length up to `most`.
    """

    stop: tuple[int, ...]
    most: int = 30
    beams: int = 1
    length_penalty: float = 1.0
    early: bool | Literal["never"] = False

    def __post_init__(self) -> None:
        """Raises InputError: no tokens, or no beams."""
        if self.most < 1 or self.beams < 1:
            raise InputError(
                f"captions of {self.most} tokens with {self.beams} beams were asked for; take 1 or more"
            )


@dataclass(frozen=True)
class Caption:
    """Tokens without prompt and without the one that ended it.

    Attributes:
        score: sum of the tokens' log probabilities, the end's included, over length ** length_penalty; the
            penalty is 1 where there is one beam.
        ended: it ended with a stop token, not because it was long enough.
    """

    tokens: tuple[int, ...]
    score: float
    ended: bool


class Language(Protocol):
    """A language model with a cache of what it has read, in rows; a row is one beginning of a caption."""

    def start(self) -> Scores:
        """Read picture and prompt: logits [pictures,vocabulary] of what follows; row n is picture n."""

    def step(self, tokens: Rows, origin: Rows) -> Scores:
        """Go on with a token for each of the rows, of which every picture has equally many.

        Args:
            tokens: int32 [rows].
            origin: int32 [rows], the row of the step before (or of `start`) that each goes on from, of the
                same picture.

        Returns logits [rows,vocabulary], valid until the next call. Raises InputError: the cache is full.
        """
