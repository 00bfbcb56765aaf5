"""Layers out: pixels, alpha, time stamps and tags survive, and only whole files are left."""

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.reformatter import ColorRange, Colorspace, Interpolation

from tests.runtime.media import Pixels, read_png, tree
from trt_anime.errors import InputError, OutputError
from trt_anime.runtime.media.frames import ClipInfo, Frame
from trt_anime.runtime.media.writers import FORMATS, Writer, open_writer

VFR = [7, 1001, 3003, 3004, 20020]
SUFFIX = {"ffv1": "mkv", "prores": "mov", "webm": "webm"}


def clip_info(height: int, width: int, *, time_base: Fraction = Fraction(1, 24000)) -> ClipInfo:
    return ClipInfo(
        path=Path("clip.mp4"),
        kind="video",
        width=width,
        height=height,
        rate=Fraction(24000, 1001),
        time_base=time_base,
        frames=5,
        pixel_format="yuv420p",
        primaries=1,
        transfer=1,
    )


def rgba(index: int, height: int, width: int) -> Pixels:
    """Smooth colours under an alpha ramp, so that lossy formats can be held to a bound."""
    y, x = np.mgrid[:height, :width]
    planes = [40 + x * 150 // max(width, 1), 60 + y * 120 // max(height, 1), 0 * x + 90 + index * 8]
    return np.dstack([*planes, (x * 255 // max(width - 1, 1) + index) % 256]).astype(np.uint8)


def write(writer: Writer, height: int, width: int, *, complete: bool = True) -> list[Pixels]:
    layers = [rgba(i, height, width) for i in range(5)]
    nothing = np.zeros((height, width, 3), np.uint8)
    for index, layer in enumerate(layers):
        duration = (VFR[index + 1] if index < 4 else VFR[4] + 500) - VFR[index]
        writer.write(Frame(index, pts=VFR[index], duration=duration, rgb=nothing), layer)
    writer.close(complete=complete)
    return layers


def decode(path: Path) -> tuple[list[av.VideoFrame], av.VideoStream]:
    """All frames, alpha included: FFmpeg's own VP9 decoder drops it, libvpx keeps it."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        decoder = stream.codec_context
        if decoder.name == "vp9":
            decoder = av.CodecContext.create("libvpx-vp9", "r")
        frames = [frame for packet in container.demux(stream) for frame in decoder.decode(packet)]
        return frames, stream


def pixels(frame: av.VideoFrame, height: int) -> Pixels:
    space = Colorspace.ITU709 if height >= 720 else Colorspace.ITU601
    yuv = frame.format.name.startswith("yuv")
    return np.asarray(
        frame.reformat(
            format="rgba",
            src_colorspace=space if yuv else None,
            src_color_range=ColorRange.MPEG if yuv else ColorRange.JPEG,
            dst_color_range=ColorRange.JPEG,
            interpolation=Interpolation.BILINEAR
            | Interpolation.ACCURATE_RND
            | Interpolation.FULL_CHR_H_INT,
        ).to_ndarray(),
        np.uint8,
    )


@pytest.mark.parametrize(("height", "width"), [(75, 127), (1, 1), (48, 64)])
def test_png_gives_the_exact_pixels_back(tmp_path: Path, height: int, width: int) -> None:
    writer = open_writer(tmp_path, "character", clip_info(height, width), format="png")
    noise = np.random.default_rng(0).integers(0, 256, (height, width, 4), np.uint8)
    writer.write(Frame(1_234_567, 0, 0, noise[..., :3]), noise)
    layers = write(writer, height, width)
    assert tree(tmp_path) == [*(f"frame_{i:06d}.png" for i in range(5)), "frame_1234567.png"]
    np.testing.assert_array_equal(read_png(tmp_path / "frame_1234567.png"), noise)
    for index, layer in enumerate(layers):
        np.testing.assert_array_equal(read_png(tmp_path / f"frame_{index:06d}.png"), layer)


@pytest.mark.parametrize(("height", "width"), [(75, 127), (1, 1), (720, 32)])
@pytest.mark.parametrize(("format", "colour", "alpha"), [("ffv1", 0, 0), ("prores", 3, 1), ("webm", 14, 4)])
def test_video_keeps_colour_and_alpha(
    tmp_path: Path, format: str, colour: int, alpha: int, height: int, width: int
) -> None:
    writer = open_writer(tmp_path, "character", clip_info(height, width), format=format)
    layers = write(writer, height, width)
    assert tree(tmp_path) == [f"character.{SUFFIX[format]}"]
    frames, stream = decode(writer.output)
    assert [(f.height, f.width) for f in frames] == [(height, width)] * 5
    for frame, layer in zip(frames, layers, strict=True):
        error = np.abs(pixels(frame, height).astype(int) - layer)
        assert error[..., :3].max() <= colour
        assert error[..., 3].max() <= alpha
    context = stream.codec_context
    assert (context.color_primaries, context.color_trc) == (1, 1) or format == "webm"
    if format != "ffv1":
        assert context.colorspace == (1 if height >= 720 else 6)
        assert context.color_range == ColorRange.MPEG


@pytest.mark.parametrize("format", SUFFIX)
def test_time_stamps(tmp_path: Path, format: str) -> None:
    """MOV keeps them exactly; Matroska and WebM count milliseconds and round to the nearest."""
    writer = open_writer(tmp_path, "character", clip_info(48, 64), format=format)
    write(writer, 48, 64)
    frames, stream = decode(writer.output)
    assert stream.time_base is not None
    found = [frame.pts * stream.time_base for frame in frames if frame.pts is not None]
    exact = [pts * Fraction(1, 24000) for pts in VFR]
    if format == "prores":
        assert found == exact
        assert stream.time_base == Fraction(1, 24000)
        assert [frame.duration for frame in frames] == [*(b - a for a, b in pairwise(VFR)), 500]
    else:
        assert found == [Fraction(round(time * 1000), 1000) for time in exact]
        assert "count milliseconds" in writer.notices[0]


@pytest.mark.parametrize("format", SUFFIX)
def test_millisecond_clips_are_exact_everywhere(tmp_path: Path, format: str) -> None:
    info = clip_info(48, 64, time_base=Fraction(1, 1000))
    writer = open_writer(tmp_path, "character", info, format=format)
    write(writer, 48, 64)
    frames, stream = decode(writer.output)
    assert stream.time_base == Fraction(1, 1000)
    assert [frame.pts for frame in frames] == VFR
    assert writer.notices == []


@pytest.mark.parametrize("format", SUFFIX)
def test_stopped_early_the_frames_so_far_are_playable(tmp_path: Path, format: str) -> None:
    writer = open_writer(tmp_path, "character", clip_info(48, 64), format=format)
    write(writer, 48, 64, complete=False)
    name = f"character.partial.{SUFFIX[format]}"
    assert tree(tmp_path) == [name]
    assert len(decode(tmp_path / name)[0]) == 5


@pytest.mark.parametrize("format", SUFFIX)
def test_stopped_before_the_first_frame_nothing_is_left(tmp_path: Path, format: str) -> None:
    open_writer(tmp_path, "character", clip_info(48, 64), format=format).close(complete=False)
    assert tree(tmp_path) == []


@pytest.mark.parametrize("format", FORMATS)
def test_a_folder_that_is_gone(tmp_path: Path, format: str) -> None:
    with pytest.raises(OutputError, match="can't be written"):
        write(open_writer(tmp_path / "gone", "character", clip_info(48, 64), format=format), 48, 64)


def test_unknown_format(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="png, ffv1, prores, webm"):
        open_writer(tmp_path, "character", clip_info(1, 1), format="gif")
