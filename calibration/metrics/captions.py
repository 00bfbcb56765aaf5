"""How far two captions agree, token by token."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trt_anime.errors import InputError

Tokens = NDArray[np.int64]


@dataclass(frozen=True)
class Agreement:
    """Of captions, pair by pair; adds up.

    Attributes:
        equal: positions at which both have the same token.
        positions: of the longer caption.
        exact: pairs that are the same from beginning to end.
        captions: pairs.
        length_difference: tokens that the candidate has more, or fewer, counted in either direction.
    """

    equal: int
    positions: int
    exact: int
    captions: int
    length_difference: int

    def __add__(self, other: "Agreement") -> "Agreement":
        return Agreement(
            self.equal + other.equal,
            self.positions + other.positions,
            self.exact + other.exact,
            self.captions + other.captions,
            self.length_difference + other.length_difference,
        )

    @property
    def tokens(self) -> float:
        """Share of equal tokens, 0..1; 1 where nothing is said in either."""
        return self.equal / self.positions if self.positions else 1.0

    @property
    def exact_match(self) -> float:
        """Share of captions that are the same, 0..1."""
        return self.exact / self.captions if self.captions else 1.0


def agreement(
    references: Sequence[Tokens], candidates: Sequence[Tokens], *, stop: int | None = None
) -> Agreement:
    """Compare captions, each int64 [T] of its own length; an int64 [B,T] array is such a sequence.

    stop: a caption ends before its first token of this kind, whatever follows; None: it is all of it.

    Raises InputError when there are not as many candidates as references, or dtype or shape differ.
    """
    if len(references) != len(candidates):
        raise InputError(
            f"There are {len(references)} and {len(candidates)} captions; pass one candidate per reference."
        )
    pairs = [
        (_said(reference, stop), _said(candidate, stop))
        for reference, candidate in zip(references, candidates, strict=True)
    ]
    return Agreement(
        equal=sum(_equal(a, b) for a, b in pairs),
        positions=sum(max(len(a), len(b)) for a, b in pairs),
        exact=sum(np.array_equal(a, b) for a, b in pairs),
        captions=len(pairs),
        length_difference=sum(abs(len(a) - len(b)) for a, b in pairs),
    )


def _equal(a: Tokens, b: Tokens) -> int:
    shorter = min(len(a), len(b))
    return int(np.count_nonzero(a[:shorter] == b[:shorter]))


def _said(tokens: Tokens, stop: int | None) -> Tokens:
    if tokens.dtype != np.int64 or tokens.ndim != 1:
        raise InputError(f"A caption is {tokens.dtype} {tokens.shape}; pass int64 tokens in a row.")
    stops = np.flatnonzero(tokens == stop) if stop is not None else np.empty(0, np.intp)
    return tokens[: stops[0]] if stops.size else tokens
