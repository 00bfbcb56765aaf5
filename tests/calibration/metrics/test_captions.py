from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from trt_anime.calibration.metrics.captions import Agreement, agreement
from trt_anime.errors import InputError

STOP = 2
CAPTIONS = st.lists(st.lists(st.integers(0, 5), max_size=6), max_size=4)


def said(*tokens: int) -> NDArray[np.int64]:
    return np.array(tokens, dtype=np.int64)


def test_counts_positions_of_the_longer_one() -> None:
    found = agreement([said(7, 8, 9), said(5)], [said(7, 1, 9, 4, 4), said(5)])
    assert found == Agreement(equal=3, positions=6, exact=1, captions=2, length_difference=2)
    assert (found.tokens, found.exact_match) == (0.5, 0.5)


def test_nothing_counts_from_the_stop_on() -> None:
    padded, other = said(7, 8, STOP, STOP, STOP), said(7, 8, STOP, 99, 98)
    assert agreement([padded], [other], stop=STOP) == Agreement(2, 2, 1, 1, 0)
    assert agreement([padded], [other]).tokens == 0.6
    longer = agreement([padded], [said(7, 8, 9, STOP, STOP)], stop=STOP)
    assert longer == Agreement(2, 3, 0, 1, 1)


def test_an_inserted_token_moves_all_that_follow() -> None:
    assert agreement([said(7, 8, 9)], [said(6, 7, 8, 9)]).tokens == 0.0


def test_two_that_say_nothing_agree() -> None:
    assert agreement([said(STOP)], [said()], stop=STOP).tokens == 1.0
    assert agreement([], []).exact_match == 1.0


def test_takes_a_batch() -> None:
    batch = np.array([[7, STOP, 0], [8, 9, STOP]], np.int64)
    assert agreement(batch, batch, stop=STOP) == Agreement(3, 3, 2, 2, 0)  # type: ignore[arg-type]


@given(CAPTIONS)
def test_equal_captions_agree_wholly(lists: list[list[int]]) -> None:
    captions = [said(*tokens) for tokens in lists]
    found = agreement(captions, captions, stop=STOP)
    assert (found.tokens, found.exact_match, found.length_difference) == (1.0, 1.0, 0)


@given(CAPTIONS, CAPTIONS)
def test_adds_up(ours: list[list[int]], theirs: list[list[int]]) -> None:
    pairs = list(zip(map(said_all, ours), map(said_all, theirs), strict=False))
    total = Agreement(0, 0, 0, 0, 0)
    for a, b in pairs:
        total += agreement([a], [b])
    assert total == agreement([a for a, _ in pairs], [b for _, b in pairs])


@pytest.mark.parametrize("bad", [np.zeros(2), np.zeros((1, 2), np.int64)], ids=["dtype", "shape"])
def test_bad_captions_are_refused(bad: NDArray[Any]) -> None:
    with pytest.raises(InputError, match="pass"):
        agreement([bad], [said(1)])
    with pytest.raises(InputError, match="pass"):
        agreement([said(1)], [bad])
    with pytest.raises(InputError, match="one candidate per reference"):
        agreement([said(1)], [])


def said_all(tokens: list[int]) -> NDArray[np.int64]:
    return said(*tokens)
