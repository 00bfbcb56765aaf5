"""A pixel's blend solved for: `frame = below (1 - a) + colour a`, the frame and what is below known."""

import cv2
import numpy as np
from numpy.typing import NDArray

from trt_anime.runtime.media.frames import Pixels

Plane = NDArray[np.float32]


def least_alpha(frame: Pixels, below: Pixels, slack: int) -> Pixels:
    """The least alpha with which a colour in 0..255 laid over `below` gives the frame, uint8 [H,W].

    Args:
        frame, below: uint8 [H,W,3] RGB.
        slack: levels by which the result may miss the frame, so that noise needs no alpha.
    """
    gap = cv2.absdiff(frame, below)
    if slack:
        gap = cv2.subtract(gap, np.full_like(frame, slack))
    span = below.copy()
    cv2.copyTo(cv2.bitwise_not(below), cv2.compare(frame, below, cv2.CMP_GE), span)
    return highest(np.asarray(cv2.divide(gap, span, scale=255), np.uint8))


def colour_over(frame: Pixels, below: Pixels, alpha: Pixels) -> Pixels:
    """The colour that gives the frame when it is laid over `below` with this alpha, clipped; uint8 [H,W,3].

    0 where alpha is 0.

    Args:
        frame, below: uint8 [H,W,3] RGB.
        alpha: uint8 [H,W].
    """
    step = cv2.divide(cv2.absdiff(frame, below), thrice(alpha), scale=255)
    colour = cv2.subtract(below, step)
    cv2.copyTo(cv2.add(below, step), cv2.compare(frame, below, cv2.CMP_GE), colour)
    return np.asarray(cv2.copyTo(colour, alpha), np.uint8)


def shown(picture: Pixels, mask: Pixels) -> Pixels:
    """A copy, 0 where the mask is: uint8 [H,W,C], uint8 [H,W]."""
    return np.asarray(cv2.copyTo(picture, mask), np.uint8)


def less(picture: Pixels, other: Pixels) -> Pixels:
    """`picture` less `other`, 0 where that is below 0; uint8, any one shape."""
    return np.asarray(cv2.subtract(picture, other), np.uint8)


def scaled(picture: Pixels, share: Pixels) -> Pixels:
    """`picture` times `share` over 255, rounded; uint8, any one shape."""
    return np.asarray(cv2.multiply(picture, share, scale=1 / 255), np.uint8)


def thrice(plane: Pixels) -> Pixels:
    """uint8 [H,W] -> [H,W,3]."""
    return np.asarray(cv2.cvtColor(plane, cv2.COLOR_GRAY2RGB), np.uint8)


def alpha_of(rgba: Pixels) -> Pixels:
    """uint8 [H,W,4] -> [H,W]; a new array."""
    return np.asarray(cv2.extractChannel(rgba, 3), np.uint8)


def colour_of(rgba: Pixels) -> Pixels:
    """uint8 [H,W,4] -> [H,W,3]; a new array."""
    return np.asarray(cv2.cvtColor(rgba, cv2.COLOR_RGBA2RGB), np.uint8)


def rgba_of(colour: Pixels, alpha: Pixels) -> Pixels:
    """uint8 [H,W,3] or [H,W,4] with this alpha, uint8 [H,W], in place of any; black where that is 0."""
    result = colour.copy() if colour.shape[2] == 4 else cv2.cvtColor(colour, cv2.COLOR_RGB2RGBA)
    cv2.insertChannel(alpha, result, 3)
    return np.asarray(cv2.copyTo(result, alpha), np.uint8)


def highest(picture: Pixels) -> Pixels:
    """The highest of the three channels, uint8 [H,W,3] -> [H,W]."""
    red, green, blue = cv2.split(picture)
    return np.asarray(cv2.max(cv2.max(red, green), blue), np.uint8)
