"""What networks might have answered, where none computes: two figures that sway, and a light beside them.

So that who works on answers has as much to do as with real ones. All is made for 1080p frames in a few
milliseconds, and of no worth as a result.
"""

import math
from functools import lru_cache

import cv2
import numpy as np

from trt_anime.runtime.media.frames import Pixels

# Of the frame: where each stands, how high, how far it sways to either side.
_PLACES = ((0.34, 0.86), (0.71, 0.62))
_SWAY = 0.03
_PERIOD = 48  # frames of a sway
_GLOW = 0.22  # of the frame's height, its radius
_INVENTED = 32  # columns that an invented background has


def alpha_of(number: int, size: tuple[int, int]) -> Pixels:
    """uint8 [H,W]: the figures in the picture of this number; size: (height, width)."""
    alpha = np.zeros(size, np.uint8)
    for left, top, sprite in _placed(number, size):
        there = alpha[top:, left : left + sprite.shape[1]]
        np.maximum(there, sprite, out=there)
    return alpha


def layer_of(frames: Pixels, out: Pixels, number: int) -> None:
    """Into `out`, uint8 [B,H,W,4]: what the figures show of frames uint8 [B,H,W,3]."""
    for place, (frame, rgba) in enumerate(zip(frames, out, strict=True)):
        alpha = alpha_of(number + place, (frame.shape[0], frame.shape[1]))
        cut = cv2.copyTo(frame, alpha)
        cv2.mixChannels([cut, alpha], [rgba], [0, 0, 1, 1, 2, 2, 3, 3])


def glow_of(number: int, size: tuple[int, int]) -> Pixels:
    """uint8 [H,W]: a soft light, as coarse as networks see it."""
    height, width = size
    glow = _glow(height)
    side = glow.shape[0]
    left = min(round(width * (0.5 + _sway(number))) - side // 2, width - side)
    heat = np.zeros(size, np.uint8)
    there = heat[:side, max(left, 0) : max(left, 0) + side]
    there[...] = glow[: there.shape[0], : there.shape[1]]
    return heat


def invented(picture: Pixels) -> Pixels:
    """uint8 [h,w,3]: the picture, so blurred that it would do for what nobody has seen."""
    height, width = picture.shape[:2]
    few = (_INVENTED, max(1, _INVENTED * height // max(width, 1)))
    small = cv2.resize(picture, few, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def _sway(number: int) -> float:
    return _SWAY * math.sin(2 * math.pi * number / _PERIOD)


def _placed(number: int, size: tuple[int, int]) -> list[tuple[int, int, Pixels]]:
    height, width = size
    found = []
    for turn, (place, tall) in enumerate(_PLACES):
        sprite = _sprite(max(round(tall * height), 8))
        high, wide = sprite.shape
        left = round(width * (place + _sway(number + turn * _PERIOD // 3))) - wide // 2
        left = min(max(left, 0), max(width - wide, 0))
        found.append((left, max(height - high, 0), sprite[:height, : width - left]))
    return found


@lru_cache(maxsize=8)
def _sprite(height: int) -> Pixels:
    """uint8 [height, about half of it]: head, hair, shoulders and a long coat, with a soft outline."""
    wide = max(height // 2, 4)
    shape = np.zeros((height, wide), np.uint8)
    middle, head = wide // 2, max(round(0.11 * height), 2)

    def at(x: float, y: float) -> tuple[int, int]:
        return round(middle + x * wide), round(y * height)

    cv2.ellipse(shape, at(0, 0.13), (head, round(1.1 * head)), 0, 0, 360, 255, -1, cv2.LINE_AA)
    coat = np.array([at(-0.2, 0.3), at(0.2, 0.3), at(0.38, 1.0), at(-0.38, 1.0)], np.int32)
    cv2.fillPoly(shape, [coat], 255, cv2.LINE_AA)
    cv2.ellipse(
        shape, at(0, 0.31), (round(0.3 * wide), round(0.07 * height)), 0, 0, 360, 255, -1, cv2.LINE_AA
    )
    for strand in range(9):
        x = 0.05 * (strand - 4)
        cv2.line(shape, at(x, 0.06), at(1.7 * x, 0.36), 255, max(height // 240, 1), cv2.LINE_AA)
    soft = max(height / 400, 0.6)
    return np.asarray(cv2.GaussianBlur(shape, (0, 0), soft), np.uint8)


@lru_cache(maxsize=4)
def _glow(height: int) -> Pixels:
    side = max(round(2 * _GLOW * height), 2)
    away = np.linspace(-1, 1, side, dtype=np.float32)
    strength = np.clip(1 - np.hypot(away[:, None], away[None]), 0, 1) ** 0.7
    return np.asarray(np.rint(255 * strength), np.uint8)


class Walk:
    """The answers of one run, for a `NullDevice`: its pictures are numbered as they come."""

    def __init__(self) -> None:
        self._number = 0

    def __call__(self, given: Pixels, out: Pixels) -> None:
        """Fill `out`, uint8 [B,H,W,4], by frames uint8 [B,H,W,3]; anything else is left as it is."""
        if given.shape[-1:] == (3,) and out.shape == (*given.shape[:-1], 4):
            layer_of(given, out, self._number)
            self._number += len(given)
