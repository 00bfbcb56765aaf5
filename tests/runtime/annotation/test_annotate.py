"""A folder is annotated with whatever there is: what is known is in the table, and what lacks is said."""

import builtins
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet
import pytest

from tests.runtime.annotation.films import (
    COLOURS,
    FIGURES,
    SHOTS,
    SMEARED,
    Colours,
    Film,
    colour_vector,
    folder_with,
)
from trt_anime.errors import EngineError, InputError, OutputError
from trt_anime.runtime.annotation.annotate import annotate
from trt_anime.runtime.annotation.metrics import metrics_of
from trt_anime.runtime.annotation.store import read_annotation
from trt_anime.runtime.annotation.tables import Row, read_rows
from trt_anime.runtime.annotation.tags import Tag
from trt_anime.runtime.annotation.tools import Tools
from trt_anime.runtime.annotation.vocabulary import Group
from trt_anime.runtime.media.frames import Pixels
from trt_anime.runtime.results.places import ANNOTATION
from trt_anime.runtime.results.reader import Results

VOCABULARY = (Group("colour", {name: f"{name} thing" for name in COLOURS}, several=False),)


def captions(frames: Sequence[Pixels]) -> list[str]:
    return [f"a figure, {int(frame.mean())}" for frame in frames]


def tools(clip: Colours, **more: Any) -> Tools:
    return Tools(
        clip=clip.picture(), clip_text=clip.text(), dino=clip.picture(sha="d" * 64), captions=captions,
        vocabulary=VOCABULARY, **more,
    )  # fmt: skip


def rows_of(results: Results, tools: Tools) -> tuple[dict[int, Row], list[str]]:
    notes: list[str] = []
    annotate(results, tools, results.folder / ANNOTATION, notes.append)
    return {row.frame: row for row in read_rows(results.folder / ANNOTATION)}, notes


def test_every_drawing_has_a_row(results: Results, figures: Film) -> None:
    rows, _ = rows_of(results, tools(Colours()))
    assert list(rows) == [index for shot in SHOTS for index in shot.fresh]
    assert [(row.shot, row.held) for row in rows.values()] == [(1, 2)] * 4 + [(2, 1)] * 6 + [(3, 3)] * 2
    for index, row in rows.items():
        expected = metrics_of(figures.frames[index])
        assert row.metrics.hash == expected.hash
        assert row.metrics.sharpness == pytest.approx(expected.sharpness, abs=1e-5)
        assert row.time == pytest.approx(index / 24, abs=1e-6)


def test_characters_are_where_the_ids_are(results: Results, figures: Film) -> None:
    rows, _ = rows_of(results, tools(Colours()))
    for index, row in rows.items():
        assert row.characters is not None
        (person,) = row.characters
        where = np.argwhere(figures.ids[index] > 0)
        (top, left), (bottom, right) = where.min(axis=0), where.max(axis=0) + 1
        assert person.id == FIGURES[row.shot][1]
        assert person.box == (left, top, right, bottom)
        assert person.area == pytest.approx(len(where) / figures.ids[index].size, abs=1e-5)


def test_the_smeared_frames_are_no_ones_best(results: Results) -> None:
    rows, _ = rows_of(results, tools(Colours()))
    best = {row.shot: row for row in rows.values() if row.best_of}
    assert {shot: row.best_of for shot, row in best.items()} == {1: (1,), 2: (2,), 3: (1,)}
    assert best[2].frame not in SMEARED
    first = next(row for row in rows.values() if row.shot == 2 and "first" in row.represents)
    assert first.frame not in SMEARED


def test_only_chosen_frames_are_described_and_rightly(results: Results) -> None:
    rows, notes = rows_of(results, tools(Colours(), per_shot=2))
    chosen = [row for row in rows.values() if row.represents or row.best_of]
    assert notes == [] and 3 <= len(chosen) < len(rows)
    for row in rows.values():
        assert (row.tags is not None) == (row.caption is not None) == (row in chosen)
    for row in chosen:
        assert [tag.name for tag in row.tags or ()] == [FIGURES[row.shot][0]]
    assert all(sum(bool(row.represents) for row in rows.values() if row.shot == n) <= 2 for n in (1, 2, 3))


def test_vectors_are_of_their_frames(results: Results, figures: Film) -> None:
    rows, _ = rows_of(results, tools(Colours()))
    annotation = read_annotation(results.folder / ANNOTATION)
    assert annotation.embeddings.keys() == {"clip", "dino"} and annotation.rows == len(rows)
    for name, sha in (("clip", "a" * 64), ("dino", "d" * 64)):
        kept = annotation.embeddings[name]
        assert (kept.model, kept.checkpoint_sha256) == ("clip-b32", sha)
        assert list(kept.frames) == [row.frame for row in rows.values() if row.represents or row.best_of]
        expected = np.stack([colour_vector(figures.frames[index]) for index in kept.frames])
        np.testing.assert_allclose(kept.vectors().astype(np.float32), expected, atol=2e-3)
        assert isinstance(kept.vectors(), np.memmap)


def test_batches_give_what_single_frames_give(results: Results) -> None:
    rows_of(results, tools(Colours()))
    folder = results.folder / ANNOTATION
    single = read_annotation(folder).embeddings["clip"].vectors().copy()
    clip = Colours()
    rows_of(results, Tools(clip=clip.picture(batch=4)))
    assert set(clip.seen) == {4}
    np.testing.assert_array_equal(read_annotation(folder).embeddings["clip"].vectors(), single)


def test_parquet_holds_the_same_rows(results: Results) -> None:
    rows, _ = rows_of(results, tools(Colours()))
    table = pyarrow.parquet.read_table(results.folder / ANNOTATION / "annotation.parquet").to_pylist()
    assert len(table) == len(rows)
    for line in table:
        row = rows[line["frame"]]
        expected = row.to_json()
        assert line.keys() == expected.keys()
        assert (line["hash"], line["caption"], line["group"]) == (expected["hash"], row.caption, row.group)
        assert line["sharpness"] == pytest.approx(row.metrics.sharpness, abs=1e-5)
        assert row.characters is not None
        assert line["characters"][0]["box"] == list(row.characters[0].box)
        tags = None if line["tags"] is None else [tag["name"] for tag in line["tags"]]
        assert tags == (None if row.tags is None else [tag.name for tag in row.tags])


def test_without_anything_frames_are_still_measured(figures: Film, tmp_path: Path) -> None:
    results = folder_with(figures, tmp_path / "bare", with_ids=False)
    rows, notes = rows_of(results, Tools())
    assert len(rows) == 12 and len(notes) == 5
    assert [note.partition(":")[0] for note in notes] == ["annotation"] * 5
    for word in ("stage 3", "CLIP", "DINOv2", "captioner"):
        assert any(word in note for note in notes)
    for row in rows.values():
        assert (row.characters, row.tags, row.caption, row.best_of) == (None, None, None, ())
    assert any(row.represents for row in rows.values())
    assert read_annotation(results.folder / ANNOTATION).missing == tuple(notes)


def test_a_tagger_adds_to_clip_or_stands_alone(results: Results) -> None:
    def wd(frames: Sequence[Pixels]) -> list[list[Tag]]:
        return [[Tag("solo", "general", "wd", 0.9)] for _ in frames]

    rows, _ = rows_of(results, tools(Colours(), wd=wd))
    assert {tuple(tag.source for tag in row.tags) for row in rows.values() if row.tags} == {("clip", "wd")}
    rows, _ = rows_of(results, Tools(wd=wd))
    assert {tuple(tag.name for tag in row.tags) for row in rows.values() if row.tags} == {("solo",)}


def test_a_second_run_replaces_the_first(results: Results) -> None:
    folder = results.folder / ANNOTATION
    rows_of(results, tools(Colours()))
    rows_of(results, replace(tools(Colours()), dino=None))
    names = {path.name for path in folder.iterdir()}
    assert names == {"annotation.json", "annotation.jsonl", "annotation.parquet", "clip.npy"}


def test_a_failure_leaves_the_folder_as_it_was(results: Results) -> None:
    folder = results.folder / ANNOTATION
    rows_of(results, tools(Colours()))
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    calls: list[int] = []

    def broken(frames: Sequence[Pixels]) -> list[str]:
        calls.append(len(frames))
        if len(calls) == 3:
            raise EngineError("the device is lost")
        return captions(frames)

    with pytest.raises(EngineError, match="lost"):
        rows_of(results, replace(tools(Colours()), captions=broken))
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_clip_that_became_shorter_is_named(results: Results) -> None:
    (results.folder / "clip" / "frame_000019.png").unlink()
    with pytest.raises(InputError, match=r"ends after 19 frames, and the run in .* saw 20"):
        rows_of(results, Tools())
    assert list((results.folder / ANNOTATION).iterdir()) == []


def test_a_folder_that_cant_be_written_is_named(results: Results) -> None:
    (results.folder / ANNOTATION).write_text("in the way")
    with pytest.raises(OutputError, match=r"stage4_annotation.*can't be written"):
        rows_of(results, Tools())


def test_halves_of_two_clips_are_refused() -> None:
    with pytest.raises(InputError, match="different weights"):
        Tools(clip=Colours().picture(), clip_text=Colours().text(sha="b" * 64))


def test_without_pyarrow_there_are_json_lines(results: Results, monkeypatch: pytest.MonkeyPatch) -> None:
    rows_of(results, Tools())
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name.partition(".")[0] == "pyarrow":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    rows, notes = rows_of(results, Tools())
    assert len(rows) == 12 and any("trt-anime[datasets]" in note for note in notes)
    assert not (results.folder / ANNOTATION / "annotation.parquet").exists()


@pytest.mark.parametrize("damage", ["", "{", '{"schema": 9}', "[]", '{"schema": 1, "rows": 1}'])
def test_a_damaged_index_is_named(results: Results, damage: str) -> None:
    rows_of(results, Tools())
    (results.folder / ANNOTATION / "annotation.json").write_text(damage)
    with pytest.raises(InputError, match=r"annotation\.json: is damaged"):
        read_annotation(results.folder / ANNOTATION)


def test_a_damaged_line_is_named(results: Results) -> None:
    rows_of(results, Tools())
    path = results.folder / ANNOTATION / "annotation.jsonl"
    lines = path.read_text().splitlines()
    lines[3] = json.dumps({"frame": 6, "pts": 6})
    path.write_text("\n".join(lines))
    with pytest.raises(InputError, match=r"annotation\.jsonl: line 4 is damaged"):
        list(read_rows(results.folder / ANNOTATION))
    assert [row.frame for row in read_rows(results.folder / ANNOTATION, {4, 8})] == [4, 8]
