"""Layers out: the sinks of every format, and what of the source goes beside them."""

from collections.abc import Sequence
from pathlib import Path

from trt_anime.errors import InputError
from trt_anime.runtime.media.encoder import CODECS, shallow_note
from trt_anime.runtime.media.exr import exr_sink
from trt_anime.runtime.media.frames import ClipInfo, Stamp
from trt_anime.runtime.media.png import png_sink
from trt_anime.runtime.media.remux import SourceStream, copy_streams, has_chapters, split_streams
from trt_anime.runtime.media.sinks import Sink
from trt_anime.runtime.media.timecodes import write_timecodes
from trt_anime.runtime.media.video_sink import VideoSink
from trt_anime.runtime.stages import Layer

FORMATS = ("png", "png16", *CODECS, "exr")

TIMECODES = "timecodes.txt"
CHAPTERS = "source_chapters.txt"

# Where streams go that no layer's file holds, by container; MP4 takes MP4's own kind of subtitles.
_COMPANIONS = {"matroska": "source_streams.mkv", "mp4": "source_streams.mp4"}


def open_sinks(
    folder: Path, layers: Sequence[Layer], clip: ClipInfo, *, format: str, threads: int
) -> list[Sink]:
    """Sinks for all layers below `folder`; nothing is written yet.

    Args:
        threads: CPU threads for each video encoder; the bytes don't depend on them.

    Raises:
        InputError: no such format, or the source can't be read any more.
        MissingError: the format needs a package that isn't here.
    """
    check_format(format)
    sinks: list[Sink]
    fitting: list[SourceStream] = []
    if format in CODECS:
        codec = CODECS[format]
        fitting = split_streams(clip, codec.container)[0] if clip.kind == "video" else []
        sinks = [
            VideoSink(folder, layer, codec, clip, streams=fitting, threads=threads) for layer in layers
        ]
    elif format == "exr":
        sinks = [exr_sink(folder, tuple(layer.name for layer in layers), clip)]
    else:
        sinks = [png_sink(folder, layer, bits=16 if format == "png16" else 8) for layer in layers]
    for sink in sinks[1:]:
        sink.notices.clear()  # one layer's say is the others' too
    sinks[0].notices.extend(_notices(clip, format))
    return sinks


def check_format(format: str) -> None:
    """Raises InputError: no such format."""
    if format not in FORMATS:
        raise InputError(f"format {format}: no such format; choose one of {', '.join(FORMATS)}")


def keeps_deep(format: str) -> bool:
    """Whether the format holds more than 8 bits per channel."""
    return format in ("png16", "exr") or (format in CODECS and bool(CODECS[format].deep_formats))


def write_companions(folder: Path, clip: ClipInfo, stamps: Sequence[Stamp], format: str) -> None:
    """Keep what the layers' files can't hold: sound, subtitles, fonts, chapters, time stamps.

    Streams go to `source_streams.mkv` (`.mp4` for MP4's own subtitles), chapters with them or to
    `source_chapters.txt`, an image sequence's time stamps to `timecodes.txt`. Nothing is written of which
    there is none. Again is harmless, and gives the same bytes.

    Args:
        stamps: of the whole clip.

    Raises:
        OutputError: disk full.
        InputError: the source can't be read any more.
    """
    if clip.kind != "video":
        return
    images = format not in CODECS
    companions, _ = _companions(clip, format)
    described = not images  # a video holds them itself
    for container, streams in companions.items():
        copy_streams(folder / _COMPANIONS[container], container, streams, clip, describe=not described)
        described = True
    if not described and has_chapters(clip):
        copy_streams(folder / CHAPTERS, "ffmetadata", [], clip, describe=True)
    if images:
        write_timecodes(folder / TIMECODES, stamps, clip.time_base)


def _companions(clip: ClipInfo, format: str) -> tuple[dict[str, list[SourceStream]], list[SourceStream]]:
    """By container, the streams that don't go into the layers' files; and those that go nowhere."""
    own = split_streams(clip, CODECS[format].container)[0] if format in CODECS else []
    taken = {stream.index for stream in own}
    companions: dict[str, list[SourceStream]] = {}
    lost: list[SourceStream] = []
    for container in _COMPANIONS:
        fit, lost = split_streams(clip, container)
        found = [stream for stream in fit if stream.index not in taken]
        taken |= {stream.index for stream in found}
        if found:
            companions[container] = found
    return companions, [stream for stream in lost if stream.index not in taken]


def _notices(clip: ClipInfo, format: str) -> list[str]:
    sentences = [shallow_note("png")] if format == "png" and clip.bits > 8 else []
    if clip.kind != "video":
        return sentences
    companions, lost = _companions(clip, format)
    if format in CODECS:
        for container, streams in companions.items():
            titles = ", ".join(stream.title for stream in streams)
            sentences.append(f"{format} can't hold {titles} of the source: see {_COMPANIONS[container]}")
    if lost:
        titles = ", ".join(stream.title for stream in lost)
        sentences.append(f"{clip.path}: {titles} can't be copied and stays in the source only")
    return sentences
