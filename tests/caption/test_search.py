"""Searches by themselves, over a language of a few words."""

import numpy as np
import pytest

from trt_anime.errors import InputError
from trt_anime.runtime.captions.options import Rows, Scores, SearchOptions
from trt_anime.runtime.captions.search import captions_of, largest, log_softmax


class Table:
    """What follows depends on the last token only: `odds` [vocabulary,vocabulary], of the start `first`."""

    def __init__(self, first: list[float], odds: list[list[float]], pictures: int = 1) -> None:
        self._first = np.log(np.array([first] * pictures, np.float32))
        self._odds = np.log(np.array(odds, np.float32))
        self.steps: list[list[int]] = []

    def start(self) -> Scores:
        return self._first

    def step(self, tokens: Rows, origin: Rows) -> Scores:
        self.steps.append(origin.tolist())
        found: Scores = self._odds[tokens]
        return found


# 0 ends. Greedily 1 comes first, and then all is equally unlikely; 2 is sure of its end.
ODDS = [[1e-9, 1e-9, 1e-9, 1], [0.25, 0.25, 0.25, 0.25], [0.97, 0.01, 0.01, 0.01], [0.1, 0.3, 0.3, 0.3]]
FIRST = [0.02, 0.5, 0.4, 0.08]


def test_greedy_takes_the_likeliest_token_each_time() -> None:
    (found,) = captions_of(Table(FIRST, ODDS), SearchOptions(stop=(0,), most=5))
    assert (found.tokens, found.ended) == ((1,), True)  # of equal ones the first
    assert found.score == pytest.approx((np.log(0.5) + np.log(0.25)) / 2, abs=1e-6)


def test_beams_find_what_greed_misses() -> None:
    (found,) = captions_of(Table(FIRST, ODDS), SearchOptions(stop=(0,), most=5, beams=2))
    assert (found.tokens, found.ended) == ((2,), True)
    assert found.score == pytest.approx((np.log(0.4) + np.log(0.97)) / 2, abs=1e-6)


def test_what_does_not_end_is_cut() -> None:
    endless = [[1e-9, 1 / 3, 1 / 3, 1 / 3]] * 4
    for beams in (1, 2):
        (found,) = captions_of(Table(endless[0], endless), SearchOptions(stop=(0,), most=3, beams=beams))
        assert len(found.tokens) == 3 and not found.ended


def test_the_first_step_makes_beams_of_pictures() -> None:
    language = Table(FIRST, ODDS, pictures=2)
    captions_of(language, SearchOptions(stop=(0,), most=3, beams=2, early="never", length_penalty=2))
    assert language.steps[0] == [0, 0, 1, 1]
    assert all({*rows[:2]} <= {0, 1} and {*rows[2:]} <= {2, 3} for rows in language.steps[1:])


def test_a_caption_of_one_token_takes_no_step() -> None:
    language = Table(FIRST, ODDS)
    (found,) = captions_of(language, SearchOptions(stop=(0,), most=1, beams=2))
    assert found.tokens == (1,) and not language.steps


def test_options_without_tokens_or_beams_are_refused() -> None:
    with pytest.raises(InputError, match="captions of 0 tokens"):
        SearchOptions(stop=(0,), most=0)
    with pytest.raises(InputError, match="with 0 beams"):
        SearchOptions(stop=(0,), beams=0)


def test_largest_gives_equal_ones_in_order() -> None:
    assert largest(np.array([1, 3, 2, 3, 0], np.float32), 3) == [1, 3, 2]
    assert largest(np.array([1, 2], np.float32), 5) == [1, 0]


def test_log_softmax_stands_large_numbers() -> None:
    found = log_softmax(np.array([[1e4, 1e4, -1e4]], np.float32))
    np.testing.assert_allclose(found[0, :2], np.log(0.5), atol=1e-6)
