"""A video file as a clip, through FFmpeg (PyAV)."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import av
from av.container import InputContainer
from av.error import EOFError as EndOfFile
from av.error import FFmpegError
from av.stream import Disposition
from av.video.stream import VideoStream

from trt_anime.errors import InputError, TrtAnimeError
from trt_anime.runtime.media.colour import RgbConverter, colour_tags, has_alpha, orientation
from trt_anime.runtime.media.frames import DEFAULT_RATE, ClipInfo, Frame
from trt_anime.runtime.media.headers import container_size


class Video:
    """The first video stream of a file; everything else in it is left alone."""

    def __init__(self, path: Path, *, threads: int) -> None:
        """Raises InputError: not a video, no video stream, or not one frame in it."""
        self.notices: list[str] = []
        self._path = path
        self._container = _opened(path)
        try:
            self._stream = _video_stream(self._container, path)
            self._stream.codec_context.thread_type = "AUTO"
            self._stream.codec_context.thread_count = threads
            self._decoded = self._pictures()
            first = self._first_picture()
            tags = colour_tags(first)
            self._convert = RgbConverter(tags, orientation(first))
            self.info = self._facts(first, tags.matrix, tags.colour_range)
            self._first: av.VideoFrame | None = first
            self._note(first, tags.known)
        except BaseException:
            self.close()
            raise

    def __iter__(self) -> Iterator[Frame]:
        """Raises TrtAnimeError: damaged, cut short, or the size changes; frames before that are good."""
        picture, self._first = self._first, None
        index, last_pts, damaged = 0, None, 0
        while picture is not None:
            damaged += picture.is_corrupt
            pts = self._pts(picture, last_pts)
            rgb = self._convert(picture)
            if rgb.shape != (self.info.height, self.info.width, 3):
                raise TrtAnimeError(
                    f"{self._path}: changes size to {rgb.shape[1]}x{rgb.shape[0]} at frame {index}; "
                    "split the file there and process each part"
                )
            yield Frame(index, pts=pts, duration=int(picture.duration or 0), rgb=rgb)
            index, last_pts = index + 1, pts
            picture = next(self._decoded, None)
        if damaged:
            self.notices.append(f"{self._path}: {damaged} frames are damaged and shown as decoded")

    def close(self) -> None:
        self._first = None
        self._container.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _first_picture(self) -> av.VideoFrame:
        try:
            first = next(self._decoded, None)
        except TrtAnimeError as error:
            raise InputError(str(error)) from error
        if first is None:
            raise InputError(f"{self._path}: holds no frames; check that the file is complete")
        return first

    def _pictures(self) -> Iterator[av.VideoFrame]:
        packets, number, cut = 0, 0, False
        try:
            for packet in self._container.demux(self._stream):
                if packet.size:
                    packets, cut = packets + 1, packet.is_corrupt
                for picture in packet.decode():
                    assert isinstance(picture, av.VideoFrame)
                    number += 1
                    yield picture
        except FFmpegError as error:
            if cut:
                raise self._broken_off(number) from error
            reason = getattr(error, "strerror", None) or str(error)
            raise TrtAnimeError(
                f"{self._path}: can't be decoded after {number} frames ({reason}); repair or re-encode it"
            ) from error
        if cut or self._breaks_off(packets):
            raise self._broken_off(number)

    def _broken_off(self, frames: int) -> TrtAnimeError:
        return TrtAnimeError(
            f"{self._path}: breaks off after {frames} frames, its header promises more; "
            "copy or download it again"
        )

    def _breaks_off(self, packets: int) -> bool:
        """Whether the demuxer ended before the file's own account of its content does.

        FFmpeg ends without an error there. Not found: a cut MPEG-TS, which keeps no account.
        """
        if "mov" in self._container.format.name:
            return packets < len(self._stream.index_entries)
        promised_bytes = container_size(self._path)
        return promised_bytes is not None and self._path.stat().st_size < promised_bytes

    def _pts(self, picture: av.VideoFrame, last: int | None) -> int:
        """The frame's own time stamp; where there is none, or it doesn't rise, the next free one."""
        if picture.pts is not None and (last is None or picture.pts > last):
            return picture.pts
        step = round(1 / (self.info.rate * self.info.time_base)) or 1
        return 0 if last is None else last + step if picture.pts is None else last + 1

    def _facts(self, first: av.VideoFrame, matrix: str, colour_range: str) -> ClipInfo:
        stream = self._stream
        rate = stream.average_rate or stream.guessed_rate or DEFAULT_RATE
        height, width, _ = self._convert(first).shape
        aspect = stream.sample_aspect_ratio or Fraction(1)
        return ClipInfo(
            path=self._path,
            kind="video",
            width=width,
            height=height,
            rate=rate,
            time_base=stream.time_base or 1 / rate,
            frames=stream.frames or _frames_from_duration(self._container, stream, rate),
            pixel_format=first.format.name,
            matrix=matrix,
            colour_range=colour_range,
            primaries=int(first.color_primaries),
            transfer=int(first.color_trc),
            pixel_aspect=aspect if (width, height) == (first.width, first.height) else 1 / aspect,
        )

    def _note(self, first: av.VideoFrame, matrix_known: bool) -> None:
        if has_alpha(first) or self._stream.metadata.get("alpha_mode") == "1":
            self.notices.append(f"{self._path}: has alpha, which is left out; colours are used as they are")
        if not matrix_known:
            self.notices.append(
                f"{self._path}: matrix {int(first.colorspace)} is unknown, read as {self.info.matrix}"
            )


def _opened(path: Path) -> InputContainer:
    if path.stat().st_size == 0:
        raise InputError(f"{path}: is empty; check that the file is complete")
    try:
        # "file:" keeps FFmpeg from reading "a:b.mp4" as a network address. Old films carry titles in
        # Shift-JIS, which PyAV would stumble over.
        return av.open(f"file:{path}", "r", metadata_errors="replace")
    except EndOfFile as error:
        raise InputError(f"{path}: ends before its first frame; check that the file is complete") from error
    except FFmpegError as error:
        reason = error.strerror or str(error)
        raise InputError(
            f"{path}: is not a video that can be read ({reason}); check that the file is complete"
        ) from error


def _video_stream(container: InputContainer, path: Path) -> VideoStream:
    for stream in container.streams.video:
        # Cover art of a music file is a "video" too.
        if not stream.disposition & Disposition.attached_pic:
            if stream.codec_context is None:  # PyAV's stubs say that this can't be
                raise InputError(
                    f"{path}: has video that can't be decoded; check that the file is complete"
                )
            return stream
    kinds = ", ".join(sorted({stream.type for stream in container.streams}))
    if not kinds:
        raise InputError(f"{path}: holds nothing that can be read; check that the file is complete")
    raise InputError(f"{path}: has no video stream (only {kinds})")


def _frames_from_duration(container: InputContainer, stream: VideoStream, rate: Fraction) -> int | None:
    if stream.duration and stream.time_base:
        return round(stream.duration * stream.time_base * rate) or None
    if container.duration:
        return round(Fraction(container.duration, av.time_base) * rate) or None
    return None
