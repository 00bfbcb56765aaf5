"""What a character looks like, as a vector: by colours where there is no network for it."""

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from trt_anime.runtime.characters.found import Frame, Runner
from trt_anime.runtime.characters.planes import Shape, box_of

Look = NDArray[np.float32]  # [D], of length 1
Describer = Callable[[Frame, Shape], Look]
"""Of a character in a frame: uint8 [H,W,3] and where it is, uint8 [H,W], 0 or 1, with a pixel at least."""

TALL = 96  # pixels that a character is reduced to
BINS = (6, 8, 8)  # lightness, green to red, blue to yellow
VIVID = (78, 177)  # of Lab's colour axes, as OpenCV has them, 128 for grey: what is beyond counts as there
THIRDS = (0.5, 0.3, 0.2)  # what head, body and legs count for; hair tells most
GROUND = 124  # grey around a character that a network looks at


def colour_layout(frame: Frame, shape: Shape) -> Look:
    """How often which colour is in the upper, middle and lower third of a character; float32 [1152].

    Histograms over CIE Lab, smoothed so that a colour near a bin's border is in both; square roots, so that
    the product of two vectors is their Bhattacharyya coefficient, 0..1.
    """
    picture, inside = _cut(frame, shape, TALL)
    lab = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2LAB), np.uint8)
    lab[..., 1:] = np.clip(lab[..., 1:], *VIVID)
    edges = np.linspace(0, picture.shape[0], len(THIRDS) + 1).round().astype(int)
    ranges = [0, 256, *(VIVID[0], VIVID[1] + 1) * 2]
    found = []
    for weight, start, stop in zip(THIRDS, edges[:-1], edges[1:], strict=True):
        part, where = (np.ascontiguousarray(plane[start:stop]) for plane in (lab, inside))
        counted = cv2.calcHist([part], [0, 1, 2], where, BINS, ranges)
        histogram = _smoothed(np.asarray(counted, np.float32))
        total = float(histogram.sum())
        found.append(histogram.ravel() * (weight / total if total else 0.0))
    return unit(np.sqrt(np.concatenate(found)))


class EmbeddedLook:
    """What a network of the stage `embed`, such as DINOv2 or CLIP, says of a character alone.

    Args:
        runner: takes ``frame`` uint8 [1,side,side,3] and gives ``embedding`` [1,D].
        side: pixels of the square that is shown.
    """

    def __init__(self, runner: Runner, *, side: int = 224) -> None:
        self._runner, self._side = runner, side

    def __call__(self, frame: Frame, shape: Shape) -> Look:
        """Float32 [D] of length 1. Raises EngineError: the network failed."""
        picture, inside = _cut(frame, shape, self._side)
        side = self._side
        canvas = np.full((side, side, 3), GROUND, np.uint8)
        scale = side / max(picture.shape[:2])
        size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
        shown = np.where(inside[..., None] > 0, picture, GROUND).astype(np.uint8)
        left, top = (side - size[0]) // 2, (side - size[1]) // 2
        canvas[top : top + size[1], left : left + size[0]] = cv2.resize(
            shown, size, interpolation=cv2.INTER_AREA
        )
        return unit(np.asarray(self._runner({"frame": canvas[None]})["embedding"][0], np.float32))


def likeness(one: Look, other: Look) -> float:
    """The cosine of two looks: 1 is equal."""
    return float(one @ other)


def unit(vector: NDArray[Any]) -> Look:
    """Of length 1, or all 0."""
    length = float(np.linalg.norm(vector))
    return np.asarray(vector / length if length else vector, np.float32)


def _cut(frame: Frame, shape: Shape, tall: int) -> tuple[Frame, Shape]:
    """The character's box of the frame and of its shape, 0 or 255, at most `tall` pixels a side."""
    box = box_of(shape)
    if box is None:
        raise ValueError("a character without a pixel looks like nothing")
    left, top, right, bottom = box
    scale = min(1.0, tall / max(bottom - top, right - left))
    size = (max(1, round((right - left) * scale)), max(1, round((bottom - top) * scale)))
    picture = cv2.resize(frame[top:bottom, left:right], size, interpolation=cv2.INTER_AREA)
    cover = cv2.resize(shape[top:bottom, left:right] * 255, size, interpolation=cv2.INTER_AREA)
    # Pixels of the border have the background's colours in them.
    inside = np.where(cover >= min(250, int(cover.max())), 255, 0).astype(np.uint8)
    return np.asarray(picture, np.uint8), inside


def _smoothed(histogram: NDArray[np.float32]) -> NDArray[np.float32]:
    """Each bin gives a quarter of itself to both neighbours, along every axis."""
    for axis in range(histogram.ndim):
        padded = np.pad(
            histogram, [(1, 1) if each == axis else (0, 0) for each in range(histogram.ndim)], "edge"
        )
        low, high = (np.take(padded, range(start, start + histogram.shape[axis]), axis) for start in (0, 2))
        histogram = 0.5 * histogram + 0.25 * (low + high)
    return histogram
