"""Finished packets into one file: layers' segments in a row, and the source's other streams beside them."""

import heapq
import io
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer, OutputContainer
from av.error import FFmpegError
from av.stream import AttachmentStream, Discard, Disposition, Stream
from av.video.stream import VideoStream

from trt_anime.errors import InputError, OutputError, TrtAnimeError
from trt_anime.runtime.media.container import video_stream
from trt_anime.runtime.media.encoder import Codec, add_layer, open_container
from trt_anime.runtime.media.frames import ClipInfo
from trt_anime.runtime.media.pieces import placing, refused

_COVERS = {"mjpeg": ("cover.jpg", "image/jpeg"), "png": ("cover.png", "image/png")}

# What a container says of itself, and not of the film.
_OWN_TAGS = frozenset(
    {
        "major_brand",
        "minor_version",
        "compatible_brands",
        "encoder",
        "duration",
        "handler_name",
        "vendor_id",
    }
)

# What is said of the source's picture and holds for a layer too; bit rates and the like don't.
_PICTURE_TAGS = frozenset({"language", "title", "timecode"})

Packets = Iterator["av.Packet[Any]"]


@dataclass(frozen=True)
class SourceStream:
    """One stream of the source beside its picture.

    Attributes:
        index: in the source file.
        title: for messages, such as ``audio 1 (aac)``.
        time_base: seconds per unit of its time stamps.
    """

    index: int
    title: str
    time_base: Fraction


def split_streams(clip: ClipInfo, container: str) -> tuple[list[SourceStream], list[SourceStream]]:
    """The source's other streams: those that `container` (FFmpeg's name) can hold, and the rest.

    Raises InputError: the source can't be read any more.
    """
    fit: list[SourceStream] = []
    rest: list[SourceStream] = []
    with open_source(clip.path) as source:
        picture = video_stream(source, clip.path)
        timecode = "timecode" in picture.metadata
        for stream in source.streams:
            if stream is picture or _is_chapter_track(stream) or (timecode and _is_timecode(stream)):
                continue
            found = SourceStream(stream.index, _title(stream), stream.time_base or Fraction(1))
            (fit if _fits(stream, source, container) else rest).append(found)
    return fit, rest


def has_chapters(clip: ClipInfo) -> bool:
    with open_source(clip.path) as source:
        return bool(source.chapters())


def join_segments(
    target: Path, segments: Sequence[Path], streams: Sequence[SourceStream], codec: Codec, clip: ClipInfo
) -> None:
    """One video of all segments' packets, unchanged, with `streams`, chapters and tags of the source.

    Raises:
        OutputError: disk full, or a segment is missing or of another making; `target` is left unchanged.
        InputError: the source can't be read any more.
    """
    try:
        with placing(target, sync=True) as temporary, ExitStack() as opened:
            bases = [stream.time_base for stream in streams]
            output = opened.enter_context(
                open_container(temporary, codec.container, clip.time_base, *bases)
            )
            video = add_layer(output, codec, clip, threads=1)
            others: Packets = iter(())
            if clip.kind == "video":
                source = opened.enter_context(open_source(clip.path))
                _describe_layer(video, video_stream(source, clip.path))
                others = _take_over(output, source, streams)
                _describe(output, source)
            output.start_encoding()
            _mux(output, _joined(segments, video), others)
    except TrtAnimeError:
        raise
    except (FFmpegError, ValueError) as error:
        raise refused(target, error, tool=codec.container) from error


def copy_streams(
    target: Path, container: str, streams: Sequence[SourceStream], clip: ClipInfo, *, describe: bool
) -> None:
    """The source's `streams` alone, packets unchanged. Raises OutputError, InputError.

    Args:
        container: FFmpeg's name; ``ffmetadata`` takes no streams.
        describe: also write chapters and tags.
    """
    try:
        with placing(target, sync=True) as temporary, ExitStack() as opened:
            source = opened.enter_context(open_source(clip.path))
            bases = [stream.time_base for stream in streams]
            output = opened.enter_context(open_container(temporary, container, *bases))
            others = _take_over(output, source, streams)
            if describe:
                _describe(output, source)
            output.start_encoding()
            _mux(output, iter(()), others)
    except TrtAnimeError:
        raise
    except (FFmpegError, ValueError) as error:
        raise refused(target, error, tool=container) from error


def open_source(path: Path) -> InputContainer:
    """Raises InputError."""
    try:
        return av.open(f"file:{path}", "r", metadata_errors="replace")
    except (FFmpegError, OSError) as error:
        raise _unreadable(path, error) from error


def _mux(output: OutputContainer, video: Packets, others: Packets) -> None:
    # Merged here by time, so that the muxer has nothing to hold back: memory stays flat.
    for packet in heapq.merge(video, others, key=_seconds):
        output.mux_one(packet)


def _seconds(packet: "av.Packet[Any]") -> Fraction:
    time = packet.dts if packet.dts is not None else packet.pts
    return (time or 0) * packet.time_base


def _joined(segments: Sequence[Path], video: VideoStream) -> Packets:
    header = video.codec_context.extradata
    for path in segments:
        try:
            with av.open(f"file:{path}", "r") as segment:
                written = segment.streams.video[0]
                if written.codec_context.extradata != header:
                    raise OutputError(
                        f"{path}: was written by another release of FFmpeg; run again with --overwrite"
                    )
                for packet in segment.demux(written):
                    if packet.size:
                        packet.stream = video
                        yield packet
        except (FFmpegError, IndexError) as error:
            raise OutputError(
                f"{path}: is missing or damaged ({error}); run again with --resume to make it anew"
            ) from error


def _take_over(output: OutputContainer, source: InputContainer, streams: Sequence[SourceStream]) -> Packets:
    """Add the streams to `output`; returns their packets, which then belong there."""
    added: dict[int, Stream] = {}
    for wanted in streams:
        stream: Stream = source.streams[wanted.index]
        target = _add(output, stream, source)
        if target is not None:
            added[stream.index] = target
    return _packets(source, added)


def _packets(source: InputContainer, added: dict[int, Stream]) -> Packets:
    if not added:
        return
    for stream in source.streams:
        if stream.index not in added:
            stream.discard = Discard.all  # so that containers with an index skip the picture's bytes
    try:
        for packet in source.demux([source.streams[index] for index in added]):
            if packet.size:
                packet.stream = added[packet.stream_index]
                yield packet
    except FFmpegError as error:
        raise _unreadable(Path(source.name.removeprefix("file:")), error) from error


def _add(output: OutputContainer, stream: Stream, source: InputContainer) -> Stream | None:
    """A stream like `stream`; None where all of it is in the header.

    Raises:
        ValueError, FFmpegError: the container can't hold it.
    """
    if isinstance(stream, AttachmentStream):
        name = stream.metadata.get("filename", f"attachment {stream.index}")
        output.add_attachment(name, stream.mimetype or "application/octet-stream", stream.data)
        return None
    if _is_cover(stream):
        name, kind = _COVERS[stream.codec_context.name]
        with open_source(Path(source.name.removeprefix("file:"))) as again:
            data = bytes(next(again.demux(again.streams[stream.index])))
        output.add_attachment(stream.metadata.get("filename", name), kind, data)
        return None
    target = output.add_stream_from_template(stream, opaque=True)
    target.metadata.update(_tags(stream.metadata))
    target.disposition = stream.disposition
    return target


def _fits(stream: Stream, source: InputContainer, container: str) -> bool:
    """Whether the muxer takes it; only writing a header tells."""
    if _is_cover(stream) or stream.type == "attachment":
        return container == "matroska"  # WebM's muxer drops them without a word
    try:
        with av.open(io.BytesIO(), "w", format=container) as trial:
            _add(trial, stream, source)
            trial.start_encoding()
    except (FFmpegError, ValueError, KeyError):
        return False
    return True


def _describe(output: OutputContainer, source: InputContainer) -> None:
    output.metadata.update(_tags(source.metadata))
    output.set_chapters(source.chapters())


def _describe_layer(video: Stream, picture: Stream) -> None:
    for key, value in picture.metadata.items():
        if key.lower() in _PICTURE_TAGS:
            video.metadata[key] = value
    video.disposition = picture.disposition


def _tags(metadata: dict[str, str]) -> dict[str, str]:
    return {key: value for key, value in metadata.items() if key.lower() not in _OWN_TAGS}


def _is_cover(stream: Stream) -> bool:
    return stream.type == "video" and bool(stream.disposition & Disposition.attached_pic)


def _is_chapter_track(stream: Stream) -> bool:
    """MOV and MP4 keep chapters' titles in a track, which FFmpeg reads as chapters and sets aside."""
    return stream.type == "data" and stream.discard == Discard.all


def _is_timecode(stream: Stream) -> bool:
    """A tag of the picture says the same."""
    return stream.type == "data" and "timecode" in stream.metadata


def _title(stream: Stream) -> str:
    context = stream.codec_context
    kind = "cover" if _is_cover(stream) else stream.type
    return (
        f"{kind} {stream.index} ({context.name if context else stream.metadata.get('filename', 'unknown')})"
    )


def _unreadable(path: Path, error: Exception) -> InputError:
    return InputError(f"{path}: its sound and other streams can't be read ({error}); check the file")
