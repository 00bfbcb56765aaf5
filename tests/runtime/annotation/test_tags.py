"""Tags are the vocabulary's phrases that a picture is nearer to than to the neutral one."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.runtime.annotation.films import Colours
from trt_anime.errors import InputError
from trt_anime.runtime.annotation.networks import unit
from trt_anime.runtime.annotation.tags import ClipTagger, scores_of
from trt_anime.runtime.annotation.vocabulary import VOCABULARY, Group, read_vocabulary

PLAIN = {"red": "red", "green": "green", "blue": "blue"}


def names(group: Group, *vectors: tuple[float, ...]) -> list[list[str]]:
    tagger = ClipTagger((group,), Colours().text())
    return [[tag.name for tag in tags] for tags in tagger.tags(unit(np.array(vectors, np.float32)))]


def test_one_of_a_group_is_the_likeliest_or_none() -> None:
    group = Group("colour", PLAIN, several=False)
    assert names(group, (1, 0.1, 0, 0), (0.1, 0, 1, 0), (0.1, 0.1, 0, 1)) == [["red"], ["blue"], []]


def test_several_may_hold_at_once_the_likeliest_first() -> None:
    group = Group("colour", PLAIN, several=True)
    assert names(group, (1, 0, 0.9, 0.2), (0, 0.3, 0, 1)) == [["red", "blue"], []]


def test_scores_are_the_softmax_that_clip_was_trained_with() -> None:
    cosines = np.array([[0.31, 0.29, 0.28]], np.float32)
    weights = np.exp([31, 29, 28])
    one = scores_of(cosines, several=False)
    np.testing.assert_allclose(one[0], (weights / weights.sum())[:2], rtol=1e-4)
    several = scores_of(cosines, several=True)
    np.testing.assert_allclose(several[0], [1 / (1 + np.exp(-3)), 1 / (1 + np.exp(-1))], rtol=1e-4)


def test_the_threshold_is_the_groups() -> None:
    vector = (0.717, 0, 0, 0.697)  # of length 1; the score is 1 / (1 + exp(-2)), 0.88
    scored = [names(Group("c", {"red": "red"}, threshold=t), vector) for t in (0.87, 0.89)]
    assert scored == [[["red"]], [[]]]


def test_templates_are_averaged() -> None:
    """Half of them speak of another colour: the tag lies between the two."""
    group = Group("c", {"red": "red"}, templates=("a {} thing", "a {} and blue thing"), neutral="none")
    tagger = ClipTagger((group,), Colours().text())
    (_, texts), = tagger._groups  # fmt: skip
    expected = unit(unit(np.array([[1, 0, 0, 0], [1, 0, 1, 0]], np.float32)).mean(axis=0))
    np.testing.assert_allclose(texts[0], expected, atol=1e-3)


def test_the_vocabulary_that_ships_is_sound() -> None:
    assert len({group.name for group in VOCABULARY}) == len(VOCABULARY) >= 8
    for group in VOCABULARY:
        assert group.tags and 0 < group.threshold < 1
        assert all(template.count("{}") == 1 for template in group.templates)
        assert len(set(group.tags.values())) == len(group.tags)
        assert group.neutral not in group.tags.values()
    assert sum(len(group.tags) for group in VOCABULARY) > 90


def test_a_text_file_of_tags_is_read(tmp_path: Path) -> None:
    path = tmp_path / "tags.txt"
    path.write_text("﻿# mine\nsword\n[people]\n1girl = one girl  # WD's name\n\n剣士\n", encoding="utf-8")
    first, second = read_vocabulary(path)
    assert (first.name, dict(first.tags)) == ("tags", {"sword": "sword"})
    assert (second.name, dict(second.tags)) == ("people", {"1girl": "one girl", "剣士": "剣士"})


def test_a_json_file_of_groups_is_read(tmp_path: Path) -> None:
    path = tmp_path / "tags.json"
    mood = {"tags": ["calm"], "templates": ["a {} scene"], "several": False, "threshold": 0.2}
    path.write_text(json.dumps({"effects": ["fire"], "who": {"1girl": "one girl"}, "mood": mood}))
    assert read_vocabulary(path) == (
        Group("effects", {"fire": "fire"}),
        Group("who", {"1girl": "one girl"}),
        Group("mood", {"calm": "calm"}, templates=("a {} scene",), several=False, threshold=0.2),
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "is not JSON"),
        ("[]", "one JSON object"),
        ('{"a": []}', "no tags"),
        ('{"a": [1]}', "tags of 'a' should be"),
        ('{"a": {"b": ""}}', "tags of 'a' should be"),
        ('{"a": {"tags": ["x"], "templates": []}}', "templates of 'a'"),
        ('{"a": {"tags": ["x"], "templates": ["{} and {}"]}}', "one {} for the tag"),
        ('{"a": {"tags": ["x"], "treshold": 1}}', "no setting 'treshold'"),
        ('{"a": {"tags": ["x"], "several": "no"}}', "several of 'a' can't be 'no'"),
    ],
)
def test_a_bad_vocabulary_is_named(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "tags.json"
    path.write_text(text)
    with pytest.raises(InputError, match=words) as raised:
        read_vocabulary(path)
    assert str(path) in str(raised.value)


def test_a_missing_vocabulary_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="can't be read"):
        read_vocabulary(tmp_path / "none.txt")
