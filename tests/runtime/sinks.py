"""Layers written through a format's sinks, and read back."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, Interpolation

from tests.runtime.media import Pixels
from trt_anime.runtime.media.frames import ClipInfo, DeepPixels, Stamp
from trt_anime.runtime.media.sinks import Piece, Sink
from trt_anime.runtime.media.writers import open_sinks
from trt_anime.runtime.stages import Layer

CHARACTER = Layer("character", "stage2a_character_refine")
EFFECTS = Layer("effects", "stage2b_effect_separation")

EXACT = Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT


def clip_info(height: int = 48, width: int = 64, *, path: Path | None = None, bits: int = 8) -> ClipInfo:
    """Without a path, facts of a folder of images, which has nothing beside its pictures."""
    return ClipInfo(
        path=path or Path("nowhere"),
        kind="video" if path else "images",
        width=width,
        height=height,
        rate=Fraction(24000, 1001),
        time_base=Fraction(1, 24000),
        frames=5,
        pixel_format="yuv420p",
        primaries=1,
        transfer=1,
        bits=bits,
    )


def with_time_base(clip: ClipInfo, time_base: Fraction) -> ClipInfo:
    return replace(clip, time_base=time_base)


def stamps_of(pts: Sequence[int], *, last: int = 500) -> list[Stamp]:
    ends = [*pts[1:], pts[-1] + last]
    return [Stamp(index, at, end - at) for index, (at, end) in enumerate(zip(pts, ends, strict=True))]


def rgba(index: int, height: int = 48, width: int = 64) -> Pixels:
    """Smooth colours under an alpha ramp, so that lossy formats can be held to a bound."""
    y, x = np.mgrid[:height, :width]
    planes = [40 + x * 150 // max(width, 1), 60 + y * 120 // max(height, 1), 0 * x + 90 + index * 8 % 100]
    return np.dstack([*planes, (x * 255 // max(width - 1, 1) + index) % 256]).astype(np.uint8)


def one_sink(root: Path, clip: ClipInfo, format: str, *, threads: int = 1) -> Sink:
    (sink,) = open_sinks(root, [CHARACTER], clip, format=format, threads=threads)
    return sink


def write_segment(
    sink: Sink,
    number: int,
    stamps: Sequence[Stamp],
    layers: Sequence[Mapping[str, Pixels]],
    deep: DeepPixels | None = None,
) -> list[Piece]:
    segment = sink.segment(number)
    for stamp, pictures in zip(stamps, layers, strict=True):
        segment.write([stamp], pictures, deep)
    return segment.close()


def write_all(
    sink: Sink, stamps: Sequence[Stamp], layers: Sequence[Pixels], *, length: int = 3
) -> list[Piece]:
    """Every picture, in segments of `length`; not finished yet."""
    named = [{name: layer for name in sink.layers} for layer in layers]
    return [
        piece
        for number, first in enumerate(range(0, len(stamps), length))
        for piece in write_segment(
            sink, number, stamps[first : first + length], named[first : first + length]
        )
    ]


def make_output(sink: Sink, pieces: Sequence[Piece]) -> None:
    sink.finish(pieces)
    sink.clear()


def decode(path: Path) -> tuple[list[av.VideoFrame], av.VideoStream]:
    """All frames, alpha included: FFmpeg's own VP9 decoder drops it, libvpx keeps it."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        decoder = stream.codec_context
        if decoder.name == "vp9":
            decoder = av.CodecContext.create("libvpx-vp9", "r")
        return [frame for packet in container.demux(stream) for frame in decoder.decode(packet)], stream


def pixels(
    frame: av.VideoFrame, height: int, *, deep: bool = False
) -> np.ndarray[tuple[int, ...], np.dtype[np.generic]]:
    """RGBA of a decoded frame, uint8 or, if `deep`, uint16."""
    space = Colorspace.ITU709 if height >= 720 else Colorspace.ITU601
    yuv = frame.format.name.startswith("yuv")
    return frame.reformat(
        format="rgba64le" if deep else "rgba",
        src_colorspace=space if yuv else None,
        src_color_range=ColorRange.MPEG if yuv else ColorRange.JPEG,
        dst_color_range=ColorRange.JPEG,
        interpolation=EXACT,
    ).to_ndarray()


def files(folder: Path) -> dict[str, bytes]:
    """Every file below a folder with its bytes."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
