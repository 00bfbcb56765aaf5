"""Text, boards and colours that previews are made of. All pictures uint8 [H,W,3] RGB."""

import colorsys
from functools import cache
from threading import Lock
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from trt_anime.runtime.media.frames import Pixels

Colour = tuple[int, int, int]

DARK: Colour = (24, 25, 28)
BRIGHT: Colour = (232, 233, 236)
DIM: Colour = (150, 153, 160)

_LIGHT_SQUARE, _DARK_SQUARE = 118, 96
_TURN = 0.618033988749895  # of the colour wheel: neighbours in number are far apart in hue
_LABELS = 1 << 16
# A font keeps the size and weight that it was last asked for: threads would write in each other's.
_writing = Lock()
_TINT = 0.68  # how much of a label's colour covers the picture


def write(
    picture: Pixels,
    text: str,
    at: tuple[int, int],
    *,
    size: int,
    colour: Colour = BRIGHT,
    weight: int = 400,
) -> None:
    """Put `text` on a picture; `at`: (x, y) of its base line's left end; `size` in pixels."""
    with _writing:
        cv2.putText(picture, text, at, colour, _font(), size, weight)


def width_of(text: str, *, size: int, weight: int = 400) -> int:
    """In pixels."""
    with _writing:
        return int(cv2.getTextSize((0, 0), text, (0, 0), _font(), size, weight)[2])


def shortened(text: str, room: int, *, size: int) -> str:
    """`text`, or as much of its start and end as `room` pixels hold."""
    keep = len(text)
    while width_of(text, size=size) > room and keep > 4:
        keep -= 1
        text = f"{text[: keep // 2]}…{text[-(keep // 2) :]}"
    return text


@cache
def checkerboard(height: int, width: int, square: int) -> Pixels:
    """Grey squares that neither white nor black characters drown in."""
    y, x = np.mgrid[0:height, 0:width] // square
    tone = np.where((x + y) % 2, _DARK_SQUARE, _LIGHT_SQUARE).astype(np.uint8)
    board = np.repeat(tone[..., None], 3, axis=2)
    board.setflags(write=False)
    return board


def coloured(grey: Pixels, labels: NDArray[Any]) -> Pixels:
    """A grey picture with each label's pixels in a colour of its own.

    Args:
        grey: uint8 [h,w].
        labels: uint8 or uint16 [H,W] of any size; 0 stays grey.
    """
    size = grey.shape[::-1]
    tint = cv2.resize(_colours(labels), size, interpolation=cv2.INTER_AREA).astype(np.float32)
    covered = np.where(labels > 0, np.uint8(255), np.uint8(0))
    share = cv2.resize(covered, size, interpolation=cv2.INTER_AREA) * np.float32(_TINT / 255)
    below = (grey * np.float32(0.75) + 20) * (1 - share)
    return np.asarray(np.clip(np.rint(cv2.merge([below] * 3) + tint * _TINT), 0, 255), np.uint8)


def number_labels(picture: Pixels, labels: Pixels, *, size: int) -> None:
    """Write each label's number where it has most room.

    Args:
        labels: uint8 [H,W] of any size; 0 has no number.
    """
    small = cv2.resize(labels, picture.shape[1::-1], interpolation=cv2.INTER_NEAREST)
    for label in np.unique(small[small > 0]):
        inside = np.pad((small == label).astype(np.uint8), 1)
        _, room, _, (x, y) = cv2.minMaxLoc(cv2.distanceTransform(inside, cv2.DIST_L2, 3))
        if room > size / 2:
            text = str(label)
            at = (x - 1 - width_of(text, size=size, weight=600) // 2, y - 1 + size // 3)
            write(picture, text, at, size=size, weight=600, colour=DARK)


def _colours(labels: NDArray[Any]) -> Pixels:
    """uint8 [H,W,3]."""
    if labels.dtype == np.uint8:  # ten times as fast
        return np.asarray(cv2.LUT(cv2.merge([labels] * 3), _palette()[None, :256]), np.uint8)
    return np.asarray(_palette()[labels])


@cache
def _palette() -> Pixels:
    """uint8 [65536, 3]; the first is black."""
    wheel = [colorsys.hsv_to_rgb((k * _TURN - 0.04) % 1, 0.55, 0.98) for k in range(256)]
    colours = np.tile(np.array(wheel) * 255, (_LABELS // 256, 1))
    colours[0] = 0
    return np.asarray(np.rint(colours), np.uint8)


@cache
def _font() -> Any:
    """OpenCV's own, which it carries along: the same on every machine."""
    return cv2.FontFace("sans")
