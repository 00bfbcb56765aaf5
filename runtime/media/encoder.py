"""RGBA frames to one video file with alpha: FFV1, ProRes 4444 or VP9."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
from av.container import OutputContainer
from av.error import FFmpegError
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter
from av.video.stream import VideoStream

from trt_anime.errors import OutputError
from trt_anime.files import output_error
from trt_anime.runtime.media.frames import ClipInfo, Frame, Pixels

_EXACT = Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT


@dataclass(frozen=True)
class Codec:
    """One row of what can be written.

    Attributes:
        clock: the container's own time base, None where it takes the source's.
    """

    suffix: str
    container: str
    encoder: str
    pixel_format: str
    options: dict[str, str] = field(default_factory=dict)
    clock: Fraction | None = None


# Matroska, and WebM with it, counts milliseconds whatever the source's time base is.
_MATROSKA = Fraction(1, 1000)

CODECS: dict[str, Codec] = {
    "ffv1": Codec(".mkv", "matroska", "ffv1", "bgra", {"level": "3", "slicecrc": "1"}, _MATROSKA),
    "prores": Codec(
        ".mov",
        "mov",
        "prores_ks",
        "yuva444p10le",
        {"profile": "4444", "alpha_bits": "16"},
    ),
    # Alternate reference frames and alpha don't go together in VP9.
    "webm": Codec(
        ".webm",
        "webm",
        "libvpx-vp9",
        "yuva420p",
        {"crf": "18", "b": "0", "auto-alt-ref": "0", "row-mt": "1", "deadline": "good", "cpu-used": "4"},
        _MATROSKA,
    ),
}


class VideoWriter:
    """One video file, under a temporary name until it is complete.

    Stopped early, the frames so far become a playable ``<stem>.partial<suffix>``. Time stamps are
    the source's: exact in MOV, to the nearest millisecond in Matroska and WebM.
    """

    def __init__(self, folder: Path, stem: str, codec: Codec, clip: ClipInfo, *, threads: int) -> None:
        self._final = folder / f"{stem}{codec.suffix}"
        self._partial = folder / f"{stem}.partial{codec.suffix}"
        self._temporary = folder / f".{stem}{codec.suffix}.partial"
        self._codec, self._time_base = codec, clip.time_base
        self._convert = _converter(codec, clip)
        self._durations: dict[int, int] = {}
        self._frames, self._closed = 0, False
        self.notices = _clock_notes(codec, clip)
        options = _mov_clock(clip.time_base) if codec.clock is None else {}
        try:
            self._container = av.open(
                f"file:{self._temporary}", "w", format=codec.container, container_options=options
            )
        except FFmpegError as error:
            raise self._refused(error) from error
        self._stream = _video_stream(self._container, codec, clip, threads)

    @property
    def output(self) -> Path:
        return self._final

    def write(self, frame: Frame, rgba: Pixels) -> None:
        """`rgba`: uint8 [height, width, 4], straight alpha. Raises OutputError."""
        picture = self._convert(av.VideoFrame.from_ndarray(rgba, format="rgba"))
        self._tag(picture)
        picture.pts, picture.time_base = frame.pts, self._time_base
        if frame.duration:
            self._durations[frame.pts] = frame.duration
        self._encode(picture)
        self._frames += 1

    def close(self, complete: bool) -> None:
        """Finish the file, once; `complete` False keeps what there is as ``.partial``.

        Raises:
            OutputError: it could not be finished; nothing is left of it.
        """
        if self._closed:
            return
        self._closed = True
        try:
            if self._frames:
                self._encode(None)
            self._container.close()
            if self._frames:
                _sync(self._temporary)
                self._temporary.replace(self._final if complete else self._partial)
        except (FFmpegError, OSError) as error:
            raise self._refused(error) from error
        finally:
            self._temporary.unlink(missing_ok=True)

    def _tag(self, picture: av.VideoFrame) -> None:
        # ProRes takes its tags from the first frame, not from the codec's context.
        context = self._stream.codec_context
        picture.colorspace, picture.color_range = context.colorspace, context.color_range
        picture.color_primaries, picture.color_trc = context.color_primaries, context.color_trc

    def _encode(self, picture: av.VideoFrame | None) -> None:
        try:
            for packet in self._stream.encode(picture):
                duration = self._durations.pop(packet.pts or 0, None)
                if duration:
                    packet.duration = duration
                self._container.mux(packet)
        except FFmpegError as error:
            raise self._refused(error) from error

    def _refused(self, error: Exception) -> OutputError:
        if isinstance(error, OutputError):
            return error
        if isinstance(error, OSError):
            return output_error(self._final, error)
        return OutputError(
            f"{self._final}: {self._codec.encoder} refused ({error}); choose another --format"
        )


def _video_stream(container: OutputContainer, codec: Codec, clip: ClipInfo, threads: int) -> VideoStream:
    stream = container.add_stream(codec.encoder, rate=clip.rate, options=dict(codec.options))
    assert isinstance(stream, VideoStream)
    stream.width, stream.height, stream.pix_fmt = clip.width, clip.height, codec.pixel_format
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


def _converter(codec: Codec, clip: ClipInfo) -> Callable[[av.VideoFrame], av.VideoFrame]:
    reformatter = VideoReformatter()
    space = _matrix(clip)[1]
    to_yuv = codec.pixel_format.startswith("yuv")

    def convert(picture: av.VideoFrame) -> av.VideoFrame:
        return reformatter.reformat(
            picture,
            format=codec.pixel_format,
            src_colorspace=space,
            dst_colorspace=space,
            src_color_range=ColorRange.JPEG,
            dst_color_range=ColorRange.MPEG if to_yuv else ColorRange.JPEG,
            interpolation=_EXACT,
            threads=1,
        )

    return convert


def _clock_notes(codec: Codec, clip: ClipInfo) -> list[str]:
    if codec.clock is None or (clip.time_base / codec.clock).denominator == 1:
        return []
    return [
        f"{codec.suffix[1:]} files count milliseconds: time stamps are rounded; prores keeps them exactly"
    ]


def _mov_clock(time_base: Fraction) -> dict[str, str]:
    """MOV counts in whole parts of a second: frames by the track's, the first one by the movie's."""
    ticks = str(time_base.denominator)
    return {"video_track_timescale": ticks, "movie_timescale": ticks}


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
