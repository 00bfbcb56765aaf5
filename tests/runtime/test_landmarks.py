"""Reading a video from its middle: frames as from its beginning, without decoding what is before them."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.runtime.media import damage, noisy_clip, picture, write_clip
from trt_anime.errors import TrtAnimeError
from trt_anime.runtime.media import landmarks
from trt_anime.runtime.media.frames import Frame, Landmark
from trt_anime.runtime.media.reader import open_source
from trt_anime.runtime.media.video import Video

CLIPS = {
    "a.mp4": ("libx264", {"g": "12", "bf": "3"}),
    "b.mkv": ("libx264", {"g": "12", "bf": "3", "x264-params": "open-gop=1:keyint=12:scenecut=0"}),
    "c.mp4": ("libx265", {"x265-params": "keyint=12:open-gop=1:log-level=none"}),
    "d.webm": ("libvpx-vp9", {"g": "12"}),
    "e.ts": ("mpeg2video", {"g": "12", "bf": "2"}),
    "f.avi": ("mpeg4", {"g": "12"}),
    "g.mkv": ("ffv1", {}),
}
FRAMES = 40


@pytest.fixture(autouse=True)
def close_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landmarks, "APART", 6)


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by one for each picture that is decoded."""
    count: list[int] = []
    pictures = Video._pictures

    def counted(video: Video, number: int = 0) -> Iterator[object]:
        for one in pictures(video, number):
            count.append(1)
            yield one

    monkeypatch.setattr(Video, "_pictures", counted)
    return count


def _clip(folder: Path, name: str) -> Path:
    codec, options = CLIPS[name]
    frames = [picture(index) for index in range(FRAMES)]
    return write_clip(folder / name, frames, codec=codec, pixel_format="yuv420p", options=options)


def _read(
    clip: Path, start: int = 0, known: tuple[Landmark, ...] = ()
) -> tuple[list[Frame], tuple[Landmark, ...]]:
    with open_source(clip, landmarks=known) as source:
        source.start_at(start)
        return list(source), source.landmarks


@pytest.mark.parametrize("name", CLIPS)
def test_frames_are_those_of_a_reading_from_the_beginning(
    tmp_path: Path, name: str, decoded: list[int]
) -> None:
    clip = _clip(tmp_path, name)
    whole, known = _read(clip)
    assert len(known) >= 2, "there are key frames"
    assert [one.index for one in known] == sorted(one.index for one in known)
    for start in (1, known[1].index - 1, known[1].index, known[1].index + 1, FRAMES - 1):
        decoded.clear()
        found, _ = _read(clip, start, known)
        assert [frame.stamp for frame in found] == [frame.stamp for frame in whole[start:]]
        for frame, same in zip(found, whole[start:], strict=True):
            np.testing.assert_array_equal(frame.rgb, same.rgb)
        # All from the landmark on, and what stands before it in the file: a group of pictures at most, and
        # the first, by which the clip is known.
        begins = max(one.index for one in known if one.index <= start)
        if name != "e.ts":  # which keeps no table of places: where FFmpeg lands is chance
            assert len(decoded) <= 1 + FRAMES - begins + (13 if begins else 0)


def test_who_lands_on_another_picture_begins_at_the_beginning(tmp_path: Path, decoded: list[int]) -> None:
    clip = _clip(tmp_path, "a.mp4")
    whole, known = _read(clip)
    wrong = (replace(known[-1], crc32=7),)
    start = wrong[0].index + 1
    decoded.clear()
    found, _ = _read(clip, start, wrong)
    assert [frame.stamp for frame in found] == [frame.stamp for frame in whole[start:]]
    np.testing.assert_array_equal(found[-1].rgb, whole[-1].rgb)
    assert len(decoded) >= FRAMES


def test_a_clip_that_changed_meanwhile_is_told(tmp_path: Path) -> None:
    clip = _clip(tmp_path, "a.mp4")
    _, known = _read(clip)
    moved = tuple(replace(one, pts=one.pts + 1) for one in known)
    with pytest.raises(TrtAnimeError, match="isn't where it was"):
        _read(clip, 20, moved)


def test_no_landmarks_where_frames_are_damaged(tmp_path: Path) -> None:
    clip = noisy_clip(tmp_path / "c.avi", 12, {"g": "3"})
    assert _read(clip)[1]
    damage(clip, packet=5)
    found, known = _read(clip)
    assert len(found) == 12
    assert known == ()


def test_a_reading_from_the_middle_leaves_no_landmarks(tmp_path: Path) -> None:
    assert _read(_clip(tmp_path, "a.mp4"), 5)[1] == ()
