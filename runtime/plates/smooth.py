"""Holes closed with the colours around them, without detail."""

import cv2
import numpy as np
from numpy.typing import NDArray

from trt_anime.runtime.media.frames import Pixels
from trt_anime.runtime.plates.seen import Floats


def smoothly_filled(picture: Floats, known: Floats) -> Floats:
    """Each hole continues its surroundings, smoothly: pull and push over a pyramid.

    Args:
        picture: float32 [h,w,C].
        known: float32 [h,w], 0..1, how well each pixel is known; at 1 the pixel is left unchanged.
    """
    share = known[..., None]
    if min(picture.shape[:2]) <= 2 or known.min() >= 1:
        mean = (picture * share).sum((0, 1)) / max(float(known.sum()), 1e-6)
        return np.asarray(picture * share + mean * (1 - share), np.float32)
    total = cv2.pyrDown(picture * share).reshape(-1, (picture.shape[1] + 1) // 2, picture.shape[2])
    weight = cv2.pyrDown(known)
    below = total / np.maximum(weight, 1e-6)[..., None]
    coarse = smoothly_filled(np.asarray(below, np.float32), np.minimum(weight * 4, 1).astype(np.float32))
    up = cv2.resize(coarse, picture.shape[1::-1], interpolation=cv2.INTER_LINEAR).reshape(picture.shape)
    return np.asarray(picture * share + up * (1 - share), np.float32)


def plainly_filled(canvas: Pixels, hole: NDArray[np.bool_]) -> Pixels:
    """uint8 [h,w,3]: the canvas, and in its holes, bool [h,w], what is around them."""
    if not hole.any():
        return canvas
    plain = smoothly_filled(canvas.astype(np.float32), (~hole).astype(np.float32))
    return np.where(hole[..., None], np.clip(np.rint(plain), 0, 255).astype(np.uint8), canvas)
