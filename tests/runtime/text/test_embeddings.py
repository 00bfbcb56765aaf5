"""A prompt's vector is computed once, and only used where it belongs."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from trt_anime.runtime.text.embeddings import Vectors, vectors_of


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TRT_ANIME_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


class Encoder:
    """Gives each text its length and its first letter, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []

    def __call__(self, texts: Sequence[str]) -> Vectors:
        self.asked.append(list(texts))
        return np.array([[len(text), ord(text[0])] for text in texts], np.float32)


def test_only_what_is_missing_is_computed() -> None:
    encode = Encoder()
    first = vectors_of(["fire", "smoke"], graph_sha256="a", encode=encode)
    second = vectors_of(["smoke", "größe 剣", "fire", "smoke"], graph_sha256="a", encode=encode)
    assert encode.asked == [["fire", "smoke"], ["größe 剣"]]
    assert first.dtype == second.dtype == np.float32
    np.testing.assert_array_equal(second[[2, 0]], first)
    np.testing.assert_array_equal(second[0], second[3])
    vectors_of(["fire", "größe 剣"], graph_sha256="a", encode=encode)
    assert len(encode.asked) == 2


def test_a_text_that_comes_twice_is_computed_once() -> None:
    encode = Encoder()
    assert vectors_of(["fire", "fire"], graph_sha256="a", encode=encode).shape == (2, 2)
    assert encode.asked == [["fire"]]


def test_another_graph_or_other_letters_are_another_vector() -> None:
    encode = Encoder()
    for text, graph in (("fire", "a"), ("fire", "b"), ("Fire", "a"), ("fire ", "a")):
        vectors_of([text], graph_sha256=graph, encode=encode)
    assert len(encode.asked) == 4


def test_a_damaged_file_is_computed_again(home: Path) -> None:
    encode = Encoder()
    expected = vectors_of(["fire"], graph_sha256="a", encode=encode)
    (path,) = (home / "prompts").iterdir()
    path.write_bytes(path.read_bytes()[:-3])
    np.testing.assert_array_equal(vectors_of(["fire"], graph_sha256="a", encode=encode), expected)
    assert len(encode.asked) == 2
    vectors_of(["fire"], graph_sha256="a", encode=encode)
    assert len(encode.asked) == 2


def test_an_error_keeps_nothing(home: Path) -> None:
    def fails(texts: Sequence[str]) -> Vectors:
        raise RuntimeError("no device")

    with pytest.raises(RuntimeError, match="no device"):
        vectors_of(["fire"], graph_sha256="a", encode=fails)
    assert not (home / "prompts").exists()


def test_no_texts_no_work() -> None:
    encode = Encoder()
    assert vectors_of([], graph_sha256="a", encode=encode).size == 0
    assert encode.asked == []
