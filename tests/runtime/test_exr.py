"""EXR files: a named part for each layer, linear light, premultiplied, all bits that half floats hold."""

import sys
import zlib
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import OpenEXR
import pytest
from numpy.typing import NDArray

from tests.runtime.media import Pixels, tree
from tests.runtime.sinks import CHARACTER, EFFECTS, clip_info, one_sink, rgba, stamps_of
from trt_anime.errors import MissingError
from trt_anime.runtime.media.exr import linear_premultiplied
from trt_anime.runtime.media.writers import open_sinks


def light(stored: NDArray[np.float64]) -> NDArray[np.float64]:
    """IEC 61966-2-1, one value at a time."""
    curve = np.vectorize(lambda v: v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4)
    return np.asarray(curve(stored), np.float64)


def expected(layer: Pixels) -> NDArray[np.float64]:
    value = layer / 255
    return np.dstack([light(value[..., :3]) * value[..., 3:], value[..., 3:]])


def test_parts_and_pixels(tmp_path: Path) -> None:
    (sink,) = open_sinks(tmp_path, [CHARACTER, EFFECTS], clip_info(75, 127), format="exr", threads=2)
    layers = {"character": rgba(1, 75, 127), "effects": rgba(2, 75, 127)}
    segment = sink.segment(0)
    segment.write(stamps_of([0, 1001]), layers, None)
    pieces = segment.close()
    assert (
        tree(tmp_path) == [piece.path for piece in pieces] == [f"layers/frame_00000{n}.exr" for n in (0, 1)]
    )
    for piece in pieces:
        data = (tmp_path / piece.path).read_bytes()
        assert (piece.size_bytes, piece.crc32) == (len(data), zlib.crc32(data))
    with OpenEXR.File(str(tmp_path / pieces[1].path)) as file:
        assert [part.name() for part in file.parts] == ["character", "effects"]
        for part in file.parts:
            assert sorted(channel.name for channel in part.header["channels"]) == ["A", "B", "G", "R"]
            found = part.channels["RGBA"].pixels
            assert found.dtype == np.float16
            # Half floats keep eleven bits of any value.
            np.testing.assert_allclose(found, expected(layers[part.name()]), rtol=2**-11, atol=2**-24)


def test_what_players_need_is_in_the_header(tmp_path: Path) -> None:
    clip = replace(clip_info(), pixel_aspect=Fraction(4, 3))
    header = _header(tmp_path / "709", clip_info())
    assert header["compression"] == OpenEXR.ZIP_COMPRESSION
    assert header["chromaticities"] == pytest.approx((0.64, 0.33, 0.3, 0.6, 0.15, 0.06, 0.3127, 0.329))
    assert header["pixelAspectRatio"] == 1
    assert not {"capDate", "owner", "comments"} & set(header)
    header = _header(tmp_path / "2020", replace(clip, primaries=9))
    assert header["chromaticities"] == pytest.approx(
        (0.708, 0.292, 0.17, 0.797, 0.131, 0.046, 0.3127, 0.329)
    )
    assert header["pixelAspectRatio"] == pytest.approx(4 / 3)
    assert "chromaticities" not in _header(tmp_path / "unknown", replace(clip, primaries=2))


def _header(folder: Path, clip: object) -> dict[str, object]:
    sink = one_sink(folder, clip, "exr")  # type: ignore[arg-type]
    segment = sink.segment(0)
    segment.write(stamps_of([0]), {"character": rgba(1)}, None)
    with OpenEXR.File(str(folder / segment.close()[0].path)) as file:
        return dict(file.parts[0].header)


def test_all_values_under_all_alphas() -> None:
    value, alpha = np.meshgrid(np.arange(256, dtype=np.uint8), np.arange(256, dtype=np.uint8))
    layer = np.ascontiguousarray(np.dstack([value, value[:, ::-1], value, alpha]))
    found = linear_premultiplied(layer, None)
    np.testing.assert_allclose(found, expected(layer), rtol=2**-11, atol=2**-24)
    assert found.flags.c_contiguous
    assert not found[alpha == 0].any()
    np.testing.assert_array_equal(found[(alpha == 255) & (value == 255)][0, [0, 2, 3]], [1, 1, 1])


def test_ten_bit_steps_stay_apart(tmp_path: Path) -> None:
    """In the picture's darks and mid-tones; half floats are coarser than 10 bits near white."""
    ramp = np.linspace(0, 65535, 1024).round().astype(np.uint16)
    deep = np.ascontiguousarray(np.broadcast_to(ramp[None, :, None], (2, 1024, 3)))
    layer = np.ascontiguousarray(
        np.dstack([(deep // 257).astype(np.uint8), np.full((2, 1024), 255, np.uint8)])
    )
    sink = one_sink(tmp_path, clip_info(2, 1024, bits=10), "exr")
    segment = sink.segment(0)
    segment.write(stamps_of([0]), {"character": layer}, deep)
    with OpenEXR.File(str(tmp_path / segment.close()[0].path)) as file:
        found = file.parts[0].channels["RGBA"].pixels[0, :, 1]
    np.testing.assert_allclose(found, light(ramp / 65535), rtol=2**-11, atol=2**-24)
    assert len(np.unique(found)) == 1024


def test_deep_colours_are_multiplied_by_alpha() -> None:
    deep = np.full((1, 2, 3), 30000, np.uint16)
    layer = np.array([[[117, 117, 117, 51], [200, 200, 200, 255]]], np.uint8)
    found = linear_premultiplied(layer, deep)
    thin, painted = light(np.array([30000 / 65535]))[0] * 51 / 255, light(np.array([200 / 255]))[0]
    np.testing.assert_allclose(found[0, :, 0], [thin, painted], rtol=2**-11)
    np.testing.assert_allclose(found[0, :, 3], [0.2, 1], rtol=2**-11)


def test_without_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "OpenEXR", None)
    with pytest.raises(MissingError, match=r"pip install OpenEXR"):
        one_sink(tmp_path, clip_info(), "exr")
