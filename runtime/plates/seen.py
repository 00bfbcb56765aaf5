"""What a shot gives to its plate: fresh frames, and what hides the background in them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from trt_anime.runtime.media.frames import Pixels

Matrix = NDArray[np.float64]
Floats = NDArray[np.float32]

HIDES_FROM = 3
"""Of 255. What hides less changes a colour by less than the noise of a clip."""


@dataclass(frozen=True)
class Seen:
    """A fresh frame.

    Attributes:
        index: zero-based, of the clip.
        rgb: uint8 [H,W,3], RGB.
        hidden: uint8 [H,W], 0 where all of the background shows, 255 where none: character or effect.
        covered: uint8 [H,W], 255 where another sheet of the background covers the one in question; None
            where it is the only one.
        figures: uint8 [H,W], how much of the background characters alone hide; None where nothing of what
            is hidden is light.
    """

    index: int
    rgb: Pixels
    hidden: Pixels
    covered: Pixels | None = None
    figures: Pixels | None = None

    @property
    def lit(self) -> Pixels | None:
        """uint8 [H,W]: 255 where light hides the background and nothing else does; None: nowhere."""
        if self.figures is None:
            return None
        return np.asarray(cv2.bitwise_and(visible(self.figures), hiding(self.hidden)), np.uint8)


Frames = Callable[[], Iterator[Seen]]
"""Gives a shot's fresh frames, ascending, from the first one again at each call."""


def margin(height: int) -> int:
    """How many pixels around what hides the background are not trusted: blurred edges, codec noise."""
    return 2 + round(height / 540)


def margin_disc(height: int) -> Pixels:
    """What to widen by the margin with."""
    side = 2 * margin(height) + 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)), np.uint8)


def hiding(hidden: Pixels) -> Pixels:
    """uint8 [H,W]: 255 where something hides the background, without a margin."""
    return np.asarray(cv2.threshold(hidden, HIDES_FROM - 1, 255, cv2.THRESH_BINARY)[1], np.uint8)


def visible(hidden: Pixels) -> Pixels:
    """uint8 [H,W]: 255 where the background shows and can be trusted, else 0."""
    return np.asarray(255 - cv2.dilate(hiding(hidden), margin_disc(hidden.shape[0])), np.uint8)


def shown(seen: Seen) -> Pixels:
    """uint8 [H,W]: 255 where the sheet in question shows and can be trusted, else 0."""
    open_ = visible(seen.hidden)
    return open_ if seen.covered is None else np.asarray(cv2.subtract(open_, seen.covered), np.uint8)
