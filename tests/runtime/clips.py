"""Write clips of any kind, pictures by the book, with all that a container may hold beside them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path

import av
import numpy as np
from av.container import OutputContainer
from av.filter import Graph
from av.stream import Stream

from tests.runtime.charts import Floats, yuv_picture
from tests.runtime.media import FILM

MILLISECOND = Fraction(1, 1000)
FILM_CLOCK = Fraction(1, 24000)
SOUND_RATE = 48000

FONT = b"\0\1\0\0 not really a font"
LINES = ((0, 90, "Wait!"), (120, 100, "はい。"))  # start and duration in ms, text


@dataclass(frozen=True)
class Tags:
    """How a stream's colours are encoded, and what it says of them; ITU-T H.273 numbers."""

    matrix: int = 1
    full: bool = False
    primaries: int = 2
    transfer: int = 2


@dataclass(frozen=True)
class Extras:
    """What a file holds beside its pictures.

    Attributes:
        audio: codec of each track.
        subtitles: codec of each track: ``subrip`` or ``mov_text``.
        chapters: titles, of 100 ms each.
        fonts: names of attached files.
    """

    audio: tuple[str, ...] = ()
    subtitles: tuple[str, ...] = ()
    chapters: tuple[str, ...] = ()
    fonts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Writing:
    """How a clip is encoded."""

    codec: str = "ffv1"
    pixel_format: str = "yuv444p"
    rate: Fraction = FILM
    time_base: Fraction = MILLISECOND
    options: tuple[tuple[str, str], ...] = ()
    container: tuple[tuple[str, str], ...] = ()
    turn: tuple[int, bool, bool] = (0, False, False)  # degrees, mirrored, upside down
    fields: str | None = None  # "tff" or "bff": mark the pictures as interlaced


def write(
    path: Path,
    shown: Sequence[Floats],
    *,
    pts: Sequence[int],
    writing: Writing,
    tags: Tags,
    extras: Extras | None = None,
) -> Path:
    """Encode pictures, [height, width, 3] RGB, 0..1, as shown, with everything in `extras`."""
    with av.open(str(path), "w", container_options=dict(writing.container)) as container:
        stored = [_as_stored(rgb, writing.turn) for rgb in shown]
        stream = _video_stream(container, stored[0], writing, tags)
        others = _other_streams(container, extras or Extras())
        pictures = [_picture(rgb, writing, tags) for rgb in stored]
        if writing.fields:
            pictures = _marked(pictures, writing.fields)
        for moment, frame in zip(pts, pictures, strict=True):
            frame.pts, frame.time_base = moment, writing.time_base
            frame.color_primaries, frame.color_trc = tags.primaries, tags.transfer
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        for write_other in others:
            write_other()
    return path


def _picture(rgb: Floats, writing: Writing, tags: Tags) -> av.VideoFrame:
    left = writing.codec != "ffv1"  # which doesn't say where its chroma sits
    return yuv_picture(rgb, writing.pixel_format, matrix=tags.matrix, full=tags.full, left=left)


def _as_stored(shown: Floats, turn: tuple[int, bool, bool]) -> Floats:
    """Undo what a player does: turn counter-clockwise, then mirror, then put upside down."""
    degrees, mirrored, upside_down = turn
    stored = shown[:: -1 if upside_down else 1, :: -1 if mirrored else 1]
    return np.ascontiguousarray(np.rot90(stored, -degrees // 90))


def _video_stream(
    container: OutputContainer, first: Floats, writing: Writing, tags: Tags
) -> av.VideoStream:
    stream = container.add_stream(writing.codec, rate=writing.rate, options=dict(writing.options))
    assert isinstance(stream, av.VideoStream)
    stream.height, stream.width = first.shape[:2]
    stream.pix_fmt = writing.pixel_format
    stream.time_base = stream.codec_context.time_base = writing.time_base
    context = stream.codec_context
    context.colorspace, context.color_range = tags.matrix, 2 if tags.full else 1
    context.color_primaries, context.color_trc = tags.primaries, tags.transfer
    if any(writing.turn):
        degrees, mirrored, upside_down = writing.turn
        stream.set_display_rotation(degrees, hflip=mirrored, vflip=upside_down)
    return stream


def _marked(pictures: list[av.VideoFrame], fields: str) -> list[av.VideoFrame]:
    """The same pictures, flagged as two fields each."""
    graph = Graph()
    first = pictures[0]
    source = graph.add_buffer(
        width=first.width, height=first.height, format=first.format, time_base=MILLISECOND
    )
    graph.link_nodes(source, graph.add("setfield", fields), graph.add("buffersink")).configure()
    found = []
    for frame in pictures:
        graph.vpush(frame)
        found.append(graph.vpull())
    return found


def _other_streams(container: OutputContainer, extras: Extras) -> list[Callable[[], None]]:
    """Declare all other streams; each thing returned writes one, once the pictures are in."""
    writers: list[Callable[[], None]] = []
    for number, codec in enumerate(extras.audio):
        track = container.add_stream(codec, rate=SOUND_RATE, layout="mono")
        assert isinstance(track, av.AudioStream)
        track.metadata["language"] = ("jpn", "eng")[number]
        writers.append(partial(_write_tone, container, track, hertz=440 * (number + 1)))
    for codec in extras.subtitles:
        text = container.add_mux_stream(codec)
        text.time_base = MILLISECOND
        text.metadata["language"] = "eng"
        writers.append(partial(_write_lines, container, text, codec))
    for name in extras.fonts:
        container.add_attachment(name, "font/ttf", FONT)
    container.set_chapters(
        [
            {
                "id": number,
                "start": 100 * number,
                "end": 100 * (number + 1),
                "time_base": MILLISECOND,
                "metadata": {"title": title},
            }
            for number, title in enumerate(extras.chapters)
        ]
    )
    return writers


def _write_tone(container: OutputContainer, track: av.AudioStream, *, hertz: int) -> None:
    context = track.codec_context
    for start in range(0, 12 * 1024, 1024):
        wave = np.sin(np.arange(start, start + 1024) * (2 * np.pi * hertz / SOUND_RATE)) / 2
        planar = context.format.name == "fltp"
        samples = wave.astype(np.float32) if planar else (wave * 32767).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(samples[None], format=context.format.name, layout="mono")
        frame.rate, frame.pts, frame.time_base = SOUND_RATE, start, Fraction(1, SOUND_RATE)
        container.mux(track.encode(frame))
    container.mux(track.encode(None))


def _write_lines(container: OutputContainer, text: Stream, codec: str) -> None:
    for start_ms, duration_ms, line in LINES:
        data = line.encode()
        if codec == "mov_text":
            data = len(data).to_bytes(2, "big") + data
        packet = av.Packet(data)
        packet.stream, packet.time_base = text, MILLISECOND
        packet.pts = packet.dts = start_ms
        packet.duration = duration_ms
        container.mux(packet)
