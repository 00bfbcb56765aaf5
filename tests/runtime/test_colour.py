"""Test charts through a file and back: what the samples mean is computed by the book."""

from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.runtime.charts import chart, ideal_rgb, yuv_picture
from tests.runtime.clips import Tags, Writing, write
from trt_anime.runtime.media.colour import RgbConverter, colour_tags, sample_bits
from trt_anime.runtime.media.frames import Frame
from trt_anime.runtime.media.reader import open_source

WIDTH = 256

# Largest errors as measured; rounding a chart to 8-bit YUV alone costs 2 levels (limited) or 1 (full).
FORMATS = {
    "yuv444p": (2, 1),
    "yuv422p": (2, 1),
    "yuv420p": (2, 1),
    "yuv444p10le": (0, 0),
    "yuv420p10le": (0, 0),
    "yuv444p12le": (0, 0),
}
HALF_A_LEVEL = 0.51  # correct rounding, and what swscale's integers add


def read_chart(folder: Path, writing: Writing, tags: Tags, *, deep: bool = True) -> Frame:
    path = write(folder / "chart.mkv", [chart(width=WIDTH)], pts=[0], writing=writing, tags=tags)
    with open_source(path, deep=deep) as source:
        (frame,) = source
    return frame


def away_from_edges() -> NDArray[np.bool_]:
    """bool [96, WIDTH]: not within 3 pixels of a patch's border, where halved chroma blurs."""
    x, y = np.meshgrid(np.arange(WIDTH), np.arange(96))
    inside = (y % 16 >= 3) & (y % 16 < 13) & (x >= 3) & (x < WIDTH - 3)
    patch = WIDTH // 8
    return inside & ((y < 64) | ((x % patch >= 3) & (x % patch < patch - 3)))


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("matrix", [1, 6, 9])
@pytest.mark.parametrize("pixel_format", FORMATS)
def test_a_chart_comes_back(tmp_path: Path, pixel_format: str, matrix: int, full: bool) -> None:
    frame = read_chart(tmp_path, Writing(pixel_format=pixel_format), Tags(matrix, full))
    error = np.abs(frame.rgb - np.rint(chart(width=WIDTH) * 255))[away_from_edges()]
    assert error.max() <= FORMATS[pixel_format][full]
    if frame.deep is not None:
        # 10 bits in limited range are steps of 75 in 65535; half a step for each of three samples.
        assert np.abs(frame.deep - chart(width=WIDTH) * 65535)[away_from_edges()].max() <= 110


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("matrix", [1, 6, 9])
@pytest.mark.parametrize("pixel_format", [name for name in FORMATS if "444" in name])
def test_samples_become_what_they_mean(tmp_path: Path, pixel_format: str, matrix: int, full: bool) -> None:
    frame = read_chart(tmp_path, Writing(pixel_format=pixel_format), Tags(matrix, full))
    meant = ideal_rgb(
        yuv_picture(chart(width=WIDTH), pixel_format, matrix=matrix, full=full), matrix=matrix, full=full
    )
    assert np.abs(frame.rgb - meant * 255).max() <= HALF_A_LEVEL
    if frame.deep is not None:
        assert np.abs(frame.deep - meant * 65535).max() <= 6
        assert frame.deep.max() == 65535  # white, and not 255/256 of it
        np.testing.assert_array_equal(frame.rgb, np.rint(frame.deep / 257))


def test_random_full_range_samples_aren_t_too_bright(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).random((48, 64, 3))
    path = write(
        tmp_path / "c.mkv",
        [noise],
        pts=[0],
        writing=Writing(pixel_format="yuv444p10le"),
        tags=Tags(full=True),
    )
    with open_source(path) as source:
        (frame,) = source
    assert abs((frame.rgb - noise * 255).mean()) < 0.05


@pytest.mark.parametrize("pixel_format", ["yuv444p", "yuv420p10le"])
@pytest.mark.parametrize("full", [False, True])
def test_eight_bits_don_t_depend_on_sixteen(tmp_path: Path, pixel_format: str, full: bool) -> None:
    writing = Writing(pixel_format=pixel_format)
    with_deep = read_chart(tmp_path, writing, Tags(full=full))
    without = read_chart(tmp_path, writing, Tags(full=full), deep=False)
    assert without.deep is None
    assert (with_deep.deep is None) == (pixel_format == "yuv444p")
    np.testing.assert_array_equal(without.rgb, with_deep.rgb)


def test_chroma_sits_where_h264_has_it(tmp_path: Path) -> None:
    # Read as if it sat in the middle, the ramps of red and blue would be off by half a pixel's worth, 100.
    writing = Writing("libx264", "yuv420p10le", options=(("qp", "0"),))
    frame = read_chart(tmp_path, writing, Tags())
    assert frame.deep is not None
    error = np.abs(frame.deep - chart(width=WIDTH) * 65535)
    assert np.median(error[16:64][away_from_edges()[16:64]].max(axis=-1)) < 60
    assert error[away_from_edges()].max() <= 140


@pytest.mark.parametrize("pixel_format", ["gbrp10le", "gbrp12le", "gbrp16le", "gray10le", "gray16le"])
def test_deep_formats_without_a_matrix(tmp_path: Path, pixel_format: str) -> None:
    bits = av.VideoFormat(pixel_format).components[0].bits
    ramp = np.linspace(0, 2**bits - 1, 256).round().astype("<u2")
    picture = av.VideoFrame(256, 2, pixel_format)
    for plane in picture.planes:
        rows = np.zeros((plane.height, plane.line_size // 2), "<u2")
        rows[:, :256] = ramp
        plane.update(rows.tobytes())
    rgb, deep = RgbConverter(colour_tags(picture), bits=sample_bits(picture), deep=True)(picture)
    assert deep is not None
    meant = np.repeat(ramp[:, None], 3, axis=1) / (2**bits - 1)
    assert np.abs(deep[0] - meant * 65535).max() <= 6
    assert np.abs(rgb[0] - meant * 255).max() <= HALF_A_LEVEL
