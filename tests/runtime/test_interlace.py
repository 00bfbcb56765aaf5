"""Interlaced clips come out progressive, one frame for each, at their own times."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from tests.runtime.charts import Floats
from tests.runtime.clips import FILM_CLOCK, Tags, Writing, write
from tests.runtime.corpus import awkward
from tests.runtime.media import Pixels
from trt_anime.errors import TrtAnimeError
from trt_anime.runtime.media.colour import RgbConverter, colour_tags
from trt_anime.runtime.media.interlace import Deinterlacer
from trt_anime.runtime.media.reader import open_source

HEIGHT, WIDTH = 64, 96


def fields_of_a_moving_bar(index: int) -> Floats:
    """A dark bar on white that moves by 2 pixels a field; even lines are half a frame earlier."""
    rgb = np.ones((HEIGHT, WIDTH, 3))
    for parity in (0, 1):
        left = 4 * index + 2 * parity + 8
        rgb[parity::2, left : left + 24] = 0.2
    return rgb


def combing(rgb: Pixels) -> float:
    """How much lines differ from the mean of those above and below, in levels."""
    lines = rgb.astype(float)
    return float(np.abs(lines[1:-1] - (lines[:-2] + lines[2:]) / 2)[8:-8].mean())


TWO_FIELDS = Writing(
    "prores_ks",
    "yuv422p10le",
    time_base=FILM_CLOCK,
    options=(("flags", "+ildct"),),
    container=(("video_track_timescale", "24000"),),
    fields="tff",
)


@pytest.mark.parametrize("count", [1, 2, 3, 8])
def test_no_comb_is_left(tmp_path: Path, count: int) -> None:
    pts = [1001 * index**2 for index in range(count)]
    shown = [fields_of_a_moving_bar(index) for index in range(count)]
    path = write(tmp_path / "c.mov", shown, pts=pts, writing=TWO_FIELDS, tags=Tags())
    with open_source(path) as source:
        found = list(source)
    assert source.info.interlaced
    assert [frame.stamp.pts for frame in found] == pts
    assert max(combing(frame.rgb) for frame in found) < 1


@pytest.mark.parametrize("first", [0, 1])
def test_the_field_shown_first_is_kept(tmp_path: Path, first: int) -> None:
    shown = [fields_of_a_moving_bar(index) for index in range(4)]
    writing = replace(TWO_FIELDS, fields=("tff", "bff")[first])
    path = write(tmp_path / "c.mov", shown, pts=range(4), writing=writing, tags=Tags())
    with open_source(path) as source:
        for index, frame in enumerate(source):
            left = 4 * index + 2 * first + 8
            inside = np.zeros(WIDTH, bool)
            inside[left : left + 24] = True
            dark = frame.rgb[8:-8, :, 1] < 128
            np.testing.assert_array_equal(dark, np.broadcast_to(inside, dark.shape))


def test_only_flagged_frames_of_a_mixed_clip_are_touched(tmp_path: Path) -> None:
    path = awkward("mixed-fields", tmp_path).path
    with av.open(str(path)) as container:
        stored = list(container.decode(video=0))
    convert = RgbConverter(colour_tags(stored[0]), bits=10, deep=False)
    with open_source(path) as source:
        touched = [not np.array_equal(frame.rgb, convert(stored[frame.stamp.index])[0]) for frame in source]
    assert [picture.interlaced_frame for picture in stored] == touched
    assert touched == [False, False, True, True, True, False, False]


def test_what_is_not_flagged_stays_as_it_is(tmp_path: Path) -> None:
    progressive = replace(TWO_FIELDS, options=(), fields=None)
    shown = [fields_of_a_moving_bar(index) for index in range(3)]
    path = write(tmp_path / "c.mov", shown, pts=[0, 1001, 2002], writing=progressive, tags=Tags())
    with open_source(path) as source:
        assert min(combing(frame.rgb) for frame in source) > 5
    assert source.notices == []
    assert not source.info.interlaced


def test_the_fields_before_a_break_are_given(tmp_path: Path) -> None:
    # The filter is one picture late: what it holds when the file breaks off is still good.
    writing = replace(TWO_FIELDS, container=(*TWO_FIELDS.container, ("movflags", "faststart")))
    shown = [fields_of_a_moving_bar(index) for index in range(5)]
    path = write(tmp_path / "c.mov", shown, pts=range(5), writing=writing, tags=Tags())
    with av.open(str(path)) as container:
        last = [packet for packet in container.demux(video=0) if packet.size][-1]
    assert last.pos is not None
    path.write_bytes(path.read_bytes()[: last.pos])
    found: list[int] = []
    with open_source(path) as source, pytest.raises(TrtAnimeError, match="breaks off after 4 frames"):
        found.extend(frame.stamp.pts for frame in source)
    assert found == [0, 1, 2, 3]


def test_a_changed_format_is_refused() -> None:
    time_base = Fraction(1, 24)
    filter_ = Deinterlacer(Path("c.mov"), av.VideoFrame(64, 48, "yuv420p"), time_base=time_base)
    with pytest.raises(TrtAnimeError, match=r"c\.mov: changes its pixel format from yuv420p to yuv422p"):
        filter_.push(av.VideoFrame(64, 48, "yuv422p"))
