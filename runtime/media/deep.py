"""Layers with the source's full depth."""

import cv2
import numpy as np

from trt_anime.runtime.media.frames import DeepPixels, Pixels

# 255 * 257 is 65535; one step of 8 bits is 257 of 16.
_STEP = 257


def deepened(rgba: Pixels, deep: DeepPixels | None) -> DeepPixels:
    """A layer in 16 bits, with colours taken from the source where the layer shows it unchanged.

    The stages work in 8 bits. Where all three of a layer's colours are within one step of the source's
    (its 8-bit copy may be rounded, cut off or dithered), it shows the source, and gets its finer colours.
    Elsewhere (edges whose foreground colour was estimated, painted background) it keeps its 8 bits.

    Args:
        rgba: uint8 [height, width, 4], 0..255, straight alpha.
        deep: the source frame, uint16 [height, width, 3] RGB, 0..65535; None where it has no more than
            8 bits.

    Returns:
        uint16 [height, width, 4], 0..65535, RGBA, straight alpha, contiguous.
    """
    wide = rgba.astype(np.uint16)
    wide *= np.uint16(_STEP)
    if deep is None:
        return wide
    height, width, _ = rgba.shape
    colours = cv2.cvtColor(wide, cv2.COLOR_RGBA2RGB)
    unchanged = cv2.inRange(cv2.absdiff(colours, deep), (0, 0, 0), (_STEP,) * 3)
    cv2.copyTo(deep, unchanged, colours)
    cv2.mixChannels([colours], [wide], [0, 0, 1, 1, 2, 2])
    return wide.reshape(height, width, 4)
