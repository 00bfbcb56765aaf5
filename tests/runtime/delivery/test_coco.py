"""Masks come back through pycocotools as they lie in the maps of ids."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools.coco import COCO

from samples.scene import GroundTruth
from tests.runtime.delivery.folders import character_rgba
from trt_anime.errors import InputError, MissingError
from trt_anime.runtime.delivery.coco import write_coco
from trt_anime.runtime.results.planes import read_rgba
from trt_anime.runtime.results.reader import Results

# pycocotools' own, on the way back.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

Run = tuple[Results, list[GroundTruth]]


def test_every_mask_of_every_frame_comes_back(run: Run, out: Path) -> None:
    results, truths = run
    counted: list[int] = []
    count = write_coco(results, out, advance=counted.append)
    data = COCO(out / "annotations.json")
    assert len(data.imgs) == len(truths) == sum(counted) and len(data.anns) == count
    assert [row["name"] for row in data.loadCats(data.getCatIds())] == ["character"]
    for truth in truths:
        rows: list[Any] = data.loadAnns(data.getAnnIds(imgIds=[truth.index + 1]))
        assert {row["track_id"] for row in rows} == set(np.unique(truth.instance[truth.instance > 0]))
        for row in rows:
            mask = data.annToMask(row).astype(bool)
            assert np.array_equal(mask, truth.instance == row["track_id"])
            ys, xs = np.nonzero(mask)
            box = [xs.min(), ys.min(), np.ptp(xs) + 1, np.ptp(ys) + 1]
            assert row["bbox"] == box and row["area"] == mask.sum()


def test_pictures_are_the_clips_frames(run: Run, out: Path) -> None:
    write_coco(run[0], out)
    rows = json.loads((out / "annotations.json").read_text())["images"]
    assert [row["frame"] for row in rows] == list(range(run[0].frames))
    for row in rows[::5]:
        picture = read_rgba(out / row["file_name"])[..., :3]
        assert picture.shape == (row["height"], row["width"], 3)
        assert np.abs(picture.astype(int) - run[1][row["frame"]].frame).max() <= 3
    held = [out / rows[index]["file_name"] for index in (9, 10)]
    assert held[0].samefile(held[1])
    assert sorted(path.name for path in out.iterdir()) == ["annotations.json", "delivery.json", "images"]


def test_without_tracks_everyone_is_one_mask(matte_only: Run, out: Path) -> None:
    said: list[str] = []
    write_coco(matte_only[0], out, notify=said.append)
    data = COCO(out / "annotations.json")
    (row,) = data.loadAnns(data.getAnnIds(imgIds=[10]))
    assert "track_id" not in row and "no tracks" in said[0]
    assert np.array_equal(data.annToMask(row) > 0, character_rgba(matte_only[1][9])[..., 3] >= 128)


def test_a_frame_that_cannot_be_read_leaves_nothing(
    run: Run, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ids(self: Results, index: int) -> None:
        if index == 5:
            raise InputError("frame_000005.png: is damaged; run the stage again")

    monkeypatch.setattr(Results, "ids", ids)
    with pytest.raises(InputError, match="damaged"):
        write_coco(run[0], out)
    assert list(out.parent.iterdir()) == []


def test_a_missing_package_is_named(run: Run, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pycocotools", None)
    monkeypatch.setitem(sys.modules, "pycocotools.mask", None)
    with pytest.raises(MissingError, match=r"trt-anime\[datasets\]"):
        write_coco(run[0], out)
    assert not out.exists()
