"""The arithmetic between a measurement and a published number."""

import pytest

from benchmarks.tables import Spread, change, markdown, paired_ratio


def test_a_spread_holds_the_middle_and_both_ends() -> None:
    spread = Spread.of([3.0, 1.0, 2.0])
    assert spread == Spread(2.0, 1.0, 3.0)
    assert spread.text(1) == "2.0 (1.0–3.0)"  # noqa: RUF001


def test_a_ratio_is_taken_within_each_round_so_that_a_slow_round_changes_nothing() -> None:
    assert paired_ratio([300.0, 900.0, 300.0], [200.0, 600.0, 200.0]) == Spread(1.5, 1.5, 1.5)


def test_a_ratio_needs_as_many_rounds_of_both() -> None:
    with pytest.raises(ValueError, match="zip"):
        paired_ratio([1.0, 2.0], [1.0])


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [(4.0, 3.0, "-25.0 %"), (4.0, 5.0, "+25.0 %"), (0.0, 0.0, "±0.0 %"), (0.0, 1.0, "from 0")],
)
def test_a_change_is_told_in_percent(before: float, after: float, words: str) -> None:
    assert change(before, after) == words


def test_a_table_has_its_numbers_to_the_right() -> None:
    assert markdown(["what", "ms"], [["ours", "1"]]) == "| what | ms |\n| --- | ---: |\n| ours | 1 |"
