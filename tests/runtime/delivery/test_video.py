"""A video of each layer, frame for frame and stamp for stamp."""

from pathlib import Path

import av
import numpy as np
import OpenEXR
import pytest

from samples.scene import GroundTruth
from tests.runtime.delivery.folders import pts_of, shown_at
from tests.runtime.sinks import decode, files, pixels
from trt_anime.errors import InputError, OutputError
from trt_anime.runtime.delivery.compose import PLATE
from trt_anime.runtime.delivery.video import outputs_of, pack, work_of
from trt_anime.runtime.media.exr import linear_premultiplied
from trt_anime.runtime.media.frames import Pixels
from trt_anime.runtime.results.layers import LayerFolder
from trt_anime.runtime.results.reader import Results

Run = tuple[Results, list[GroundTruth]]


def _expected(results: Results, layer: LayerFolder, index: int) -> Pixels:
    rgba = results.rgba(layer, index)
    return np.zeros((*results.size, 4), np.uint8) if rgba is None else rgba


def test_ffv1_gives_every_layer_back_with_the_clips_times_and_sound(separate: Run, out: Path) -> None:
    results = separate[0]
    counted: list[int] = []
    made = pack(results, out, "ffv1", threads=2, advance=counted.append)
    assert made == outputs_of(results, out, "ffv1")
    assert sum(counted) == work_of(results)
    for layer, path in zip(results.layers.folders, made, strict=True):
        assert path == out / layer.folder / f"{layer.name}.mkv"
        frames, _ = decode(path)
        assert shown_at(frames) == pts_of(results.frames)
        for index, frame in enumerate(frames):
            written = pixels(frame, results.size[0])
            assert np.array_equal(written, _expected(results, layer, index))
            assert layer.stage != PLATE or (written[..., 3] == 255).all()
        with av.open(str(path)) as file:
            assert [track.codec_context.name for track in file.streams.audio] == ["flac"]
            assert [chapter["metadata"]["title"] for chapter in file.chapters()] == ["one"]
    assert {Path(name).suffix for name in files(out)} == {".mkv"}


@pytest.mark.parametrize(("format", "solid"), [("prores", 4), ("webm", 16)])
def test_other_formats_keep_times_and_alpha(run: Run, out: Path, format: str, solid: int) -> None:
    results = run[0]
    made = pack(results, out, format, threads=2)
    for layer, path in zip(results.layers.folders, made, strict=True):
        frames, _ = decode(path)
        assert shown_at(frames) == pts_of(results.frames)
        for index in (5, 9, 20):
            alpha = pixels(frames[index], results.size[0])[..., 3].astype(int)
            assert np.abs(alpha - _expected(results, layer, index)[..., 3]).mean() < solid / 8


def test_exr_files_hold_all_layers_of_a_frame(separate: Run, out: Path) -> None:
    results = separate[0]
    assert pack(results, out, "exr", threads=2) == [out / "layers"]
    assert len(list((out / "layers").glob("frame_*.exr"))) == results.frames
    for index in (9, 10, 20):
        parts = OpenEXR.File(str(out / "layers" / f"frame_{index:06d}.exr"), separate_channels=False).parts
        assert [part.name() for part in parts] == [layer.name for layer in results.layers.folders]
        for layer, part in zip(results.layers.folders, parts, strict=True):
            expected = linear_premultiplied(_expected(results, layer, index), None)
            assert np.array_equal(part.channels["RGBA"].pixels, expected)
    assert (out / "layers.json").read_text() == (results.folder / "layers.json").read_text()
    assert (out / "timecodes.txt").is_file()


def test_an_error_keeps_finished_layers_and_nothing_half_written(
    run: Run, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = Results.rgba

    def rgba(self: Results, layer: LayerFolder, index: int) -> Pixels | None:
        if layer.name == "character" and index == 9:
            raise InputError("frame_000009.png: is damaged; run the stage again")
        return read(self, layer, index)

    monkeypatch.setattr(Results, "rgba", rgba)
    with pytest.raises(InputError, match="damaged"):
        pack(run[0], out, "ffv1", threads=1)
    assert list(files(out)) == ["stage2c_background_inpaint/background.mkv"]


def test_a_disk_that_is_full_at_the_end_leaves_no_segments(
    matte_only: Run, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def join(*arguments: object) -> None:
        raise OutputError("character.mkv: can't be written (No space left on device); free space")

    monkeypatch.setattr("trt_anime.runtime.media.video_sink.join_segments", join)
    with pytest.raises(OutputError, match="No space left"):
        pack(matte_only[0], out, "ffv1", threads=1)
    assert files(out) == {}


def test_a_layer_of_another_size_is_named(matte_only: Run, out: Path) -> None:
    results = Results(matte_only[0].folder, {**matte_only[0].record})
    results.record["input"] = {**results.record["input"], "width": 322}
    with pytest.raises(InputError, match="isn't 322x180"):
        pack(results, out, "ffv1", threads=1)


def test_more_results_than_frames_is_an_error(matte_only: Run, out: Path) -> None:
    results = Results(matte_only[0].folder, matte_only[0].record)
    shots = list(matte_only[0].shots)
    last = shots[-1]
    shots[-1] = type(last)(last.number, last.start, last.stop + 3, last.fresh)
    results.__dict__["shots"] = tuple(shots)
    with pytest.raises(InputError, match=r"has 24 frames, but .* holds results of 27"):
        pack(results, out, "ffv1", threads=1)


@pytest.mark.parametrize("format", ["png", "gif"])
def test_other_formats_are_refused(matte_only: Run, out: Path, format: str) -> None:
    with pytest.raises(InputError, match=f"format {format}"):
        pack(matte_only[0], out, format, threads=1)
    assert not out.exists()
