"""Previews show the right picture in the right place, and say what isn't there."""

from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from samples.scene import GroundTruth
from tests.runtime.delivery.folders import pts_of, shown_at
from tests.runtime.sinks import pixels
from trt_anime.errors import InputError
from trt_anime.runtime.delivery import contact_sheet as sheets
from trt_anime.runtime.delivery import preview
from trt_anime.runtime.delivery.contact_sheet import contact_sheet
from trt_anime.runtime.delivery.look_first import write_previews
from trt_anime.runtime.delivery.preview import LONG_SIDE, write_preview
from trt_anime.runtime.delivery.shown import representative
from trt_anime.runtime.delivery.views import SOURCE, STAGES, Viewer, absences, views_there
from trt_anime.runtime.media.frames import Pixels
from trt_anime.runtime.results.reader import Results

Run = tuple[Results, list[GroundTruth]]
LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # colour has a quarter of the samples
ALL = ("source", "segments", "tracks", "characters", "effects", "plate", "recomposed")


def _views(run: Run, index: int, *names: str) -> list[Pixels]:
    return Viewer(run[0], (160, 90)).views(names, index, run[1][index].frame)


def _small(picture: Pixels) -> Pixels:
    return np.asarray(cv2.resize(picture, (160, 90), interpolation=cv2.INTER_AREA), np.uint8)


def _away(one: Pixels, other: Pixels) -> float:
    return float(np.abs(one.astype(int) - other).mean())


@pytest.mark.parametrize("index", [5, 9, 20])
def test_small_views_are_the_layers(run: Run, separate: Run, index: int) -> None:
    truth = run[1][index]
    source, plate, again = _views(run, index, "source", "plate", "recomposed")
    assert np.array_equal(source, _small(truth.frame))
    assert _away(plate, _small(truth.plate)) < 0.6
    # Layers were scaled before they were laid on each other: the same, but for rounding and clipped light.
    assert _away(again, source) < 1.0
    assert _away(_views(separate, index, "recomposed")[0], again) < 0.5


def test_the_checkerboard_shows_where_there_is_no_character(run: Run) -> None:
    (view,) = _views(run, 9, "characters")
    alpha = _small((run[1][9].alpha * 255).astype(np.uint8))
    board = view[alpha == 0]
    assert set(map(tuple, np.unique(board, axis=0))) == {(96, 96, 96), (118, 118, 118)}
    solid = alpha == 255
    assert np.abs(view[solid].astype(int) - _small(run[1][9].frame)[solid]).mean() < 8  # petals aside


def test_effects_shine_on_black(run: Run) -> None:
    (view,) = _views(run, 20, "effects")
    assert np.abs(view.astype(int) - _small((run[1][20].effect[..., :3] * 255).astype(np.uint8))).max() <= 3


def test_tracks_have_a_colour_each_and_a_frame_without_any_is_grey(run: Run) -> None:
    pair, nobody = _views(run, 9, "tracks")[0], _views(run, 0, "tracks")[0]
    ids = cv2.resize(run[1][9].instance, (160, 90), interpolation=cv2.INTER_NEAREST)
    means = [pair[ids == identity].mean(axis=0) for identity in (1, 3)]
    assert np.abs(means[0] - means[1]).max() > 40
    assert np.ptp(nobody[:, :40], axis=2).max() == 0 and np.ptp(pair[ids == 1], axis=1).mean() > 40


def test_segments_come_from_the_key_frame_before(run: Run) -> None:
    """On plain grey where the picture has changed since."""
    at, later = _views(run, 17, "segments")[0], _views(run, 20, "segments")[0]
    assert (
        np.ptp(later[5, 80:]) == np.ptp(later[5, 80]) and np.ptp(at[5, 80:].astype(int), axis=0).max() > 0
    )
    assert np.argmax(later[5, 80]) == np.argmax(at[5, 80])


def test_columns_are_those_of_the_stages_that_ran(run: Run, matte_only: Run) -> None:
    assert tuple(views_there(run[0], ALL)) == ALL
    assert views_there(matte_only[0], ALL) == ["source", "characters"]


def test_what_stages_lack_is_said_with_its_reason(run: Run, matte_only: Run) -> None:
    assert absences(run[0]) == []
    assert absences(matte_only[0])[0] == "segments (1): not run"
    record = run[0].record | {"without": {"4": "no CLIP"}}
    assert absences(Results(run[0].folder, record)) == ["annotation (4): no CLIP"]
    assert set(STAGES) == {"1", "2a", "2b", "2c", "3", "4"}


def test_the_shown_frame_of_a_shot_has_something_to_show(run: Run) -> None:
    for shot in run[0].shots:
        index = representative(run[0], shot)
        assert index in shot.fresh and run[1][index].instance.any()


def test_the_sheets_cells_are_the_views(run: Run) -> None:
    sheet = contact_sheet(run[0])
    width, height = sheets.VIEW_WIDTH, sheets.VIEW_WIDTH * 9 // 16
    top = sheets._MARGIN + sheets._HEAD + sheets._TITLES
    for row, shot in enumerate(run[0].shots):
        index = representative(run[0], shot)
        viewer = Viewer(run[0], (width, height))
        y = top + row * (height + sheets._GAP)
        for column, view in enumerate(viewer.views(ALL, index, run[1][index].frame)):
            x = sheets._column(column, width)
            assert _away(sheet[y : y + height, x : x + width], view) < 1.5
            # Text and pictures keep apart.
            assert (sheet[y : y + height, x + width : x + width + sheets._GAP] == (24, 25, 28)).all()
    assert sheet.shape[1] == sheets._column(len(ALL), width) - sheets._GAP + sheets._MARGIN


def test_a_long_film_has_a_sheet_of_bounded_size(matte_only: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheets, "MOST_ROWS", 2)
    short = contact_sheet(matte_only[0])
    monkeypatch.undo()
    assert contact_sheet(matte_only[0]).shape[0] - short.shape[0] == 180 + sheets._GAP


def test_the_video_has_the_clips_times_and_every_frame(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "preview.mp4"
    counted: list[int] = []
    assert write_preview(run[0], path, threads=2, advance=counted.append)
    with av.open(str(path)) as file:
        stream = file.streams.video[0]
        assert stream.codec_context.name == "h264"
        frames = list(file.decode(stream))
    assert shown_at(frames) == pts_of(24) and sum(counted) == 24
    assert frames[0].width <= LONG_SIDE and frames[0].width % 2 == frames[0].height % 2 == 0
    grid = preview._Grid.of(run[0])
    assert grid.names[0] == SOURCE and len(grid.names) == 6
    width, height = grid.viewer.size
    for index in (0, 9, 14, 20):
        picture = pixels(frames[index], frames[index].height)[..., :3].astype(np.float32)
        for number, view in enumerate(grid.views(index, run[1][index].frame)):
            x, y = grid._place(number)
            error = picture[y : y + height, x : x + width] - view
            assert np.abs(error.mean(axis=(0, 1))).max() < 1.5 and np.abs(error @ LUMA).mean() < 4.5


def test_an_upright_clips_page_fits(matte_only: Run) -> None:
    record = matte_only[0].record
    tall = Results(
        matte_only[0].folder, record | {"input": record["input"] | {"width": 360, "height": 1280}}
    )
    page = preview._Grid.of(tall).base
    assert max(page.shape) <= LONG_SIDE and page.shape[0] > 900
    wide = Results(matte_only[0].folder, record | {"input": record["input"] | {"pixel_aspect": "2"}})
    assert preview._Grid.of(wide).viewer.size[1] < preview._Grid.of(matte_only[0]).viewer.size[1]


def test_without_an_encoder_only_the_sheet_is_written(
    matte_only: Run, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(av, "codecs_available", {"mpeg4"})
    said: list[str] = []
    assert write_previews(matte_only[0], out, threads=1, notify=said.append) == [out / "contact_sheet.png"]
    assert "no H.264" in said[0] and [path.name for path in out.iterdir()] == ["contact_sheet.png"]


def test_earlier_previews_are_replaced_only_when_asked(matte_only: Run, out: Path) -> None:
    write_previews(matte_only[0], out, threads=1)
    with pytest.raises(InputError, match="--overwrite"):
        write_previews(matte_only[0], out, threads=1)
    assert len(write_previews(matte_only[0], out, threads=1, overwrite=True)) == 2


def test_an_error_leaves_no_video(matte_only: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    views = Viewer.views

    def damaged(self: Viewer, names: list[str], index: int, source: Pixels) -> list[Pixels]:
        if index == 3:
            raise InputError("frame_000003.png: is damaged; run the stage again")
        return views(self, names, index, source)

    monkeypatch.setattr(Viewer, "views", damaged)
    with pytest.raises(InputError, match="damaged"):
        write_preview(matte_only[0], tmp_path / "preview.mp4", threads=1)
    assert list(tmp_path.iterdir()) == []
