"""PNG files: exact, whole, the same with and without the wrapper, 16 bits where there are some."""

import sys
import threading
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.runtime.media import Pixels, read_png, tree
from tests.runtime.sinks import clip_info, one_sink, rgba, stamps_of
from trt_anime.errors import OutputError
from trt_anime.runtime.media import png
from trt_anime.runtime.media.deep import deepened
from trt_anime.runtime.media.frames import Stamp


@pytest.fixture(params=["own function", "wrapper"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Both ways to fpng; the wrapper is what systems have that hide the library's own names."""
    if request.param == "wrapper":
        monkeypatch.setattr(png, "_TO_FILE", "no such name")
    png._function_without_gil.cache_clear()
    if request.param == "own function" and png._function_without_gil() is None:
        pytest.skip("the library hides it here")
    yield request.param
    png._function_without_gil.cache_clear()


def noise(height: int, width: int) -> Pixels:
    return np.random.default_rng(0).integers(0, 256, (height, width, 4), np.uint8)


@pytest.mark.parametrize(("height", "width"), [(75, 127), (1, 1), (48, 64)])
def test_exact_pixels(tmp_path: Path, way: str, height: int, width: int) -> None:
    sink = one_sink(tmp_path, clip_info(height, width), "png")
    segment = sink.segment(0)
    pictures = [noise(height, width), rgba(3, height, width)]
    segment.write([Stamp(1_234_567, 0, 0)], {"character": pictures[0]}, None)
    segment.write([Stamp(12, 0, 0)], {"character": pictures[1]}, None)
    names = ["frame_000012.png", "frame_1234567.png"]
    pieces = segment.close()
    assert [piece.path for piece in pieces] == [f"stage2a_character_refine/{name}" for name in names]
    assert tree(sink.output) == names
    np.testing.assert_array_equal(read_png(sink.output / names[1]), pictures[0])
    np.testing.assert_array_equal(read_png(sink.output / names[0]), pictures[1])
    for piece in pieces:
        data = (tmp_path / piece.path).read_bytes()
        assert (piece.size_bytes, piece.crc32) == (len(data), zlib.crc32(data))


def test_both_ways_write_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if png._function_without_gil() is None:
        pytest.skip("the library hides its own function here")
    png.write_png(tmp_path / "a.png", rgba(1, 75, 127), None)
    monkeypatch.setattr(png, "_function_without_gil", lambda: None)
    png.write_png(tmp_path / "b.png", rgba(1, 75, 127), None)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_encoding_leaves_the_lock_to_others(tmp_path: Path) -> None:
    """This thread goes on while the other one encodes: nobody takes Python's lock away meanwhile."""
    to_file = png._function_without_gil()
    if to_file is None:
        pytest.skip("the wrapper holds the lock")
    layer, begun, done = noise(1080, 1920), threading.Event(), threading.Event()
    arguments = (bytes(tmp_path / "a.png"), layer.ctypes.data, 1920, 1080, 4, 0)

    def encode() -> None:
        begun.set()
        to_file(*arguments)
        done.set()

    interval = sys.getswitchinterval()
    sys.setswitchinterval(100)
    try:
        thread = threading.Thread(target=encode)
        thread.start()
        begun.wait()
        went_on = not done.is_set()
        thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert went_on


@pytest.mark.parametrize("format", ["png", "png16"])
def test_from_many_threads_at_once(tmp_path: Path, format: str) -> None:
    sink = one_sink(tmp_path, clip_info(), format)
    segment = sink.segment(0)
    pictures = [rgba(index) for index in range(40)]
    with ThreadPoolExecutor(8) as pool:
        jobs = [
            pool.submit(segment.write, [stamp], {"character": picture}, None)
            for stamp, picture in zip(stamps_of(range(40)), pictures, strict=True)
        ]
    for job in jobs:
        job.result()
    assert [piece.path[-10:] for piece in segment.close()] == [f"{n:06d}.png" for n in range(40)]
    if format == "png":
        for index, picture in enumerate(pictures):
            np.testing.assert_array_equal(read_png(sink.output / f"frame_{index:06d}.png"), picture)


def test_held_frames_are_encoded_once(tmp_path: Path, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    encoded: list[Path] = []
    encode = png.write_png

    def counting(path: Path, layer: Pixels, deep: None) -> None:
        encoded.append(path)
        encode(path, layer, deep)

    monkeypatch.setattr(png, "write_png", counting)
    sink = one_sink(tmp_path, clip_info(), "png")
    segment = sink.segment(0)
    segment.write(stamps_of([0, 1, 2]), {"character": rgba(5)}, None)
    assert len(encoded) == 1
    pieces = segment.close()
    assert len({(piece.size_bytes, piece.crc32) for piece in pieces}) == 1
    paths = [tmp_path / piece.path for piece in pieces]
    assert [path.name for path in paths] == tree(sink.output) == [f"frame_00000{n}.png" for n in range(3)]
    for path in paths:
        np.testing.assert_array_equal(read_png(path), rgba(5))
        assert path.stat().st_nlink == 1  # a file that somebody edits is one frame


@pytest.mark.parametrize("format", ["png", "png16"])
def test_what_a_kill_leaves_is_written_over(tmp_path: Path, format: str) -> None:
    sink = one_sink(tmp_path, clip_info(), format)
    sink.output.mkdir()
    (sink.output / ".frame_000000.png.partial").write_bytes(b"half")
    (sink.output / "frame_000000.png").write_bytes(b"of another run")
    segment = sink.segment(0)
    segment.write([Stamp(0, 0, 0)], {"character": rgba(0)}, None)
    assert tree(sink.output) == ["frame_000000.png"]
    assert segment.close()[0].size_bytes == (sink.output / "frame_000000.png").stat().st_size


def test_the_reason_is_the_systems(tmp_path: Path, way: str) -> None:
    sink = one_sink(tmp_path, clip_info(), "png")
    segment = sink.segment(0)
    (sink.output / "frame_000000.png").mkdir()
    with pytest.raises(OutputError, match=r"frame_000000\.png: can't be written \(Is a directory\); free"):
        segment.write([Stamp(0, 0, 0)], {"character": rgba(0)}, None)
    assert tree(tmp_path) == []
    sink.output.joinpath("frame_000000.png").rmdir()
    sink.output.rmdir()
    with pytest.raises(OutputError, match=r"frame_000000\.png: can't be written \(No such file"):
        segment.write([Stamp(0, 0, 0)], {"character": rgba(0)}, None)


def read_png16(path: Path) -> NDArray[np.uint16]:
    stored = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_UNCHANGED)
    assert stored is not None
    assert stored.dtype == np.uint16
    return np.asarray(cv2.cvtColor(stored, cv2.COLOR_BGRA2RGBA), np.uint16)


@pytest.mark.parametrize(("height", "width"), [(75, 127), (1, 1)])
def test_sixteen_bits(tmp_path: Path, height: int, width: int) -> None:
    """The source's own values where the layer shows it; the layer's where it was painted anew."""
    deep = np.random.default_rng(0).integers(0, 65536, (height, width, 3), np.uint16)
    layer = np.dstack([(deep >> 8).astype(np.uint8), noise(height, width)[..., 3]])
    painted = np.zeros((height, width), bool)
    painted[: height // 2] = True
    layer[painted, :3] = 255 - layer[painted, :3] // 2 // 2
    source = deep.copy()
    source[painted] = 10  # far from everything painted
    sink = one_sink(tmp_path, clip_info(height, width, bits=16), "png16")
    segment = sink.segment(0)
    segment.write([Stamp(0, 0, 0)], {"character": np.ascontiguousarray(layer)}, source)
    segment.write([Stamp(1, 0, 0)], {"character": np.ascontiguousarray(layer)}, None)
    found, without = (read_png16(tmp_path / piece.path) for piece in segment.close())
    np.testing.assert_array_equal(found[~painted][:, :3], source[~painted])
    np.testing.assert_array_equal(found[painted][:, :3], layer[painted][:, :3].astype(np.uint16) * 257)
    np.testing.assert_array_equal(found[..., 3], layer[..., 3].astype(np.uint16) * 257)
    np.testing.assert_array_equal(without, layer.astype(np.uint16) * 257)


def test_ten_bit_steps_stay_apart(tmp_path: Path) -> None:
    ramp = np.linspace(0, 65535, 1024).round().astype(np.uint16)
    deep = np.ascontiguousarray(np.broadcast_to(ramp[None, :, None], (2, 1024, 3)))
    layer = np.dstack([(deep // 257).astype(np.uint8), np.full((2, 1024), 255, np.uint8)])
    sink = one_sink(tmp_path, clip_info(2, 1024, bits=10), "png16")
    segment = sink.segment(0)
    segment.write([Stamp(0, 0, 0)], {"character": np.ascontiguousarray(layer)}, deep)
    (piece,) = segment.close()
    np.testing.assert_array_equal(read_png16(tmp_path / piece.path)[..., :3], deep)


@given(st.integers(0, 255), st.lists(st.integers(0, 65535), min_size=3, max_size=3), st.sampled_from("rfd"))
def test_deepened_never_strays_more_than_one_step(value: int, source: list[int], how: str) -> None:
    """However the 8 bits were made (rounded, cut off, dithered), and wherever the layer was painted."""
    deep = np.array([[source]], np.uint16)
    shallow = {"r": np.round(deep / 257), "f": deep >> 8, "d": np.minimum(deep // 257 + 1, 255)}[how]
    shown = np.dstack([shallow.astype(np.uint8), np.full((1, 1), 77, np.uint8)])
    np.testing.assert_array_equal(deepened(shown, deep)[..., :3], deep)
    painted = np.full((1, 1, 4), value, np.uint8)
    found = deepened(painted, deep).astype(int)
    assert np.abs(found - value * 257).max() <= 257
    assert found[0, 0, 3] == value * 257
    near = all(abs(value * 257 - channel) <= 257 for channel in source)
    assert np.array_equal(found[..., :3], deep if near else painted[..., :3].astype(int) * 257)
