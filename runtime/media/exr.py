"""All layers of a frame to one OpenEXR file, a named part for each."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trt_anime.errors import MissingError
from trt_anime.runtime.media.deep import deepened
from trt_anime.runtime.media.frames import ClipInfo, DeepPixels, Pixels
from trt_anime.runtime.media.stills import Stills

FOLDER = "layers"

Half = NDArray[np.float16]

# x and y of red, green, blue and white by H.273 number of the clip's primaries; others go without.
_CHROMATICITIES = {
    1: (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, 0.3127, 0.3290),
    5: (0.64, 0.33, 0.29, 0.60, 0.15, 0.06, 0.3127, 0.3290),
    6: (0.63, 0.34, 0.31, 0.595, 0.155, 0.07, 0.3127, 0.3290),
    9: (0.708, 0.292, 0.17, 0.797, 0.131, 0.046, 0.3127, 0.3290),
}


def exr_sink(root: Path, layers: tuple[str, ...], clip: ClipInfo) -> Stills:
    """Raises MissingError: the package that writes EXR isn't here."""
    try:
        import OpenEXR
    except ImportError as error:
        raise MissingError("format exr needs `pip install OpenEXR`") from error
    facts = _attributes(clip)

    def write(path: Path, given: Mapping[str, Pixels], deep: DeepPixels | None) -> None:
        header = facts | {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
        parts = [
            OpenEXR.Part(dict(header), {"RGBA": linear_premultiplied(given[name], deep)}, name)
            for name in layers
        ]
        try:
            OpenEXR.File(parts).write(str(path))
        except RuntimeError as error:  # what it says of a full disk or a missing folder
            raise OSError(str(error).rstrip(".")) from error

    return Stills(root, FOLDER, ".exr", layers, write)


def linear_premultiplied(rgba: Pixels, deep: DeepPixels | None) -> Half:
    """A layer as EXR wants it: light that adds up, colours already multiplied by alpha.

    The sRGB curve is undone, so 0.5 is half the light of 1.

    Args:
        rgba: uint8 [height, width, 4], 0..255, straight alpha.
        deep: the source frame, uint16 [height, width, 3] RGB, or None.

    Returns:
        float16 [height, width, 4], 0..1, RGBA, contiguous.
    """
    result = np.empty(rgba.shape, np.float16)
    alpha = rgba[..., 3:]
    if deep is None:
        # All pairs of alpha and value are one table.
        result[..., :3] = _table8().take(alpha.astype(np.uint16) << 8 | rgba[..., :3])
    else:
        light = _linear(65536).take(deepened(rgba, deep)[..., :3])
        result[..., :3] = light * (alpha.astype(np.float32) / 255)
    result[..., 3] = (np.arange(256, dtype=np.float32) / 255).astype(np.float16).take(rgba[..., 3])
    return result


@cache
def _linear(levels: int) -> NDArray[np.float32]:
    """Light by stored value, the sRGB curve undone (IEC 61966-2-1)."""
    stored = np.arange(levels) / (levels - 1)
    return np.where(stored <= 0.04045, stored / 12.92, ((stored + 0.055) / 1.055) ** 2.4).astype(np.float32)


@cache
def _table8() -> Half:
    """float16 [65536]: light times alpha, by alpha * 256 + value."""
    alpha = np.arange(256, dtype=np.float32) / 255
    return (alpha[:, None] * _linear(256)).astype(np.float16).ravel()


def _attributes(clip: ClipInfo) -> dict[str, object]:
    facts: dict[str, object] = {"pixelAspectRatio": float(clip.pixel_aspect)}
    if clip.primaries in _CHROMATICITIES:
        facts["chromaticities"] = _CHROMATICITIES[clip.primaries]
    return facts
