"""Pictures of one frame as PNG files: RGBA layers, grey planes, maps of ids."""

import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from trt_anime.errors import InputError
from trt_anime.files import output_error
from trt_anime.runtime.media.frames import Pixels
from trt_anime.runtime.media.pieces import placing
from trt_anime.runtime.media.png import write_png
from trt_anime.runtime.results.places import frame_name

_FAST = [cv2.IMWRITE_PNG_COMPRESSION, 1, cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE]


def write_frame(folder: Path, frames: Iterable[int], picture: NDArray[Any]) -> None:
    """One picture for all the frames that show it; each file is whole or absent.

    Args:
        picture: uint8 [H,W,4] RGBA, straight alpha, or [H,W,3] RGB; uint8 or uint16 [H,W] for a plane.

    Raises:
        OutputError: it can't be written.
    """
    first, *others = (folder / frame_name(index) for index in frames)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise output_error(folder, error) from error
    write_picture(first, picture)
    for path in others:
        with placing(path) as temporary:
            _same(first, temporary)


def write_picture(path: Path, picture: NDArray[Any]) -> None:
    """As `write_frame`, to one file whose folder exists. Raises OutputError."""
    with placing(path) as temporary:
        if picture.ndim == 3:
            write_png(temporary, np.ascontiguousarray(picture), None)
            return
        done, data = cv2.imencode(".png", picture, _FAST)
        if not done:
            raise OSError(f"{picture.shape} can't be a PNG")
        temporary.write_bytes(data.data)


def read_rgba(path: Path) -> Pixels:
    """uint8 [H,W,4] RGBA, straight alpha; opaque where the file has no alpha. Raises InputError."""
    picture = _read(path)
    if picture.ndim == 2:
        return np.asarray(cv2.cvtColor(picture, cv2.COLOR_GRAY2RGBA), np.uint8)
    code = cv2.COLOR_BGRA2RGBA if picture.shape[2] == 4 else cv2.COLOR_BGR2RGBA
    return np.asarray(cv2.cvtColor(picture, code), np.uint8)


def read_plane(path: Path) -> NDArray[Any]:
    """uint8 or uint16 [H,W], as it was written. Raises InputError."""
    picture = _read(path)
    if picture.ndim != 2:
        raise InputError(f"{path}: is a colour picture where a plane was expected; run the stage again")
    return picture


def _read(path: Path) -> NDArray[Any]:
    try:
        data = np.frombuffer(path.read_bytes(), np.uint8)
    except OSError as error:
        raise InputError(f"{path}: can't be read ({error.strerror}); run the stage again") from error
    picture = cv2.imdecode(data, cv2.IMREAD_UNCHANGED) if data.size else None
    if picture is None:
        raise InputError(f"{path}: is damaged; run the stage again")
    return picture


def _same(first: Path, other: Path) -> None:
    """A second name for the file where the file system has such, else a copy."""
    other.unlink(missing_ok=True)
    try:
        os.link(first, other)
    except OSError:
        shutil.copyfile(first, other)
