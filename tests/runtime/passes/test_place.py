"""A folder that holds what no run has made loses none of it."""

import shutil
from pathlib import Path

import pytest

from tests.runtime.passes.conftest import Film
from trt_anime.errors import InputError
from trt_anime.runtime.results import places


def everything(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    "name",
    ["work/drawing.psd", "preview.mp4", "contact_sheet.png", "shots.json", "layers.json", "run.json"],
)
def test_what_no_run_has_made_is_not_written_over(film: Film, tmp_path: Path, name: str) -> None:
    mine = tmp_path / name
    mine.parent.mkdir(exist_ok=True)
    mine.write_text("days of work")
    before = everything(tmp_path)
    for resume, overwrite in ((False, False), (False, True), (True, False)):
        with pytest.raises(InputError, match=name.partition("/")[0]):
            film.run(tmp_path, resume=resume, overwrite=overwrite)
        assert everything(tmp_path) == before


@pytest.mark.parametrize("name", ["preview.mp4", f"{places.TRACKS}/clip.mp4", "work/clip.mp4"])
def test_the_clip_itself_is_not_written_over(film: Film, tmp_path: Path, name: str) -> None:
    clip = tmp_path / name
    clip.parent.mkdir(exist_ok=True)
    shutil.copyfile(film.clip, clip)
    (tmp_path / "passes.jsonl").touch()  # as if a run had been here before
    before = everything(tmp_path)
    with pytest.raises(InputError, match="lies where the output would be written"):
        Film(clip, film.oracle).run(tmp_path, overwrite=True)
    assert everything(tmp_path) == before


def test_what_somebody_keeps_beside_a_runs_work_stays(film: Film, tmp_path: Path) -> None:
    film.run(tmp_path, "1", "2a", limit=2)
    mine = tmp_path / places.WORK / "drawing.psd"
    mine.parent.mkdir()
    mine.write_text("days of work")
    film.run(tmp_path, "1", "2a", limit=2, overwrite=True)
    assert mine.read_text() == "days of work"
    assert [path.name for path in mine.parent.iterdir()] == [mine.name]
