"""A folder of images, or one image, as a clip."""

import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from trt_anime.errors import InputError, TrtAnimeError
from trt_anime.runtime.closing import Closing
from trt_anime.runtime.media.frames import ClipInfo, DeepPixels, Frame, Landmark, Pixels, Stamp
from trt_anime.runtime.media.headers import broken_png, image_size

_Samples = Pixels | DeepPixels

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff"})

_SCALE_16_TO_8 = 255 / 65535
_SCALE_8_TO_16 = 257


def natural_key(name: str) -> list[str | int]:
    """Sort key that counts, in full-width digits too: ``frame_9`` before ``frame_10``."""
    parts = re.split(r"(\d+)", name.casefold())  # every second part is a number
    return [int(part) if place % 2 else part for place, part in enumerate(parts)]


class ImageFolder(Closing):
    """Images of one size in natural order of their names, at a constant rate."""

    def __init__(self, path: Path, *, rate: Fraction, deep: bool) -> None:
        """Raises InputError: no images, sizes differ, or the first can't be decoded."""
        self.notices: list[str] = []
        self.landmarks: tuple[Landmark, ...] = ()
        self._files = [path] if path.is_file() else self._listed(path)
        _check_sizes(self._files)
        try:
            first = self._decode(self._files[0], look_for_alpha=True)
        except TrtAnimeError as error:
            raise InputError(str(error)) from error
        self._first: _Samples | None = first
        self._start = 0
        self.info = ClipInfo(
            path=path,
            kind="images",
            width=first.shape[1],
            height=first.shape[0],
            rate=rate,
            time_base=1 / rate,
            frames=len(self._files),
            pixel_format="images",
            bits=first.itemsize * 8,
        )
        self._deep = deep and self.info.bits > 8

    def start_at(self, index: int) -> None:
        """Files before are never opened."""
        self._start = index

    def __iter__(self) -> Iterator[Frame]:
        first, self._first = self._first, None
        for index, file in enumerate(self._files[self._start :], self._start):
            picture = first if index == 0 and first is not None else self._decode(file)
            first = None
            size = (self.info.width, self.info.height)
            if picture.shape[1::-1] != size:
                raise TrtAnimeError(_sizes_differ(file, picture.shape[1::-1], self._files[0], size))
            deep = _sixteen_bits(picture) if self._deep else None
            yield Frame(Stamp(index, pts=index, duration=1), _eight_bits(picture), deep)

    def close(self) -> None:
        self._first = None

    def _listed(self, folder: Path) -> list[Path]:
        try:
            files = [file for file in folder.iterdir() if not file.name.startswith(".") and file.is_file()]
        except OSError as error:
            raise InputError(f"{folder}: can't be read ({error.strerror})") from error
        images = [file for file in files if file.suffix.lower() in SUFFIXES]
        if not images:
            known = ", ".join(sorted(suffix[1:] for suffix in SUFFIXES))
            raise InputError(f"{folder}: holds no images ({known}); give a folder of frames")
        if len(images) < len(files):
            others = len(files) - len(images)
            self.notices.append(f"{folder}: left out {others} of {len(files)} files, which are not images")
        return sorted(images, key=lambda file: (natural_key(file.name), file.name))

    def _decode(self, file: Path, *, look_for_alpha: bool = False) -> _Samples:
        """[height, width, 3] RGB with 8 or 16 bits, contiguous."""
        try:
            data = file.read_bytes()
        except OSError as error:
            raise TrtAnimeError(f"{file}: can't be read ({error.strerror})") from error
        if data.startswith(b"\x89PNG") and (reason := broken_png(data)):
            raise TrtAnimeError(f"{file}: the image is {reason}; render or copy it again")
        if look_for_alpha and _has_alpha(data):
            self.notices.append(f"{file}: has alpha, which is left out; colours are used as they are")
        picture = _decoded(data, cv2.IMREAD_COLOR_RGB | cv2.IMREAD_ANYDEPTH)
        if picture is None:
            raise TrtAnimeError(f"{file}: can't be decoded as an image; render or copy it again")
        if picture.dtype not in (np.uint8, np.uint16):
            raise TrtAnimeError(f"{file}: has {picture.dtype} samples; save it with 8 or 16 bits a channel")
        return np.ascontiguousarray(picture)


def _eight_bits(picture: _Samples) -> Pixels:
    if picture.dtype == np.uint16:
        return np.asarray(cv2.convertScaleAbs(picture, alpha=_SCALE_16_TO_8), np.uint8)
    return np.asarray(picture, np.uint8)


def _sixteen_bits(picture: _Samples) -> DeepPixels:
    if picture.dtype == np.uint8:  # one among images that have more
        return picture.astype(np.uint16) * np.uint16(_SCALE_8_TO_16)
    return np.asarray(picture, np.uint16)


def _decoded(data: bytes, flags: int) -> NDArray[Any] | None:
    """None when the data is not a whole image; OpenCV raises on empty data only."""
    cv2.utils.logging.setLogLevel(0)  # its log lines would stand beside our one sentence
    try:
        return cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:
        return None


def _has_alpha(data: bytes) -> bool:
    picture = _decoded(data, cv2.IMREAD_UNCHANGED)
    return picture is not None and picture.ndim == 3 and picture.shape[2] == 4


def _check_sizes(files: list[Path]) -> None:
    # A file whose header can't be read passes: it is reported when its turn comes.
    first: tuple[int, int] | None = None
    for file in files:
        try:
            size = image_size(file)
        except OSError:
            continue
        first = first or size
        if size and first and size != first:
            raise InputError(_sizes_differ(file, size, files[0], first))


def _sizes_differ(file: Path, size: tuple[int, ...], first: Path, first_size: tuple[int, int]) -> str:
    return (
        f"{file}: is {size[0]}x{size[1]}, but {first.name} is {first_size[0]}x{first_size[1]}; "
        "all frames of a clip need one size"
    )
