"""Search by words finds what tags and captions say."""

from pathlib import Path

import pytest

from trt_anime.errors import InputError
from trt_anime.runtime.annotation.metrics import Metrics
from trt_anime.runtime.annotation.search import by_words
from trt_anime.runtime.annotation.tables import LINES, LinesWriter, Row
from trt_anime.runtime.annotation.tags import Tag

METRICS = Metrics(0.5, 0.5, 0, 0, 0.5, 0, 0, 0, 0, 0xFFFFFFFFFFFFFFFF)


def row(frame: int, caption: str | None, *tags: tuple[str, float]) -> Row:
    found = tuple(Tag(name, "effects", "clip", score) for name, score in tags)
    return Row(
        frame=frame, pts=frame, time=frame / 8, shot=1, held=1, metrics=METRICS, group=0, caption=caption,
        tags=found,
    )  # fmt: skip


ROWS = (
    row(0, None),
    row(1, "a red car in the street", ("energy beam", 0.7)),
    row(2, "a girl with a sword"),
    row(3, None, ("energy beam", 0.9), ("long_hair", 0.8)),
    row(4, "Two girls, one red beam of energy"),
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with (tmp_path / LINES).open("w", encoding="utf-8") as file:
        LinesWriter(file).write(ROWS)
    return tmp_path


@pytest.mark.parametrize(
    ("text", "frames", "score"),
    [
        ("red energy beam", [1, 4, 3], 1.0),
        ("energy beams", [3, 1, 4], 1.0),
        ("girl", [2, 4], 1.0),
        ("the GIRLS with a red sword", [2, 4, 1], 2 / 3),
        ("long hair", [3], 1.0),
        ("dragon", [], 0),
        ("the", [], 0),
    ],
)
def test_rows_with_most_of_the_words_come_first(
    folder: Path, text: str, frames: list[int], score: float
) -> None:
    hits = by_words(folder, text, 10)
    assert [hit.row.frame for hit in hits] == frames
    assert not hits or hits[0].score == pytest.approx(score)


def test_no_more_than_asked_for(folder: Path) -> None:
    assert [hit.row.frame for hit in by_words(folder, "red energy beam", 2)] == [1, 4]


def test_rows_come_back_as_they_were(folder: Path) -> None:
    (hit,) = by_words(folder, "sword", 1)
    assert hit.row == row(2, "a girl with a sword")


def test_nothing_to_look_for_is_refused(folder: Path) -> None:
    with pytest.raises(InputError, match="has no words"):
        by_words(folder, " ?! ", 1)
