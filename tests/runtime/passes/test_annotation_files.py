"""The user's own vocabulary and tagger: read before anything else, and known by what they hold."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.runtime.passes.conftest import CHOICES, Film
from trt_anime.errors import InputError
from trt_anime.runtime.passes.choices import Annotation, Choices


def choices(*, vocabulary: Path | None = None, tagger: Path | None = None) -> Choices:
    return replace(CHOICES, annotation=Annotation(vocabulary=vocabulary, tagger=tagger))


def test_a_file_that_is_missing_is_said_before_anything_is_written(film: Film, tmp_path: Path) -> None:
    missing = tmp_path / "missing.onnx"
    for chosen in (choices(vocabulary=missing), choices(tagger=missing)):
        with pytest.raises(InputError, match=r"missing\.onnx"):
            film.run(tmp_path / "out", choices=chosen)
        assert not (tmp_path / "out").exists()


def test_a_tagger_without_its_words_is_said_before_anything_is_written(film: Film, tmp_path: Path) -> None:
    tagger = tmp_path / "model.onnx"
    tagger.touch()
    with pytest.raises(InputError, match=r"selected_tags\.csv"):
        film.run(tmp_path / "out", choices=choices(tagger=tagger))
    assert not (tmp_path / "out").exists()


def test_a_vocabulary_that_was_edited_is_another_one(film: Film, tmp_path: Path) -> None:
    tags, output = tmp_path / "tags.txt", tmp_path / "out"
    tags.write_text("sword\n")
    film.run(output, "4", choices=choices(vocabulary=tags), limit=2)
    film.run(output, "4", choices=choices(vocabulary=tags), limit=2, resume=True)
    tags.write_text("sword\nred energy beam\n")
    with pytest.raises(InputError, match=r"annotation\.vocabulary"):
        film.run(output, "4", choices=choices(vocabulary=tags), limit=2, resume=True)
