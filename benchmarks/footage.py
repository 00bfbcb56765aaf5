"""The frames that every contender gets: the committed clip, as PNG files and as a clip, at any height."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from av.video.reformatter import ColorRange, Colorspace
from av.video.stream import VideoStream
from numpy.typing import NDArray

from trt_anime.errors import InputError
from trt_anime.runtime.media.reader import open_source

CLIP = Path(__file__).parents[1] / "samples" / "first_light.mp4"
RATE = Fraction(24)

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Footage:
    """The same frames twice: `png` is a folder, `clip` an H.264 file."""

    png: Path
    clip: Path
    frames: int
    width: int
    height: int


def make_footage(folder: Path, *, frames: int, height: int, is_plain: bool = False) -> Footage:
    """`frames` frames spread evenly over the sample clip, enlarged to `height` rows.

    Args:
        is_plain: the clip has colour for every pixel and BT.601, which OpenCV takes every clip for, so that
            all decoders give the same pixels.

    Raises InputError: the clip has fewer frames.
    """
    png, clip = folder / "png", folder / "clip.mp4"
    png.mkdir(parents=True)
    pictures = [_enlarged(picture, height) for picture in _picked(frames)]
    for index, picture in enumerate(pictures):
        cv2.imwrite(str(png / f"frame_{index:06d}.png"), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    _write_clip(clip, pictures, is_plain=is_plain)
    return Footage(png, clip, frames, pictures[0].shape[1], height)


def _picked(frames: int) -> list[Pixels]:
    with open_source(CLIP, threads=0) as source:
        everything = [frame.rgb for frame in source]
    if not 1 <= frames <= len(everything):
        raise InputError(f"--frames {frames}: {CLIP.name} has 1 to {len(everything)}")
    return [everything[index * len(everything) // frames] for index in range(frames)]


def _enlarged(picture: Pixels, height: int) -> Pixels:
    width = round(picture.shape[1] * height / picture.shape[0] / 2) * 2
    if picture.shape[:2] == (height, width):
        return picture
    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_LANCZOS4), np.uint8)


def _write_clip(path: Path, pictures: list[Pixels], *, is_plain: bool) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE)
        assert isinstance(stream, VideoStream)
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = "yuv444p" if is_plain else "yuv420p"
        stream.options = {"crf": "17", "tune": "animation"}
        stream.codec_context.colorspace = Colorspace.ITU601 if is_plain else Colorspace.ITU709
        stream.codec_context.color_range = ColorRange.MPEG
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
