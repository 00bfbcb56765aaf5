"""What the reader gives of awkward clips: time, colour, orientation, facts and notices."""

from pathlib import Path

import av
import numpy as np
import pytest

from tests.runtime.clips import FONT, LINES
from tests.runtime.corpus import NAMES, Awkward, awkward
from tests.runtime.media import Pixels
from trt_anime.errors import InputError, TrtAnimeError
from trt_anime.runtime.media import landmarks
from trt_anime.runtime.media.frames import ClipInfo, Frame, FrameSource
from trt_anime.runtime.media.reader import open_source

MATRICES = {1: "bt709", 6: "bt601", 9: "bt2020"}


def collected(source: FrameSource) -> tuple[list[Frame], TrtAnimeError | None]:
    """All frames, and the error that ended them."""
    found: list[Frame] = []
    try:
        found.extend(source)  # keeps what came before an error
    except TrtAnimeError as error:
        return found, error
    return found, None


def centre_error(found: Pixels, expected: Pixels) -> int:
    """Largest difference at the centres of the 16 x 16 blocks."""
    return int(np.abs(found.astype(int) - expected)[8::16, 8::16].max())


def facts(info: ClipInfo) -> dict[str, object]:
    return {
        "size": (info.width, info.height),
        "time_base": info.time_base,
        "pixel_format": info.pixel_format,
        "bits": info.bits,
        "interlaced": info.interlaced,
        "matrix": info.matrix,
        "range": info.colour_range,
        "primaries": info.primaries,
        "transfer": info.transfer,
    }


def expected_facts(clip: Awkward) -> dict[str, object]:
    return {
        "size": clip.size,
        "time_base": clip.time_base,
        "pixel_format": clip.pixel_format,
        "bits": clip.bits,
        "interlaced": clip.interlaced,
        "matrix": MATRICES[clip.tags.matrix],
        "range": "full" if clip.tags.full else "limited",
        "primaries": clip.tags.primaries,
        "transfer": clip.tags.transfer,
    }


@pytest.mark.parametrize("name", NAMES)
def test_the_reader_gives_what_is_there(tmp_path: Path, name: str) -> None:
    clip = awkward(name, tmp_path)
    with open_source(clip.path, deep=True) as source:
        found, error = collected(source)
    assert facts(source.info) == expected_facts(clip)
    assert tuple(frame.stamp.pts for frame in found) == clip.pts
    assert [frame.stamp.index for frame in found] == list(range(len(clip.pts)))
    for frame, picture in zip(found, clip.pictures, strict=True):
        assert centre_error(frame.rgb, picture) <= clip.tolerance
        assert (frame.deep is not None) == (clip.bits > 8)
    assert len(source.notices) == len(clip.notices)
    assert all(part in sentence for part, sentence in zip(clip.notices, source.notices, strict=True))
    assert (error is not None) == clip.breaks_off
    assert not isinstance(error, InputError)


def require_equal(found: list[Frame], expected: list[Frame]) -> None:
    """Stamps and pixels."""
    assert [frame.stamp for frame in found] == [frame.stamp for frame in expected]
    for frame, same in zip(found, expected, strict=True):
        np.testing.assert_array_equal(frame.rgb, same.rgb)
        np.testing.assert_array_equal(frame.deep, same.deep)


@pytest.mark.parametrize("name", NAMES)
def test_a_start_in_the_middle_changes_nothing(tmp_path: Path, name: str) -> None:
    clip = awkward(name, tmp_path)
    with open_source(clip.path, deep=True) as source:
        whole, broken = collected(source)
    for start in range(1, len(whole) + 2):
        with open_source(clip.path, deep=True) as later:
            later.start_at(start)
            found, error = collected(later)
        require_equal(found, whole[start:])
        assert later.notices == source.notices
        assert str(error) == str(broken)


@pytest.mark.parametrize("name", NAMES)
def test_a_start_at_a_landmark_changes_nothing(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(landmarks, "APART", 1)
    clip = awkward(name, tmp_path)
    with open_source(clip.path, deep=True) as source:
        whole, broken = collected(source)
    for start in range(1, len(whole)):
        with open_source(clip.path, deep=True, landmarks=source.landmarks) as later:
            later.start_at(start)
            found, error = collected(later)
        require_equal(found, whole[start:])
        assert (error is None) or str(error) == str(broken)


@pytest.mark.parametrize("name", NAMES)
def test_the_clips_hold_what_they_say(tmp_path: Path, name: str) -> None:
    extras = (clip := awkward(name, tmp_path)).extras
    with av.open(str(clip.path)) as container:
        streams = container.streams
        assert [track.codec_context.name for track in streams.audio] == list(extras.audio)
        names = [track.codec_context.name.replace("srt", "subrip") for track in streams.subtitles]
        assert names == list(extras.subtitles)
        assert [chapter["metadata"]["title"] for chapter in container.chapters()] == list(extras.chapters)
        assert [(part.name, part.data) for part in streams.attachments] == [
            (font, FONT) for font in extras.fonts
        ]
        if streams.subtitles:
            packets = [packet for packet in container.demux(streams.subtitles[0]) if packet.size > 2]
            texts = [bytes(packet).decode(errors="ignore").lstrip("\0\x05\n\t") for packet in packets]
            assert texts == [line for _, _, line in LINES]
            assert [packet.pts for packet in packets] == [start for start, _, _ in LINES]


@pytest.mark.parametrize(("name", "frames"), [("edit-list", 8), ("film-rate", 8), ("vfr-b-frames", 8)])
def test_hidden_frames_are_not_promised(tmp_path: Path, name: str, frames: int) -> None:
    with open_source(awkward(name, tmp_path).path) as source:
        assert source.info.frames == frames


def test_an_edit_list_keeps_sound_in_step(tmp_path: Path) -> None:
    # Pictures before zero were cut by the edit; the tone began at zero, with the first picture shown.
    clip = awkward("edit-list", tmp_path)
    with av.open(str(clip.path)) as container:
        first = next(frame for frame in container.decode(audio=0) if frame.pts is not None)
    assert first.pts == 0 == clip.pts[0]


def test_a_bare_stream_has_the_decoders_rate(tmp_path: Path) -> None:
    with open_source(awkward("no-pts", tmp_path).path) as source:
        assert source.info.rate == 24
