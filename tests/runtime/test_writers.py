"""Layers out: pixels, alpha, depth, time stamps and tags survive, and only whole files are left."""

import subprocess
import sys
import zlib
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from av.error import FFmpegError
from av.video.reformatter import ColorRange

from tests.runtime.media import read_png, tree
from tests.runtime.sinks import (
    CHARACTER,
    EFFECTS,
    clip_info,
    decode,
    files,
    make_output,
    one_sink,
    pixels,
    rgba,
    stamps_of,
    with_time_base,
    write_all,
    write_segment,
)
from trt_anime.errors import InputError, OutputError
from trt_anime.runtime.media.encoder import CODECS, VideoSegment
from trt_anime.runtime.media.writers import FORMATS, check_format, keeps_deep, open_sinks

VFR = [7, 1001, 3003, 3004, 20020]
SUFFIX = {"ffv1": "mkv", "prores": "mov", "webm": "webm"}


@pytest.mark.parametrize(("height", "width"), [(75, 127), (1, 1), (720, 32)])
@pytest.mark.parametrize(("format", "colour", "alpha"), [("ffv1", 0, 0), ("prores", 3, 1), ("webm", 14, 4)])
def test_video_keeps_colour_and_alpha(
    tmp_path: Path, format: str, colour: int, alpha: int, height: int, width: int
) -> None:
    sink = one_sink(tmp_path, clip_info(height, width), format)
    layers = [rgba(index, height, width) for index in range(5)]
    make_output(sink, write_all(sink, stamps_of(VFR), layers))
    assert tree(tmp_path) == [f"stage2a_character_refine/character.{SUFFIX[format]}"]
    frames, stream = decode(sink.output)
    assert [(f.height, f.width) for f in frames] == [(height, width)] * 5
    for frame, layer in zip(frames, layers, strict=True):
        error = np.abs(pixels(frame, height).astype(int) - layer)
        assert error[..., :3].max() <= colour
        assert error[..., 3].max() <= alpha
    context = stream.codec_context
    assert (context.color_primaries, context.color_trc) == (1, 1) or format == "webm"
    if format != "ffv1":
        assert context.colorspace == (1 if height >= 720 else 6)
        assert context.color_range == ColorRange.MPEG


@pytest.mark.parametrize("format", SUFFIX)
def test_time_stamps(tmp_path: Path, format: str) -> None:
    """MOV keeps them exactly; Matroska and WebM count milliseconds and round to the nearest."""
    sink = one_sink(tmp_path, clip_info(), format)
    make_output(sink, write_all(sink, stamps_of(VFR), [rgba(index) for index in range(5)], length=2))
    frames, stream = decode(sink.output)
    assert stream.time_base is not None
    found = [frame.pts * stream.time_base for frame in frames if frame.pts is not None]
    exact = [pts * Fraction(1, 24000) for pts in VFR]
    if format == "prores":
        assert found == exact
        assert stream.time_base == Fraction(1, 24000)
        assert [frame.duration for frame in frames] == [*(b - a for a, b in pairwise(VFR)), 500]
        assert sink.notices == []
    else:
        assert found == [Fraction(round(time * 1000), 1000) for time in exact]
        assert "count milliseconds" in sink.notices[0]


@pytest.mark.parametrize("format", SUFFIX)
def test_millisecond_clips_are_exact_everywhere(tmp_path: Path, format: str) -> None:
    sink = one_sink(tmp_path, with_time_base(clip_info(), Fraction(1, 1000)), format)
    make_output(sink, write_all(sink, stamps_of(VFR), [rgba(index) for index in range(5)]))
    frames, stream = decode(sink.output)
    assert stream.time_base == Fraction(1, 1000)
    assert [frame.pts for frame in frames] == VFR
    with av.open(str(sink.output)) as container:
        durations = [packet.duration for packet in container.demux(video=0) if packet.size]
    assert durations == [*(b - a for a, b in pairwise(VFR)), 500]
    assert sink.notices == []


@pytest.mark.parametrize("hours", [3, 30])
def test_a_film_that_begins_late(tmp_path: Path, hours: int) -> None:
    """A broadcast's clock runs on for days; MOV tells where a track begins in the movie's ticks."""
    begin = hours * 3600 * 90000 + 1
    sink = one_sink(tmp_path, with_time_base(clip_info(), Fraction(1, 90000)), "prores")
    pts = [begin + step for step in (0, 3753, 7508, 11261, 15015)]
    make_output(sink, write_all(sink, stamps_of(pts), [rgba(index) for index in range(5)], length=2))
    assert [frame.pts for frame in decode(sink.output)[0]] == pts


@pytest.mark.parametrize("format", SUFFIX)
def test_segments_joined_are_the_segments(tmp_path: Path, format: str) -> None:
    """Each is a playable file of its own, and the video holds their very packets."""
    sink = one_sink(tmp_path, clip_info(), format)
    pieces = write_all(sink, stamps_of(VFR), [rgba(index) for index in range(5)], length=2)
    assert [piece.path for piece in pieces] == [
        f"stage2a_character_refine/character.segments/{n:06d}.{SUFFIX[format]}" for n in range(3)
    ]
    shown, packed = [], []
    for piece in pieces:
        path = tmp_path / piece.path
        assert (piece.size_bytes, piece.crc32) == (path.stat().st_size, zlib.crc32(path.read_bytes()))
        frames = decode(path)[0]
        shown += [(frame.pts, pixels(frame, 48).tobytes()) for frame in frames]
        packed += _packets(path)
    sink.finish(pieces)
    assert [(f.pts, pixels(f, 48).tobytes()) for f in decode(sink.output)[0]] == shown
    assert _packets(sink.output) == packed


def _packets(path: Path) -> list[tuple[bytes, int | None, int | None, list[bytes]]]:
    with av.open(str(path)) as container:
        return [
            (bytes(packet), packet.pts, packet.duration, [bytes(side) for side in packet.iter_sidedata()])
            for packet in container.demux(video=0)
            if packet.size
        ]


@pytest.mark.parametrize("format", SUFFIX)
def test_held_pictures_are_shown_at_each_of_their_places(tmp_path: Path, format: str) -> None:
    sink = one_sink(tmp_path, with_time_base(clip_info(), Fraction(1, 1000)), format)
    stamps = stamps_of([0, 40, 90, 130, 170])
    segment = sink.segment(0)
    segment.write(stamps[:3], {"character": rgba(0)}, None)
    segment.write(stamps[3:], {"character": rgba(9)}, None)
    make_output(sink, segment.close())
    frames = decode(sink.output)[0]
    assert [frame.pts for frame in frames] == [0, 40, 90, 130, 170]
    blue = [round(float(pixels(frame, 48)[..., 2].mean())) for frame in frames]
    assert blue[:3] == pytest.approx([90] * 3, abs=2)
    assert blue[3:] == pytest.approx([90 + 72] * 2, abs=2)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize(("height", "width"), [(75, 127), (48, 1040)])
def test_the_bytes_depend_on_nothing_but_the_pictures(
    tmp_path: Path, format: str, height: int, width: int
) -> None:
    """Not on the threads, nor on the run, nor on segments written before by the same sink."""
    rng = np.random.default_rng(1)
    layers = [
        rgba(index, height, width) | rng.integers(0, 16, (height, width, 4), np.uint8) for index in range(4)
    ]
    made = []
    for run, threads in enumerate((1, 2, 4, 1)):
        root = tmp_path / str(run)
        sink = one_sink(root, clip_info(height, width), format, threads=threads)
        if run == 3:
            write_all(sink, stamps_of(VFR[:4]), layers[::-1], length=2)
        make_output(sink, write_all(sink, stamps_of(VFR[:4]), layers, length=2))
        made.append(files(root))
    assert all(made[0].values())
    assert made[1] == made[0]
    assert made[2] == made[0]
    assert made[3] == made[0]


@pytest.mark.parametrize("format", SUFFIX)
def test_a_kill_at_any_step_costs_no_byte(tmp_path: Path, format: str) -> None:
    stamps, layers = stamps_of(VFR), [rgba(index) for index in range(5)]
    whole = tmp_path / "whole"
    sink = one_sink(whole, clip_info(), format)
    make_output(sink, write_all(sink, stamps, layers, length=2))

    # In the middle of the second segment: its half-written file lies there.
    root = tmp_path / "killed"
    sink = one_sink(root, clip_info(), format)
    pieces = write_segment(sink, 0, stamps[:2], [{"character": layer} for layer in layers[:2]])
    segments = (root / pieces[0].path).parent
    (segments / f".000001.{SUFFIX[format]}.partial").write_bytes(b"half")
    # Resumed, and killed while the video was being joined.
    sink = one_sink(root, clip_info(), format)
    for number, (first, end) in {1: (2, 4), 2: (4, 5)}.items():
        named = [{"character": layer} for layer in layers[first:end]]
        pieces += write_segment(sink, number, stamps[first:end], named)
    (sink.output.with_name(f".{sink.output.name}.partial")).write_bytes(b"half")
    # Resumed, and killed before the segments went: made again; then while they went: only cleared.
    sink = one_sink(root, clip_info(), format)
    sink.finish(pieces)
    sink.finish(pieces)
    (root / pieces[0].path).unlink()
    one_sink(root, clip_info(), format).clear()
    assert files(root) == files(whole)
    assert not segments.exists()
    sink.clear()
    assert files(root) == files(whole)


@pytest.mark.parametrize("format", SUFFIX)
def test_a_lost_segment_is_named(tmp_path: Path, format: str) -> None:
    sink = one_sink(tmp_path, clip_info(), format)
    pieces = write_all(sink, stamps_of(VFR), [rgba(index) for index in range(5)], length=2)
    (tmp_path / pieces[1].path).unlink()
    with pytest.raises(OutputError, match=r"000001\.\w+: is missing or damaged"):
        sink.finish(pieces)
    assert not sink.output.exists()
    assert (tmp_path / pieces[0].path).exists()


def test_a_damaged_segment_is_named(tmp_path: Path) -> None:
    sink = one_sink(tmp_path, clip_info(), "ffv1")
    pieces = write_all(sink, stamps_of(VFR), [rgba(index) for index in range(5)], length=2)
    (tmp_path / pieces[1].path).write_bytes(b"not a video")
    with pytest.raises(OutputError, match=r"000001\.mkv: is missing or damaged"):
        sink.finish(pieces)
    assert tree(tmp_path) == sorted(piece.path for piece in pieces)


@pytest.mark.parametrize("format", FORMATS)
def test_abandoned_nothing_is_half_written(tmp_path: Path, format: str) -> None:
    sink = one_sink(tmp_path, clip_info(), format)
    segment = sink.segment(0)
    segment.write(stamps_of([0]), {"character": rgba(0)}, None)
    segment.abandon()
    segment.abandon()
    kept = tree(tmp_path)
    assert not [name for name in kept if "partial" in name]
    assert kept == [] if format in SUFFIX else len(kept) == 1


@pytest.mark.parametrize("format", SUFFIX)
def test_an_encoder_that_refuses(tmp_path: Path, format: str, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = replace(CODECS[format], pixel_format="nv12", deep_formats={})
    monkeypatch.setitem(CODECS, format, broken)
    sink = one_sink(tmp_path, clip_info(), format)
    segment = sink.segment(0)
    with pytest.raises(OutputError, match=r"refused \(.*choose another --format"):
        segment.write(stamps_of([0]), {"character": rgba(0)}, None)
    segment.abandon()
    assert tree(tmp_path) == []


def test_an_encoder_that_dies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the second frame: the finished segment stays, the open one leaves nothing."""
    sink = one_sink(tmp_path, clip_info(), "ffv1")
    stamps = stamps_of(VFR)
    pieces = write_segment(sink, 0, stamps[:1], [{"character": rgba(0)}])
    segment = sink.segment(1)
    assert isinstance(segment, VideoSegment)
    segment.write(stamps[1:2], {"character": rgba(1)}, None)
    monkeypatch.setattr(segment, "_stream", _Dying(segment._stream.codec_context))
    with pytest.raises(OutputError, match=r"000001\.mkv: ffv1 refused \(.*Generic error"):
        segment.write(stamps[2:3], {"character": rgba(2)}, None)
    segment.abandon()
    assert tree(tmp_path) == [piece.path for piece in pieces]


class _Dying:
    def __init__(self, context: object) -> None:
        self.codec_context = context

    def encode(self, picture: object) -> None:
        raise FFmpegError(-542398533, "Generic error in an external library")


@pytest.mark.parametrize("format", FORMATS)
def test_a_folder_that_is_a_file(tmp_path: Path, format: str) -> None:
    (tmp_path / "taken").touch()
    sink = one_sink(tmp_path / "taken", clip_info(), format)
    with pytest.raises(OutputError, match="can't be written"):
        sink.segment(0)


@pytest.mark.parametrize("format", FORMATS)
def test_a_folder_that_goes_away(tmp_path: Path, format: str) -> None:
    sink = one_sink(tmp_path, clip_info(), format)
    segment = sink.segment(0)
    for folder in sorted(tmp_path.rglob("*"), reverse=True):
        folder.rmdir()
    with pytest.raises(OutputError, match=r"can't be written \(.*[Nn]o such file"):
        segment.write(stamps_of([0]), {"character": rgba(0)}, None)
        segment.close()


# A file may grow to 20 kB here, as if the disk ended there; noise doesn't fit.
FULL = """
import resource, signal, sys
from pathlib import Path
import numpy as np
from tests.runtime.sinks import clip_info, one_sink, stamps_of, write_all
from tests.runtime.media import tree
from trt_anime.errors import OutputError
from trt_anime.runtime.media.writers import FORMATS

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
_, most = resource.getrlimit(resource.RLIMIT_FSIZE)
root, noise = Path(sys.argv[1]), np.random.default_rng(0).integers(0, 256, (160, 160, 4), np.uint8)
stamps = stamps_of([0, 1001, 2002, 3003])
for format in FORMATS:
    sink = one_sink(root / format, clip_info(160, 160), format)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, most))
    segment = sink.segment(0)
    try:
        for stamp in stamps:
            segment.write([stamp], {"character": noise}, None)
        segment.close()
        print(format, "no error")
    except OutputError as error:
        segment.abandon()
        print(format, tree(root / format), error)
    if format in sys.argv[2:]:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
        pieces = write_all(sink, stamps, [noise] * 4, length=2)
        resource.setrlimit(resource.RLIMIT_FSIZE, (max(p.size_bytes for p in pieces) + 1000, most))
        try:
            sink.finish(pieces)
            print(format, "no error")
        except OutputError as error:
            print(format, len(tree(root / format)) - len(pieces), error)
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
        sink.finish(pieces)
        sink.clear()
        print(format, len(tree(root / format)), sink.output.exists())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no such limit there")
def test_a_full_disk(tmp_path: Path) -> None:
    """Says so, leaves nothing half-written, keeps the segments; with room again it goes on."""
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path), *SUFFIX], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    lines = iter(done.stdout.splitlines())
    for format in FORMATS:
        writing = next(lines)
        assert writing.startswith(f"{format} [] ")
        assert "can't be written" in writing
        assert "File too large" in writing
        assert "free space" in writing
        if format in SUFFIX:
            joining = next(lines)
            assert joining.startswith(f"{format} 0 ")
            assert f"character.{SUFFIX[format]}: can't be written (File too large)" in joining
            assert next(lines) == f"{format} 1 True"


@pytest.mark.parametrize(
    ("format", "bits", "name"),
    [("ffv1", 10, "gbrap12le"), ("ffv1", 12, "gbrap16le"), ("prores", 10, "yuva444p12le")],
)
def test_ten_bits_survive(tmp_path: Path, format: str, bits: int, name: str) -> None:
    """A grey ramp of all 1,024 steps; 8 bits would make 256 of them."""
    ramp = np.linspace(0, 65535, 1024).round().astype(np.uint16)
    deep = np.ascontiguousarray(np.broadcast_to(ramp[None, :, None], (16, 1024, 3)))
    shallow = np.dstack([(deep // 257).astype(np.uint8), np.full((16, 1024), 255, np.uint8)])
    sink = one_sink(tmp_path, clip_info(16, 1024, bits=bits), format)
    make_output(sink, write_segment(sink, 0, stamps_of([0]), [{"character": shallow}], deep))
    ((frame,), _) = decode(sink.output)
    assert frame.format.name == name
    found = pixels(frame, 16, deep=True).astype(int)
    assert np.all(found[..., 3] >= 65535 - 64)
    assert np.abs(found[..., :3] - deep).max() <= (16 if format == "ffv1" else 320)
    steps = len(np.unique(found[8, :, 1]))
    assert steps == 1024 if format == "ffv1" else steps > 800


def test_eight_bits_are_exact_in_a_deep_video(tmp_path: Path) -> None:
    """All 256 values of all channels come back, where the source has 10 bits but the layer is new."""
    values = np.arange(256, dtype=np.uint8).reshape(16, 16)
    layer = np.dstack([values, values[::-1], values.T, values.T[::-1]])
    sink = one_sink(tmp_path, clip_info(16, 16, bits=10), "ffv1")
    make_output(sink, write_segment(sink, 0, stamps_of([0]), [{"character": np.ascontiguousarray(layer)}]))
    ((frame,), _) = decode(sink.output)
    found = pixels(frame, 16, deep=True).astype(np.float64)
    np.testing.assert_array_equal(np.round(found / 257).astype(np.uint8), layer)


def test_notices_are_said_once(tmp_path: Path) -> None:
    clip = replace(clip_info(bits=10), pixel_aspect=Fraction(4, 3))
    first, second = open_sinks(tmp_path, [CHARACTER, EFFECTS], clip, format="webm", threads=1)
    assert [words.split(":")[0] for words in first.notices] == [
        "webm files count milliseconds",
        "webm files are written without the source's pixel shape 4/3, and show square pixels; prores "
        "keeps it",
        "webm files hold 8 bits per channel; ffv1, prores, png16 and exr keep more",
    ]
    assert second.notices == []
    (sink,) = open_sinks(tmp_path, [CHARACTER], clip, format="png", threads=1)
    assert sink.notices == ["png files hold 8 bits per channel; ffv1, prores, png16 and exr keep more"]
    assert one_sink(tmp_path, clip_info(bits=12), "prores").notices == [
        "prores is written with 10 bits per channel; ffv1, png16 and exr keep more"
    ]


def test_pixel_shape(tmp_path: Path) -> None:
    clip = replace(clip_info(), pixel_aspect=Fraction(4, 3))
    sink = one_sink(tmp_path, clip, "prores")
    make_output(sink, write_all(sink, stamps_of(VFR), [rgba(index) for index in range(5)]))
    assert decode(sink.output)[1].sample_aspect_ratio == Fraction(4, 3)


def test_which_sinks_there_are(tmp_path: Path) -> None:
    for format in FORMATS:
        sinks = open_sinks(tmp_path, [CHARACTER, EFFECTS], clip_info(), format=format, threads=1)
        assert [sink.layers for sink in sinks] == (
            [("character", "effects")] if format == "exr" else [("character",), ("effects",)]
        )
        assert {sink.in_order for sink in sinks} == {format in SUFFIX}
    assert tree(tmp_path) == []
    assert [format for format in FORMATS if keeps_deep(format)] == ["png16", "ffv1", "prores", "exr"]


def test_unknown_format(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="png, png16, ffv1, prores, webm, exr"):
        one_sink(tmp_path, clip_info(1, 1), "gif")
    with pytest.raises(InputError, match="gif"):
        check_format("gif")


def test_png_pictures_are_the_layers(tmp_path: Path) -> None:
    sinks = open_sinks(tmp_path, [CHARACTER, EFFECTS], clip_info(), format="png", threads=1)
    for number, sink in enumerate(sinks):
        layers = {"character": rgba(1), "effects": rgba(2)}
        write_segment(sink, 0, stamps_of([0]), [layers])
        np.testing.assert_array_equal(read_png(sink.output / "frame_000000.png"), rgba(number + 1))
