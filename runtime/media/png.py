"""RGBA layers to numbered PNG files of 8 or 16 bits per channel."""

import ctypes
import os
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

import cv2
import fpng_py
from fpng_py import _fpng_py  # pyright: ignore[reportAttributeAccessIssue]

from trt_anime.runtime.media.deep import deepened
from trt_anime.runtime.media.frames import DeepPixels, Pixels
from trt_anime.runtime.media.stills import Stills, cannot_encode
from trt_anime.runtime.stages import Layer

# fpng::fpng_encode_image_to_file(char const*, void const*, unsigned, unsigned, unsigned, unsigned), as
# GCC and Clang spell it.
_TO_FILE = "_ZN4fpng25fpng_encode_image_to_fileEPKcPKvjjjj"

# Half of level 1's usual time, a sixth more bytes.
_FAST_16_BIT = [
    cv2.IMWRITE_PNG_COMPRESSION,
    1,
    cv2.IMWRITE_PNG_STRATEGY,
    cv2.IMWRITE_PNG_STRATEGY_RLE,
    cv2.IMWRITE_PNG_FILTER,
    cv2.IMWRITE_PNG_FILTER_SUB,
]


def png_sink(root: Path, layer: Layer, *, bits: int) -> Stills:
    """One layer's images below `root`, with 8 or 16 bits per channel."""
    encode = write_png if bits == 8 else write_png16

    def write(path: Path, layers: Mapping[str, Pixels], deep: DeepPixels | None) -> None:
        encode(path, layers[layer.name], deep)

    return Stills(root, layer.folder, ".png", (layer.name,), write)


def write_png(path: Path, picture: Pixels, deep: DeepPixels | None) -> None:
    """Args:
        picture: uint8 [height, width, 4], RGBA with straight alpha, or [height, width, 3], RGB; contiguous.

    Raises OSError or OutputError.
    """
    height, width, channels = picture.shape
    to_file = _function_without_gil()
    if to_file is None:
        data = fpng_py.fpng_encode_image_to_memory(picture, width, height, channels)  # pyright: ignore[reportAttributeAccessIssue]
        if not data:
            raise cannot_encode(path, f"{width}x{height}")
        path.write_bytes(data)
        return
    ctypes.set_errno(0)
    if not to_file(os.fsencode(path), picture.ctypes.data, width, height, channels, 0):
        if number := ctypes.get_errno():
            raise OSError(number, os.strerror(number))
        raise cannot_encode(path, f"{width}x{height}")


def write_png16(path: Path, rgba: Pixels, deep: DeepPixels | None) -> None:
    """As `write_png`, with 16 bits per channel: colours from `deep` where the layer shows it."""
    wide = deepened(rgba, deep)
    done, data = cv2.imencode(".png", cv2.cvtColor(wide, cv2.COLOR_RGBA2BGRA), _FAST_16_BIT)
    if not done:
        raise cannot_encode(path, f"{rgba.shape[1]}x{rgba.shape[0]}")
    path.write_bytes(data.data)


@cache
def _function_without_gil() -> Callable[..., bool] | None:
    """fpng's own C++ function: other threads run meanwhile, which its Python wrapper doesn't allow.

    None where the library doesn't show it (Windows); the wrapper writes the same bytes.
    """
    try:
        function = ctypes.CDLL(_fpng_py.__file__, use_errno=True)[_TO_FILE]
    except (AttributeError, OSError):
        return None
    function.restype = ctypes.c_bool
    function.argtypes = [ctypes.c_char_p, ctypes.c_void_p, *[ctypes.c_uint32] * 4]
    return function
