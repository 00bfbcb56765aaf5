"""Vectors come back, the nearest are found, and an index that can't be trusted is built anew."""

import builtins
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from trt_anime.errors import InputError, MissingError
from trt_anime.files import sha256_of
from trt_anime.runtime.annotation import vector_index
from trt_anime.runtime.annotation.embeddings import Embeddings, VectorFile
from trt_anime.runtime.annotation.networks import unit
from trt_anime.runtime.annotation.vector_index import nearest, place_of
from trt_anime.runtime.text.embeddings import Vectors

ROWS, DEPTH = 600, 32


def vectors(rows: int = ROWS, *, seed: int = 1) -> Vectors:
    return unit(np.random.default_rng(seed).normal(size=(rows, DEPTH)))


def written(folder: Path, array: Vectors) -> Embeddings:
    path = folder / "clip.npy"
    path.write_bytes(b"")
    with VectorFile(path) as file:
        for start in range(0, len(array), 7):
            file.append(array[start : start + 7])
    frames = tuple(3 * row for row in range(len(array)))
    return Embeddings("clip", "clip-b32", "a" * 64, path, sha256_of(path), DEPTH, frames)


def search(
    embeddings: Embeddings, query: Vectors, count: int = 5
) -> tuple[list[tuple[int, float]], list[str]]:
    notes: list[str] = []
    return nearest(embeddings, query, count, threads=1, notify=notes.append), notes


@pytest.fixture
def small_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on, an index is built for a hundred rows."""
    monkeypatch.setattr(vector_index, "EXACT", 100)


@pytest.mark.parametrize("rows", [1, 7, 20, 12345])
def test_rows_that_are_appended_are_a_plain_array(tmp_path: Path, rows: int) -> None:
    array = vectors(rows)
    kept = written(tmp_path, array)
    plain = np.load(kept.path)
    assert plain.dtype == np.float16 and plain.shape == (rows, DEPTH)
    np.testing.assert_array_equal(plain, array.astype(np.float16))


def test_the_nearest_are_those_of_a_full_comparison(tmp_path: Path) -> None:
    array, kept = vectors(), written(tmp_path, vectors())
    for query in vectors(20, seed=2):
        found, notes = search(kept, query)
        expected = np.argsort(-(array @ query))[:5]
        assert [frame for frame, _ in found] == [3 * int(row) for row in expected]
        np.testing.assert_allclose([score for _, score in found], (array @ query)[expected], atol=2e-3)
        assert notes == []


def test_fewer_rows_than_asked_for_are_all_of_them(tmp_path: Path) -> None:
    found, _ = search(written(tmp_path, vectors(3)), vectors(1)[0], 10)
    assert sorted(frame for frame, _ in found) == [0, 3, 6]


@pytest.mark.usefixtures("small_exact")
def test_an_index_is_built_once_and_finds_the_same(tmp_path: Path) -> None:
    array, kept = vectors(), written(tmp_path, vectors())
    _, notes = search(kept, array[0])
    assert notes == [f"{place_of(kept)}: is built, once, for 600 frames"]
    hits = 0
    for query in vectors(20, seed=2):
        found, notes = search(kept, query)
        assert notes == []
        hits += len({frame for frame, _ in found} & {3 * int(r) for r in np.argsort(-(array @ query))[:5]})
    assert hits >= 98


@pytest.mark.usefixtures("small_exact")
def test_an_index_of_other_frames_is_built_anew(tmp_path: Path) -> None:
    search(written(tmp_path, vectors()), vectors()[0])
    other = written(tmp_path, vectors(seed=3))
    found, notes = search(other, vectors(seed=3)[77])
    assert found[0][0] == 3 * 77 and found[0][1] == pytest.approx(1, abs=1e-2)
    assert notes == [f"{place_of(other)}: is of other frames; it is built anew"]
    assert search(other, vectors(seed=3)[5])[1] == []


@pytest.mark.usefixtures("small_exact")
@pytest.mark.parametrize("damage", ["cut", "flipped", "empty"])
def test_a_damaged_index_is_built_anew(tmp_path: Path, damage: str) -> None:
    kept = written(tmp_path, vectors())
    search(kept, vectors()[0])
    data = bytearray(place_of(kept).read_bytes())
    data[len(data) // 2] ^= 0x40
    content = {"cut": bytes(data[:-9]), "flipped": bytes(data), "empty": b""}[damage]
    place_of(kept).write_bytes(content)
    found, notes = search(kept, vectors()[9])
    assert found[0][0] == 27 and notes == [f"{place_of(kept)}: is damaged; it is built anew"]
    assert search(kept, vectors()[9]) == (found, [])


@pytest.mark.usefixtures("small_exact")
@pytest.mark.parametrize("seal", [None, "", "{}", "[1]"])
def test_an_index_without_a_seal_is_built_anew(tmp_path: Path, seal: str | None) -> None:
    kept = written(tmp_path, vectors())
    search(kept, vectors()[0])
    path = place_of(kept).with_name("clip.usearch.json")
    path.unlink() if seal is None else path.write_text(seal)
    _, notes = search(kept, vectors()[0])
    assert len(notes) == 1 and "has no seal that can be read; it is built anew" in notes[0]


@pytest.mark.usefixtures("small_exact")
def test_an_index_that_cant_be_kept_still_answers(tmp_path: Path) -> None:
    kept = written(tmp_path, vectors())
    place_of(kept).with_name("clip.usearch.json").mkdir()
    found, notes = search(kept, vectors()[9])
    assert found[0][0] == 27 and notes[1].startswith("the index isn't kept: ")


@pytest.mark.parametrize("damage", ["cut", "gone", "short"])
def test_a_damaged_array_is_named(tmp_path: Path, damage: str) -> None:
    kept = written(tmp_path, vectors(10))
    if damage == "gone":
        kept.path.unlink()
    elif damage == "cut":
        kept.path.write_bytes(kept.path.read_bytes()[:-64])
    else:
        written(tmp_path, vectors(9))
    with pytest.raises(InputError, match=r"clip\.npy: isn't the array that was written"):
        search(kept, vectors()[0])


def test_without_usearch_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name == "usearch":
            raise ImportError(name)
        return real(name, *rest)

    kept = written(tmp_path, vectors(10))
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingError, match=r"pip install 'trt-anime\[datasets\]'"):
        search(kept, vectors()[0])
