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
    miss = np.full_like(frame, slack)
    brighter = less(less(frame, below), miss)
    darker = less(less(below, frame), miss)
    up = cv2.divide(brighter, cv2.bitwise_not(below), scale=255)
    down = cv2.divide(darker, below, scale=255)
    return highest(np.asarray(cv2.max(up, down), np.uint8))


def colour_over(frame: Pixels, below: Pixels, alpha: Pixels) -> Pixels:
    """The colour that gives the frame when it is laid over `below` with this alpha, clipped; uint8 [H,W,3].

    0 where alpha is 0.

    Args:
        frame, below: uint8 [H,W,3] RGB.
        alpha: uint8 [H,W].
    """
    weight = cv2.cvtColor(alpha, cv2.COLOR_GRAY2RGB)
    through = cv2.multiply(below, cv2.bitwise_not(weight), scale=1 / 255, dtype=cv2.CV_32F)
    own = cv2.subtract(frame, through, dtype=cv2.CV_32F)
    opacity = np.maximum(weight, 1).astype(np.float32)
    colour = cv2.divide(own, opacity, scale=255)
    result = np.rint(np.clip(colour, 0, 255)).astype(np.uint8)
    result[alpha == 0] = 0
    return result


def less(picture: Pixels, other: Pixels) -> Pixels:
    """`picture` less `other`, 0 where that is below 0; uint8, any one shape."""
    return np.asarray(cv2.subtract(picture, other), np.uint8)


def thrice(plane: Pixels) -> Pixels:
    """uint8 [H,W] -> [H,W,3]."""
    return np.asarray(cv2.cvtColor(plane, cv2.COLOR_GRAY2RGB), np.uint8)


def alpha_of(rgba: Pixels) -> Pixels:
    """uint8 [H,W,4] -> [H,W]; a new array."""
    return np.asarray(cv2.extractChannel(rgba, 3), np.uint8)


def with_alpha(rgba: Pixels, alpha: Pixels) -> Pixels:
    """A copy of a layer with this alpha, uint8 [H,W]; without colour where it has none."""
    result = rgba.copy()
    cv2.insertChannel(alpha, result, 3)
    result[alpha == 0] = 0
    return result


def highest(picture: Pixels) -> Pixels:
    """The highest of the three channels, uint8 [H,W,3] -> [H,W]."""
    red, green, blue = cv2.split(picture)
    return np.asarray(cv2.max(cv2.max(red, green), blue), np.uint8)
