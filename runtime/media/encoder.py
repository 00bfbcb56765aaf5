"""RGBA layers to video with alpha: FFV1, ProRes 4444 or VP9, one closed file per segment."""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import lcm
from pathlib import Path

import av
from av.container import OutputContainer
from av.error import FFmpegError
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter
from av.video.stream import VideoStream

from trt_anime.runtime.media.deep import deepened
from trt_anime.runtime.media.frames import ClipInfo, DeepPixels, Pixels, Stamp
from trt_anime.runtime.media.pieces import piece_of, refused, settle, temporary_of
from trt_anime.runtime.media.sinks import Piece

# With these swscale is exact, and its result doesn't depend on what lies past a row's end.
_EXACT = Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT

# MOV keeps a clock's ticks per second in 31 bits.
_MOST_TICKS = 2**31 - 1


@dataclass(frozen=True)
class Codec:
    """One row of what can be written. Options make the bytes independent of the number of threads.

    Attributes:
        pixel_format: of sources with 8 bits per channel.
        deep_formats: by the most bits per channel that the source may have; empty: 8 bits are all there is.
        clock: the container's own time base, None where it takes the source's.
    """

    suffix: str
    container: str
    encoder: str
    pixel_format: str
    deep_formats: dict[int, str] = field(default_factory=dict)
    options: dict[str, str] = field(default_factory=dict)
    clock: Fraction | None = None

    def format_for(self, clip: ClipInfo) -> str:
        """FFmpeg's name of the pixel format that is written."""
        if clip.bits > 8:
            for bits, name in self.deep_formats.items():
                if clip.bits <= bits:
                    return name
        return self.pixel_format


# Matroska, and WebM with it, counts milliseconds whatever the source's time base is.
_MATROSKA = Fraction(1, 1000)

CODECS: dict[str, Codec] = {
    # It chooses its slices by the picture's size alone.
    "ffv1": Codec(
        ".mkv",
        "matroska",
        "ffv1",
        "bgra",
        # RGB needs finer steps than the YUV that it came from.
        {10: "gbrap12le", 16: "gbrap16le"},
        {"level": "3", "slicecrc": "1"},
        _MATROSKA,
    ),
    # FFmpeg's encoder takes 10 bits at most.
    "prores": Codec(
        ".mov",
        "mov",
        "prores_ks",
        "yuva444p10le",
        {16: "yuva444p10le"},
        {"profile": "4444", "alpha_bits": "16"},
    ),
    # Alternate reference frames and alpha don't go together in VP9. With row-mt the bytes differ between
    # one thread and two; tiles are the parallelism that leaves them alone.
    "webm": Codec(
        ".webm",
        "webm",
        "libvpx-vp9",
        "yuva420p",
        {},
        {
            "crf": "18",
            "b": "0",
            "auto-alt-ref": "0",
            "row-mt": "0",
            "tile-columns": "1",
            "deadline": "good",
            "cpu-used": "4",
        },
        _MATROSKA,
    ),
}


class VideoSegment:
    """Frames of one segment, under a temporary name until it is closed.

    Time stamps are the clip's: exact in MOV, to the nearest millisecond in Matroska and WebM.
    """

    def __init__(
        self, path: Path, root: Path, layer: str, codec: Codec, clip: ClipInfo, *, threads: int
    ) -> None:
        """Raises OutputError."""
        self._path, self._root, self._layer = path, root, layer
        self._codec, self._clip = codec, clip
        self._convert = _converter(codec.format_for(clip), clip)
        self._durations: dict[int, int] = {}
        try:
            self._container = open_container(temporary_of(path), codec.container, clip.time_base)
            self._stream = add_layer(self._container, codec, clip, threads=threads)
        except (FFmpegError, OSError) as error:
            raise self._refused(error) from error

    def write(self, stamps: Sequence[Stamp], layers: Mapping[str, Pixels], deep: DeepPixels | None) -> None:
        picture = self._picture(layers[self._layer], deep)
        for stamp in stamps:
            picture.pts, picture.time_base = stamp.pts, self._clip.time_base
            if stamp.duration:
                self._durations[stamp.pts] = stamp.duration
            self._encode(picture)

    def close(self) -> list[Piece]:
        try:
            self._encode(None)
            self._container.close()
            settle(temporary_of(self._path), self._path, sync=True)
        except (FFmpegError, OSError) as error:
            self.abandon()
            raise self._refused(error) from error
        return [piece_of(self._path, self._root)]

    def abandon(self) -> None:
        with contextlib.suppress(Exception):  # it may have failed before, and fails again
            self._container.close()
        with contextlib.suppress(OSError):
            temporary_of(self._path).unlink(missing_ok=True)

    def _picture(self, rgba: Pixels, deep: DeepPixels | None) -> av.VideoFrame:
        if self._clip.bits > 8 and self._codec.deep_formats:
            source = av.VideoFrame.from_ndarray(deepened(rgba, deep), format="rgba64le")
        else:
            source = av.VideoFrame.from_ndarray(rgba, format="rgba")
        picture = self._convert(source)
        # ProRes takes its tags from the first frame, not from the codec's context.
        context = self._stream.codec_context
        picture.colorspace, picture.color_range = context.colorspace, context.color_range
        picture.color_primaries, picture.color_trc = context.color_primaries, context.color_trc
        return picture

    def _encode(self, picture: av.VideoFrame | None) -> None:
        try:
            for packet in self._stream.encode(picture):
                if packet.pts is not None and (duration := self._durations.pop(packet.pts, None)):
                    packet.duration = duration
                self._container.mux(packet)
        except FFmpegError as error:
            raise self._refused(error) from error

    def _refused(self, error: Exception) -> Exception:
        return refused(self._path, error, tool=self._codec.encoder)


def open_container(path: Path, container: str, *time_bases: Fraction) -> OutputContainer:
    """A file to mux into, with neither dates nor random numbers in it.

    Packets have to come in order. They keep their times, also sound's lead-in below zero.

    Args:
        container: FFmpeg's name.
        time_bases: of the streams, the picture's first.
    """
    options = {"fflags": "+bitexact", "avoid_negative_ts": "disabled", "max_interleave_delta": "1"}
    if container in ("mov", "mp4"):
        # Tracks count in parts of a second of their own; where one begins is told in the movie's.
        ticks = time_bases[0].denominator
        common = lcm(*(time_base.denominator for time_base in time_bases))
        options |= {
            "video_track_timescale": str(ticks),
            "movie_timescale": str(common if common <= _MOST_TICKS else ticks),
            "movflags": "+use_metadata_tags",
        }
    return av.open(f"file:{path}", "w", format=container, container_options=options)


def add_layer(container: OutputContainer, codec: Codec, clip: ClipInfo, *, threads: int) -> VideoStream:
    """The video stream; its header depends on the codec and the clip only."""
    stream = container.add_stream(codec.encoder, rate=clip.rate, options=dict(codec.options))
    assert isinstance(stream, VideoStream)
    stream.width, stream.height, stream.pix_fmt = clip.width, clip.height, codec.format_for(clip)
    context = stream.codec_context
    stream.time_base = context.time_base = clip.time_base
    context.thread_count = threads
    context.sample_aspect_ratio = clip.pixel_aspect
    context.color_primaries, context.color_trc = clip.primaries, clip.transfer
    if codec.pixel_format.startswith("yuv"):
        context.colorspace, context.color_range = _matrix(clip)[0], ColorRange.MPEG
    else:
        context.colorspace, context.color_range = 0, ColorRange.JPEG
    return stream


def _matrix(clip: ClipInfo) -> tuple[int, Colorspace]:
    """H.273 number and swscale's: the matrix that a player assumes where a file has no tag."""
    return (1, Colorspace.ITU709) if clip.height >= 720 else (6, Colorspace.ITU601)


def _converter(pixel_format: str, clip: ClipInfo) -> Callable[[av.VideoFrame], av.VideoFrame]:
    reformatter = VideoReformatter()
    space = _matrix(clip)[1]
    to_yuv = pixel_format.startswith("yuv")

    def convert(picture: av.VideoFrame) -> av.VideoFrame:
        return reformatter.reformat(
            picture,
            format=pixel_format,
            src_colorspace=space,
            dst_colorspace=space,
            src_color_range=ColorRange.JPEG,
            dst_color_range=ColorRange.MPEG if to_yuv else ColorRange.JPEG,
            interpolation=_EXACT,
            threads=1,
        )

    return convert


def notes(codec: Codec, clip: ClipInfo) -> list[str]:
    """What of the clip's time stamps and depth the format can't hold, for the user."""
    sentences = []
    name = codec.suffix[1:]
    if codec.clock is not None and (clip.time_base / codec.clock).denominator != 1:
        sentences.append(
            f"{name} files count milliseconds: time stamps are rounded; prores keeps them exactly"
        )
    # PyAV sets the shape of a stream's pixels only where the muxer asks the codec for it, as MOV's does.
    if clip.pixel_aspect != 1 and codec.container != "mov":
        sentences.append(
            f"{name} files are written without the source's pixel shape {clip.pixel_aspect}, and show "
            "square pixels; prores keeps it"
        )
    if clip.bits > 8 and not codec.deep_formats:
        sentences.append(shallow_note(name))
    elif clip.bits > 10 and codec.encoder == "prores_ks":
        sentences.append("prores is written with 10 bits per channel; ffv1, png16 and exr keep more")
    return sentences


def shallow_note(name: str) -> str:
    """For a source with more than 8 bits."""
    return f"{name} files hold 8 bits per channel; ffv1, prores, png16 and exr keep more"
