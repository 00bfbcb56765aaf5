"""A video file before its first frame is decoded: opening it, and what its container says."""

from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer
from av.error import EOFError as EndOfFile
from av.error import FFmpegError
from av.stream import Disposition
from av.video.stream import VideoStream

from trt_anime.errors import InputError
from trt_anime.runtime.media.frames import DEFAULT_RATE


def opened(path: Path) -> InputContainer:
    """Raises InputError: not a video, or empty."""
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


def video_stream(container: InputContainer, path: Path) -> VideoStream:
    """The first that isn't a picture of a cover. Raises InputError: there is none."""
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


def frame_rate(stream: VideoStream, first: av.VideoFrame) -> Fraction:
    """Average frames per second."""
    if first.pts is None and first.duration and stream.time_base:
        # A bare stream without a clock: its container's rate is a guess, the decoder knows better.
        return 1 / (first.duration * stream.time_base)
    return stream.average_rate or stream.guessed_rate or DEFAULT_RATE


def expected_frames(container: InputContainer, stream: VideoStream, rate: Fraction) -> int | None:
    """How many frames the container promises, or its duration lets expect; None where it says neither."""
    return _frames_shown(stream) or _frames_from_duration(container, stream, rate)


def _frames_shown(stream: VideoStream) -> int:
    """By the container's count; 0 where it keeps none.

    An edit list may begin after the first picture. FFmpeg decodes from the key frame before, drops what
    isn't shown, and moves the time stamps of every stream alike, so that sound stays in step.
    """
    return stream.frames - sum(entry.is_discard for entry in stream.index_entries)


def _frames_from_duration(container: InputContainer, stream: VideoStream, rate: Fraction) -> int | None:
    if stream.duration and stream.time_base:
        return round(stream.duration * stream.time_base * rate) or None
    if container.duration:
        return round(Fraction(container.duration, av.time_base) * rate) or None
    return None
