"""Awkward clips, made by the tests: each a small file and what is known of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from pathlib import Path

import av

from tests.runtime.charts import unit
from tests.runtime.clips import FILM_CLOCK, MILLISECOND, Extras, Tags, Writing, write
from tests.runtime.media import FILM, Pixels, picture

PQ, HLG = 16, 18


@dataclass(frozen=True)
class Awkward:
    """A clip and what is known of it.

    Attributes:
        pts: of the frames shown, in units of `time_base`.
        pictures: uint8 [height, width, 3] RGB as shown, 16 x 16 blocks of one colour each.
        bits: per channel.
        interlaced: whether the first frame is.
        notices: a part of each sentence that the user should see, in order.
        breaks_off: whether reading ends in an error after the last of `pictures`.
        tolerance: largest error at the blocks' centres, in levels of 255.
    """

    path: Path
    pts: tuple[int, ...]
    time_base: Fraction
    pictures: tuple[Pixels, ...]
    pixel_format: str
    tags: Tags
    extras: Extras
    bits: int = 8
    interlaced: bool = False
    notices: tuple[str, ...] = ()
    breaks_off: bool = False
    tolerance: int = 2

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) as shown."""
        return self.pictures[0].shape[1], self.pictures[0].shape[0]


def awkward(name: str, folder: Path) -> Awkward:
    """Write one of `NAMES` into a folder."""
    return _RECIPES[name](folder / name)


def _clip(
    path: Path,
    *,
    suffix: str = ".mkv",
    pts: Sequence[int] = (0, 42, 83, 125, 167, 209),
    size: tuple[int, int] = (64, 48),
    writing: Writing | None = None,
    tags: Tags | None = None,
    extras: Extras | None = None,
    notices: tuple[str, ...] = (),
    tolerance: int = 2,
) -> Awkward:
    writing, tags, extras = writing or Writing(), tags or Tags(), extras or Extras()
    shown = tuple(picture(index, width=size[0], height=size[1]) for index in range(len(pts)))
    path = path.with_name(path.name + suffix)
    write(path, [unit(rgb) for rgb in shown], pts=pts, writing=writing, tags=tags, extras=extras)
    return Awkward(
        path,
        tuple(pts),
        writing.time_base,
        shown,
        writing.pixel_format,
        tags,
        extras,
        bits=av.VideoFormat(writing.pixel_format).components[0].bits,
        interlaced=writing.fields is not None,
        notices=("is interlaced",) if writing.fields else notices,
        tolerance=tolerance,
    )


def _film_pts(count: int, *, start: int = 0) -> tuple[int, ...]:
    return tuple(1001 * (start + index) for index in range(count))


_CLOCK = (("video_track_timescale", "24000"), ("movie_timescale", "24000"))
_B_FRAMES = (("qp", "0"), ("x264-params", "bframes=2:b-adapt=0:keyint=8:scenecut=0"))
_H264 = Writing("libx264", time_base=FILM_CLOCK, options=(("qp", "0"),), container=_CLOCK)
_H264_B = replace(_H264, options=_B_FRAMES)


def _edited(path: Path) -> Awkward:
    """Six pictures lie before the edit's start, in the middle of a group with B-frames."""
    whole = _clip(
        path,
        suffix=".mp4",
        pts=_film_pts(14, start=-6),
        writing=_H264_B,
        extras=Extras(audio=("aac",)),
    )
    return replace(whole, pts=_film_pts(8), pictures=whole.pictures[6:])


def _cut(path: Path) -> Awkward:
    """The last picture's packet is missing."""
    writing = replace(_H264, container=(*_CLOCK, ("movflags", "faststart")))
    whole = _clip(path, suffix=".mp4", pts=_film_pts(6), writing=writing)
    with av.open(str(whole.path)) as container:
        last = [packet for packet in container.demux(video=0) if packet.size][-1]
    assert last.pos is not None
    whole.path.write_bytes(whole.path.read_bytes()[: last.pos])
    return replace(whole, pts=whole.pts[:-1], pictures=whole.pictures[:-1], breaks_off=True)


def _without_pts(path: Path) -> Awkward:
    """A bare H.264 stream with B-frames: no time stamp anywhere."""
    rate = Fraction(24)
    writing = Writing("libx264", rate=rate, time_base=1 / rate, options=_B_FRAMES)
    bare = _clip(path, suffix=".h264", pts=range(10), writing=writing)
    # FFmpeg counts such a stream at 1,200,000 a second.
    return replace(bare, pts=tuple(50_000 * index for index in range(10)), time_base=Fraction(1, 1_200_000))


def _mpeg2(path: Path) -> Awkward:
    """As on DVDs, with B-frames; its encoder takes a film's rate only, Matroska milliseconds only."""
    writing = Writing(
        "mpeg2video",
        "yuv420p",
        time_base=1 / FILM,
        options=(("flags", "+ildct+ilme"), ("qmin", "1"), ("qmax", "1"), ("bf", "2")),
        fields="tff",
    )
    coded = _clip(path, pts=range(6), writing=writing, tolerance=4)
    return replace(coded, pts=(0, 42, 83, 125, 167, 209), time_base=MILLISECOND)


def _mixed_fields(path: Path) -> Awkward:
    """Two progressive pictures, three interlaced, two progressive, as editing leaves it."""
    fields = Writing("prores_ks", "yuv422p10le", time_base=FILM_CLOCK, container=_CLOCK, fields="tff")
    fields = replace(fields, options=(("flags", "+ildct"),))
    two = _clip(path, suffix="-fields.mov", pts=_film_pts(7), writing=fields, tolerance=4)
    one = _clip(
        path, suffix="-frames.mov", pts=_film_pts(7), writing=replace(fields, options=(), fields=None)
    )
    mixed = path.with_name(path.name + ".mov")
    with (
        av.open(str(one.path)) as frames,
        av.open(str(two.path)) as pairs,
        av.open(str(mixed), "w", container_options=dict(_CLOCK)) as target,
    ):
        copy = target.add_stream_from_template(frames.streams.video[0])
        for index, both in enumerate(zip(frames.demux(video=0), pairs.demux(video=0), strict=True)):
            packet = both[2 <= index < 5]
            if packet.size:
                packet.stream = copy
                target.mux(packet)
    one.path.unlink()
    two.path.unlink()
    return replace(two, path=mixed, interlaced=False)


def _turned(degrees: int, *, mirrored: bool = False, upside_down: bool = False) -> partial[Awkward]:
    """Counter-clockwise, then mirrored, then put upside down."""
    writing = replace(_H264, turn=(degrees, mirrored, upside_down))
    return partial(_clip, suffix=".mov", pts=_film_pts(3), writing=writing)


def _ffv1(pixel_format: str) -> Writing:
    return Writing(pixel_format=pixel_format)


_RECIPES: dict[str, Callable[[Path], Awkward]] = {
    "vfr": partial(_clip, pts=(7, 50, 51, 300, 1234, 1300)),
    "vfr-b-frames": partial(
        _clip, suffix=".mp4", pts=(0, 1001, 1500, 4004, 4005, 9009, 9900, 20020), writing=_H264_B
    ),
    "film-rate": partial(_clip, suffix=".mov", pts=_film_pts(8), writing=_H264),
    "10-bit-420": partial(_clip, writing=_ffv1("yuv420p10le")),
    "10-bit-444": partial(_clip, writing=_ffv1("yuv444p10le")),
    "12-bit-422": partial(_clip, writing=_ffv1("yuv422p12le")),
    "444": _clip,
    "full-range": partial(_clip, tags=Tags(full=True)),
    "full-range-10-bit": partial(_clip, tags=Tags(full=True), writing=_ffv1("yuv420p10le")),
    "bt601": partial(_clip, tags=Tags(matrix=6, primaries=6, transfer=6)),
    "bt709": partial(_clip, tags=Tags(matrix=1, primaries=1, transfer=1)),
    "bt2020": partial(
        _clip,
        tags=Tags(matrix=9, primaries=9, transfer=14),
        writing=_ffv1("yuv420p10le"),
        notices=("has BT.2020 primaries; colours are used as they are",),
    ),
    "bt2020-pq": partial(
        _clip,
        tags=Tags(matrix=9, primaries=9, transfer=PQ),
        writing=_ffv1("yuv420p10le"),
        notices=("has PQ transfer and BT.2020 primaries; colours",),
    ),
    "bt2020-hlg": partial(
        _clip,
        tags=Tags(matrix=9, primaries=9, transfer=HLG),
        writing=_ffv1("yuv444p10le"),
        notices=("has HLG transfer and BT.2020 primaries; colours",),
    ),
    "turned-90": _turned(90),
    "turned-180": _turned(180),
    "turned-270": _turned(270),
    "mirrored": _turned(0, mirrored=True),
    "upside-down": _turned(0, upside_down=True),
    "turned-and-mirrored": _turned(90, mirrored=True),
    "odd-size-444": partial(_clip, size=(65, 47)),
    "odd-size-420": partial(_clip, size=(65, 47), writing=_ffv1("yuv420p")),
    "two-audio-tracks": partial(_clip, extras=Extras(audio=("flac", "aac"))),
    "subtitles": partial(_clip, extras=Extras(subtitles=("subrip",))),
    "subtitles-mp4": partial(
        _clip,
        suffix=".mp4",
        pts=_film_pts(6),
        writing=_H264,
        extras=Extras(audio=("aac",), subtitles=("mov_text",), chapters=("One", "Two")),
    ),
    "everything": partial(
        _clip,
        extras=Extras(
            audio=("flac", "aac"), subtitles=("subrip",), chapters=("One", "Two"), fonts=("Title.ttf",)
        ),
    ),
    "last-packet-missing": _cut,
    "edit-list": _edited,
    "b-frames": partial(
        _clip,
        pts=tuple(round(1000 * index / FILM) for index in range(12)),
        writing=Writing("libx264", time_base=MILLISECOND, options=_B_FRAMES),
    ),
    "no-pts": _without_pts,
    "interlaced-mpeg2": _mpeg2,
    "interlaced-h264": partial(
        _clip,
        suffix=".mp4",
        pts=_film_pts(6),
        size=(64, 64),
        writing=replace(
            _H264,
            pixel_format="yuv420p",
            options=(("qp", "0"), ("x264-params", "bff=1:bframes=2:b-adapt=0")),
            fields="bff",
        ),
    ),
    "mixed-fields": _mixed_fields,
}

NAMES = tuple(_RECIPES)
