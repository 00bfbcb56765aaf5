"""What changed since the last release on such a machine, and whether that is noise."""

from pathlib import Path

import pytest

from benchmarks import past
from benchmarks.pairs import Pair
from trt_anime.errors import InputError


def then(
    ratios: list[float], *, quiet: bool = True, release: str = "0.1.0", date: str = "2026-01-01"
) -> past.Then:
    pair = Pair("chain", "PyTorch", [1.0] * len(ratios), ratios, "same")
    return past.then_of([pair], release=release, machine="AMD EPYC, 2 cores", date=date, quiet=quiet)


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ([1.5, 1.6, 1.7], [2.0, 2.1, 2.2], "**+31 %, better**"),
        ([2.0, 2.1, 2.2], [1.5, 1.6, 1.7], "**-24 %, worse**"),
        ([1.5, 1.6, 1.8], [1.7, 1.75, 1.9], "+9 %, noise: the spreads overlap"),
    ],
)
def test_only_spreads_that_stand_apart_are_a_change(
    before: list[float], after: list[float], words: str
) -> None:
    assert f"| {words} |" in past.changes(then(before), then(after))


def test_a_busy_machine_proves_no_change() -> None:
    text = past.changes(then([1.5, 1.6]), then([2.0, 2.1], quiet=False))
    assert "a machine was not quiet" in text and "better" not in text


def test_what_is_new_and_what_is_gone_are_named() -> None:
    other = past.Then("0.2.0", "m", "2026-02-01", True, {"writer": [3.0]})
    text = past.changes(then([1.5]), other)
    assert "| new |" in text and "| not measured |" in text


def test_the_last_of_the_same_class_is_found(tmp_path: Path) -> None:
    kept = past.keep(then([1.0], date="2026-01-01"), tmp_path)
    past.keep(then([2.0], release="0.2.0", date="2026-03-01"), tmp_path)
    past.keep(past.Then("0.3.0", "other", "2026-05-01", True, {}), tmp_path)
    assert kept.name == "0.1.0--amd-epyc-2-cores.json"
    found = past.latest("AMD EPYC, 2 cores", tmp_path)
    assert found is not None and (found.release, found.ratios) == (
        "0.2.0",
        {"chain, against PyTorch": [2.0]},
    )
    assert past.latest("a third", tmp_path) is None


def test_one_release_has_one_file_on_a_machine(tmp_path: Path) -> None:
    past.keep(then([1.0]), tmp_path)
    past.keep(then([2.0]), tmp_path)
    assert len(list(tmp_path.iterdir())) == 1


def test_a_file_that_is_no_record_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("{}")
    with pytest.raises(InputError, match=r"x\.json"):
        past.latest("m", tmp_path)


def test_kept_records_can_be_read() -> None:
    past.latest("whatever")
