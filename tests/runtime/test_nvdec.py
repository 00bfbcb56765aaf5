"""Frames from NVDEC are those of the software decoder, or there are none."""

import sys
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from tests.runtime.media import picture, write_clip
from tests.runtime.nvdec_fake import DecodedFrame, FakeModule, PyNvDecoder, PyNvDemuxer
from trt_anime.errors import InputError, MissingError, TrtAnimeError
from trt_anime.runtime.media import nvdec
from trt_anime.runtime.media.frames import Frame, FrameSource
from trt_anime.runtime.media.nvdec import NvdecVideo
from trt_anime.runtime.media.video import Video

PICTURES = [picture(index) for index in range(9)]


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> FakeModule:
    fake = FakeModule()
    monkeypatch.setitem(sys.modules, "PyNvVideoCodec", fake)
    return fake


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """With B-frames, so that packets come in another order than pictures."""
    return write_clip(
        tmp_path / "clip.mp4", PICTURES, codec="libx264", pixel_format="yuv420p", options={"bf": "2"}
    )


def frames(source: FrameSource) -> list[Frame]:
    with source:
        return list(source)


def assert_same(path: Path, *, deep: bool = False) -> None:
    hard, soft = NvdecVideo(path, ordinal=0, deep=deep), Video(path, threads=1, deep=deep)
    assert (hard.info, hard.notices) == (soft.info, soft.notices)
    ours, theirs = frames(hard), frames(soft)
    assert [frame.stamp for frame in ours] == [frame.stamp for frame in theirs]
    assert len(ours) > 1
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(one.rgb, other.rgb)
        assert (one.deep is None) == (other.deep is None) == (not deep)
        if one.deep is not None and other.deep is not None:
            np.testing.assert_array_equal(one.deep, other.deep)


def test_same_frames(module: FakeModule, clip: Path) -> None:
    assert_same(clip)
    assert module.asked == {
        "gpuid": 0,
        "codec": "cudaVideoCodec of h264",
        "usedevicememory": False,
    }


@pytest.mark.parametrize("pixel_format", ["yuv420p10le", "yuv420p12le"])
def test_same_deep_frames(module: FakeModule, tmp_path: Path, pixel_format: str) -> None:
    assert_same(write_clip(tmp_path / "clip.mkv", PICTURES, pixel_format=pixel_format), deep=True)


def test_same_odd_sizes(module: FakeModule, tmp_path: Path) -> None:
    pictures = [picture(index, height=47, width=63) for index in range(3)]
    assert_same(write_clip(tmp_path / "clip.mkv", pictures, pixel_format="yuv420p"))


def test_same_turned(module: FakeModule, tmp_path: Path) -> None:
    assert_same(
        write_clip(tmp_path / "clip.mp4", PICTURES, codec="libx264", pixel_format="yuv420p", rotation=90)
    )


def test_same_variable_rate(module: FakeModule, tmp_path: Path) -> None:
    pts = [0, 10, 25, 26, 90, 91, 200, 300, 301]
    assert_same(
        write_clip(
            tmp_path / "clip.mkv",
            PICTURES,
            pixel_format="yuv420p",
            time_base=Fraction(1, 1000),
            pts=pts,
        )
    )


def test_start(module: FakeModule, clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = frames(Video(clip, threads=1, deep=False))
    copied: list[int] = []
    real = NvdecVideo._planes

    def counting(self: NvdecVideo, decoded: Any) -> list[Any]:
        copied.append(decoded.getPTS())
        return real(self, decoded)

    monkeypatch.setattr(NvdecVideo, "_planes", counting)
    source = NvdecVideo(clip, ordinal=0, deep=False)
    source.start_at(6)
    late = frames(source)
    assert [frame.stamp for frame in late] == [frame.stamp for frame in whole[6:]]
    np.testing.assert_array_equal(late[0].rgb, whole[6].rgb)
    assert copied == [whole[index].stamp.pts for index in (0, 6, 7, 8)]


def test_pictures_that_are_not_shown(
    module: FakeModule, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An edit list hides them; the video engine doesn't know."""
    real = PyNvDecoder.Decode

    def with_hidden(self: PyNvDecoder, arg0: Any) -> list[DecodedFrame]:
        hidden = DecodedFrame(av.VideoFrame(64, 48, "yuv420p"), -7)
        return [hidden, *real(self, arg0)]

    monkeypatch.setattr(PyNvDecoder, "Decode", with_hidden)
    survey = nvdec._survey(clip)
    monkeypatch.setattr(
        nvdec,
        "_survey",
        lambda path: nvdec._Survey(survey.stream, survey.first, survey.stamps, frozenset({-7})),
    )
    assert len(frames(NvdecVideo(clip, ordinal=0, deep=False))) == len(PICTURES)


def refusal(path: Path) -> str:
    with pytest.raises(MissingError) as caught:
        NvdecVideo(path, ordinal=0, deep=False)
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_other_samples_are_refused(module: FakeModule, tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.mkv", PICTURES, pixel_format="yuv444p")
    assert "isn't used for yuv444p" in refusal(path)


def test_interlaced_is_refused(module: FakeModule, tmp_path: Path) -> None:
    path = write_clip(
        tmp_path / "clip.mp4",
        PICTURES,
        codec="libx264",
        pixel_format="yuv420p",
        options={"x264-params": "tff=1"},
    )
    assert "isn't used for interlaced video" in refusal(path)


def test_cut_is_refused(module: FakeModule, tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.mkv", PICTURES, pixel_format="yuv420p")
    path.write_bytes(path.read_bytes()[:-3000])
    assert "isn't used" in refusal(path)


def test_missing_stamps_are_refused(module: FakeModule, tmp_path: Path) -> None:
    """A bare stream has none."""
    path = tmp_path / "clip.h264"
    write_clip(path, PICTURES, codec="libx264", pixel_format="yuv420p")
    assert "time stamps have gaps" in refusal(path)


def test_another_stream_is_refused(module: FakeModule, clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PyNvDemuxer, "GetVideoStreamId", lambda self: 1)
    assert "another of its video streams" in refusal(clip)


def test_first_picture_that_differs_is_refused(
    module: FakeModule, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One sample in one plane is enough."""
    real = PyNvDecoder.Decode

    def off_by_one(self: PyNvDecoder, arg0: Any) -> list[DecodedFrame]:
        given = real(self, arg0)
        for frame in given:
            frame.memory.reshape(-1)[-1] ^= 1
        return given

    monkeypatch.setattr(PyNvDecoder, "Decode", off_by_one)
    assert "first picture isn't the software decoder's" in refusal(clip)


def test_no_package(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PyNvVideoCodec", None)
    with pytest.raises(MissingError, match=r"pip install PyNvVideoCodec \(.*\)$"):
        NvdecVideo(clip, ordinal=0, deep=False)


def test_no_driver(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The package raises RuntimeError at import, with a page of advice."""

    def advice(name: str) -> None:
        raise RuntimeError("libnvidia-encode.so.1: no such file\n\n=== TROUBLESHOOTING STEPS ===")

    monkeypatch.setattr(nvdec.importlib, "import_module", advice)  # type: ignore[attr-defined]
    with pytest.raises(MissingError, match=r"\(libnvidia-encode.so.1: no such file\)$"):
        NvdecVideo(clip, ordinal=0, deep=False)


def test_not_a_video(module: FakeModule, tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_text("words")
    with pytest.raises(InputError, match="is not a video"):
        NvdecVideo(path, ordinal=0, deep=False)


def fails(given: list[DecodedFrame]) -> list[DecodedFrame]:
    raise RuntimeError("NVDEC: CUDA_ERROR_ILLEGAL_ADDRESS\nmore")


def other_format(given: list[DecodedFrame]) -> list[DecodedFrame]:
    for frame in given:
        frame.format.name = "YUV444"
    return given


@pytest.mark.parametrize(
    ("mistake", "words", "number"),
    [
        (fails, "NVDEC can't decode it (NVDEC: CUDA_ERROR_ILLEGAL_ADDRESS)", 3),
        (other_format, "NVDEC gave 4608 bytes of YUV444 for 64x48 yuv420p", 3),
        (lambda given: given[1:], "NVDEC gave a picture out of its place", 3),
        (lambda given: [*given, *given], "NVDEC gave a picture out of its place", 4),
    ],
)
@pytest.mark.parametrize("start", [0, 2])
def test_mistakes_midway(
    module: FakeModule,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    mistake: Callable[[list[DecodedFrame]], list[DecodedFrame]],
    words: str,
    number: int,
    start: int,
) -> None:
    """The software decoder goes on, aloud: every frame comes once, and is good."""
    path = write_clip(tmp_path / "clip.mkv", PICTURES, pixel_format="yuv420p")
    real, calls = PyNvDecoder.Decode, 0

    def decode(self: PyNvDecoder, arg0: Any) -> list[DecodedFrame]:
        nonlocal calls
        calls += 1
        given = real(self, arg0)
        return mistake(given) if calls == 4 else given

    monkeypatch.setattr(PyNvDecoder, "Decode", decode)
    good = frames(Video(path, threads=1, deep=False))[start:]
    source = NvdecVideo(path, ordinal=0, deep=False)
    source.start_at(start)
    seen = frames(source)
    assert [frame.stamp for frame in seen] == [frame.stamp for frame in good]
    for one, other in zip(seen, good, strict=True):
        np.testing.assert_array_equal(one.rgb, other.rgb)
    assert source.notices == [f"{path}: {words}; from frame {number} on it is decoded on the CPU"]


def test_frames_missing_at_the_end(
    module: FakeModule, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_clip(tmp_path / "clip.mkv", PICTURES, pixel_format="yuv420p")
    real = PyNvDecoder.Decode
    good = frames(Video(path, threads=1, deep=False))
    monkeypatch.setattr(
        PyNvDecoder,
        "Decode",
        lambda self, arg0: [frame for frame in real(self, arg0) if frame.getPTS() != good[-1].stamp.pts],
    )
    source = NvdecVideo(path, ordinal=0, deep=False)
    seen = frames(source)
    assert [frame.stamp for frame in seen] == [frame.stamp for frame in good]
    assert source.notices == [
        f"{path}: NVDEC left out 1 of 9 frames; from frame 8 on it is decoded on the CPU"
    ]


def test_both_decoders_fail(module: FakeModule, clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the software decoder says is the last word, and what it notes is passed on."""
    source = NvdecVideo(clip, ordinal=0, deep=False)
    monkeypatch.setattr(PyNvDecoder, "Decode", lambda self, arg0: fails([]))

    def broken(self: Video) -> Iterator[Frame]:
        self.notices.append("2 frames are damaged")
        raise TrtAnimeError("breaks off")
        yield

    monkeypatch.setattr(Video, "__iter__", broken)
    with source, pytest.raises(TrtAnimeError, match=r"^breaks off$"):
        list(source)
    assert source.notices[-1] == "2 frames are damaged" and len(source.notices) == 2


def _finds_its_driver() -> bool:
    try:
        nvdec._module()
    except MissingError:
        return False
    return True


@pytest.mark.skipif(not _finds_its_driver(), reason="no PyNvVideoCodec, or no driver for it")
def test_on_a_real_gpu(clip: Path) -> None:
    assert_same(clip)
