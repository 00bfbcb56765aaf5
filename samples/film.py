"""The scene as a clip: H.264 in MP4, 4:2:0, tagged BT.709, with a quiet pad of sound."""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.video.reformatter import (
    ColorPrimaries,
    ColorRange,
    Colorspace,
    ColorTrc,
    Interpolation,
    VideoReformatter,
)
from av.video.stream import VideoStream

from samples.arrays import F32, U8
from samples.scene import GroundTruth, Scene
from trt_anime.errors import InputError

SOUND_RATE = 48000
SOUND_BLOCK = 1024
CHORD = (110.0, 164.81, 220.0, 277.18, 329.63)
"""A major, spread, in hertz."""
LOUDNESS = 0.05


@dataclass(frozen=True)
class FilmOptions:
    """crf: x264's quality, smaller is better. metadata: container tags, such as title and copyright."""

    crf: float = 17.0
    preset: str = "slow"
    sound: bool = True
    metadata: tuple[tuple[str, str], ...] = ()


def write_film(
    scene: Scene, path: Path, options: FilmOptions, seen: Callable[[GroundTruth], None] = lambda truth: None
) -> None:
    """Render every frame once, in order; hand each to `seen`, then encode it into `path`."""
    if scene.size.width % 2 or scene.size.height % 2:
        raise InputError(
            f"{scene.size.width}x{scene.size.height}: 4:2:0 video needs an even width and height"
        )
    with av.open(str(path), "w", options={"movflags": "+faststart"}) as container:
        container.metadata.update(dict(options.metadata))
        video = _video_stream(container, scene, options)
        sound = _sound_stream(container) if options.sound else None
        to_yuv = VideoReformatter()
        for index in range(scene.frame_count):
            truth = scene.render(index)
            seen(truth)
            frame = _yuv(to_yuv, truth.frame)
            frame.pts, frame.time_base = index, 1 / scene.fps
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if sound is not None:
            _write_sound(container, sound, scene.frame_count / scene.fps)


def _video_stream(container: OutputContainer, scene: Scene, options: FilmOptions) -> VideoStream:
    stream = container.add_stream("libx264", rate=scene.fps)
    assert isinstance(stream, VideoStream)
    stream.width, stream.height, stream.pix_fmt = scene.size.width, scene.size.height, "yuv420p"
    stream.options = {"crf": str(options.crf), "preset": options.preset, "tune": "animation"}
    context = stream.codec_context
    context.color_range = ColorRange.MPEG
    context.colorspace = Colorspace.ITU709
    context.color_primaries = ColorPrimaries.BT709
    context.color_trc = ColorTrc.BT709
    return stream


def _yuv(reformatter: VideoReformatter, picture: U8) -> av.VideoFrame:
    """uint8 [H, W, 3] RGB to a yuv420p frame, limited range, BT.709 matrix."""
    return reformatter.reformat(
        av.VideoFrame.from_ndarray(picture, format="rgb24"),
        format="yuv420p",
        dst_colorspace=Colorspace.ITU709,
        dst_color_range=ColorRange.MPEG,
        interpolation=Interpolation.BICUBIC,
    )


def _sound_stream(container: OutputContainer) -> AudioStream:
    stream = container.add_stream("aac", rate=SOUND_RATE, layout="stereo")
    assert isinstance(stream, AudioStream)
    stream.codec_context.bit_rate = 96_000
    return stream


def _write_sound(container: OutputContainer, stream: AudioStream, seconds: Fraction) -> None:
    samples = pad(round(seconds * SOUND_RATE))
    for start in range(0, samples.shape[1], SOUND_BLOCK):
        block = np.ascontiguousarray(samples[:, start : start + SOUND_BLOCK])
        frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = SOUND_RATE, start, Fraction(1, SOUND_RATE)
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def pad(count: int) -> F32:
    """A slow chord, float32 [2, count] -1..1 at SOUND_RATE; the two sides swell in turn."""
    t = np.arange(count) / SOUND_RATE
    sides = np.zeros((2, count))
    for k, pitch in enumerate(CHORD):
        tone = np.sin(2 * np.pi * pitch * t + k) + 0.25 * np.sin(4 * np.pi * pitch * t)
        swell = 0.5 * np.cos(2 * np.pi * t / (3.1 + 0.7 * k) + k)
        sides += LOUDNESS / len(CHORD) * 2 * tone * np.stack([0.6 + swell, 0.6 - swell])
    edge = np.clip(np.minimum(t, t[::-1]) / 0.4, 0, 1)
    return (sides * edge).astype(np.float32)
