"""Awkward clips through whole runs, checked by decoding what came out: time, colour, all other streams."""

from collections import Counter
from fractions import Fraction
from math import floor
from pathlib import Path

import av
import numpy as np
import pytest

from tests.runtime.clips import FONT
from tests.runtime.corpus import NAMES, Awkward, awkward
from tests.runtime.media import expected_rgba, read_png, stage_graph
from trt_anime.errors import TrtAnimeError
from trt_anime.runtime.media.frames import Frame, Pixels
from trt_anime.runtime.media.reader import open_source
from trt_anime.runtime.options import ProcessOptions
from trt_anime.runtime.process import process_clip
from trt_anime.runtime.stages import STAGES

LAYER = STAGES["2a"].layers[0]
SUFFIXES = {"ffv1": ".mkv", "prores": ".mov", "png": ""}

# Streams by kind and by what their packets hold, in order.
Streams = Counter[tuple[str, tuple[bytes, ...]]]


@pytest.fixture(scope="session")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return stage_graph(tmp_path_factory.mktemp("graph") / "luma.onnx")


def run(clip: Awkward, output: Path, graph: Path, format: str) -> Path:
    """Process all that can be read of a clip; gives the layer's place."""
    options = ProcessOptions(
        input=clip.path,
        output=output,
        device="cpu",
        format=format,
        held=False,
        # A clip that breaks off is finished by stopping before that.
        limit=len(clip.pts) if clip.breaks_off else None,
    )
    process_clip(options, graph=lambda stage: graph)
    return output / LAYER.folder / (f"{LAYER.name}{SUFFIXES[format]}" if format != "png" else "")


def frames_of(path: Path) -> list[Frame]:
    """As far as they can be read."""
    found: list[Frame] = []
    with open_source(path, deep=True) as source:
        try:
            found.extend(source)
        except TrtAnimeError:
            return found
    return found


def decoded(path: Path) -> tuple[list[Fraction], list[Pixels]]:
    """Seconds and RGBA pixels of every frame."""
    seconds: list[Fraction] = []
    pixels: list[Pixels] = []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            assert frame.pts is not None and frame.time_base is not None
            seconds.append(frame.pts * frame.time_base)
            pixels.append(np.asarray(frame.to_ndarray(format="rgba"), np.uint8))
    return seconds, pixels


def other_streams(path: Path) -> Streams:
    found: Streams = Counter()
    with av.open(str(path)) as container:
        kinds = {
            stream.index: stream.type
            for stream in container.streams
            if stream.type in ("audio", "subtitle")
        }
        packets: dict[int, list[bytes]] = {index: [] for index in kinds}
        for packet in container.demux(*[container.streams[index] for index in kinds]) if kinds else ():
            # Between MP4's subtitles stand empty ones of two bytes, which a muxer makes as it needs them.
            if packet.size and bytes(packet) != bytes(2):
                packets[packet.stream.index].append(bytes(packet))
        found.update((kinds[index], tuple(data)) for index, data in packets.items())
        found.update(("font", (FONT,)) for stream in container.streams if stream.type == "attachment")
        found.update(
            ("chapter", (chapter["metadata"]["title"].encode(),)) for chapter in container.chapters()
        )
    return found


def kept(output: Path, layer: Path) -> Streams:
    """All that the run kept, in whatever file."""
    files = [*output.glob("source_streams.*"), *([layer] if layer.is_file() else [])]
    return sum((other_streams(path) for path in files), Counter())


@pytest.mark.parametrize("name", NAMES)
def test_ffv1(tmp_path: Path, graph: Path, name: str) -> None:
    clip = awkward(name, tmp_path)
    layer = run(clip, tmp_path / "out", graph, "ffv1")
    seconds, pixels = decoded(layer)
    source = frames_of(clip.path)
    # Matroska counts milliseconds; half of one is rounded up.
    assert seconds == [
        Fraction(floor(pts * clip.time_base * 1000 + Fraction(1, 2)), 1000) for pts in clip.pts
    ]
    for found, frame in zip(pixels, source, strict=True):
        if clip.bits == 8:
            np.testing.assert_array_equal(found, expected_rgba(frame.rgb))
        else:  # kept with more bits, which FFmpeg cuts off where it should round
            assert np.abs(found.astype(int) - expected_rgba(frame.rgb)).max() <= 1
    assert kept(tmp_path / "out", layer) == other_streams(clip.path)


@pytest.mark.parametrize("name", NAMES)
def test_prores(tmp_path: Path, graph: Path, name: str) -> None:
    """Every time stamp is exact, to the source's own unit."""
    clip = awkward(name, tmp_path)
    layer = run(clip, tmp_path / "out", graph, "prores")
    seconds, pixels = decoded(layer)
    assert seconds == [pts * clip.time_base for pts in clip.pts]
    assert [found.shape[1::-1] for found in pixels] == [clip.size] * len(clip.pts)
    assert kept(tmp_path / "out", layer) == other_streams(clip.path)


@pytest.mark.parametrize("name", NAMES)
def test_png(tmp_path: Path, graph: Path, name: str) -> None:
    clip = awkward(name, tmp_path)
    layer = run(clip, tmp_path / "out", graph, "png")
    source = frames_of(clip.path)
    files = sorted(layer.iterdir())
    assert [file.name for file in files] == [f"frame_{index:06d}.png" for index in range(len(clip.pts))]
    for file, frame in zip(files, source, strict=True):
        np.testing.assert_array_equal(read_png(file), expected_rgba(frame.rgb))
    lines = (tmp_path / "out" / "timecodes.txt").read_text().splitlines()
    assert lines[0] == "# timestamp format v2"
    for line, pts in zip(lines[1:], clip.pts, strict=True):
        assert float(line) == pytest.approx(float(pts * clip.time_base * 1000), abs=1e-5)
    assert kept(tmp_path / "out", layer) == other_streams(clip.path)
