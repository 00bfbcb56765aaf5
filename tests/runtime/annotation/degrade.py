"""Known damage to a frame: uint8 [H,W,3] RGB in and out."""

from collections.abc import Callable
from functools import cache

import cv2
import numpy as np

from samples.scene import Scene, SceneOptions
from trt_anime.runtime.media.frames import Pixels

Damage = Callable[[Pixels], Pixels]

WIDTH, HEIGHT = 640, 360


@cache
def scene() -> Scene:
    return Scene(SceneOptions(seed=7, width=WIDTH, height=HEIGHT, frames=96))


@cache
def frame(index: int) -> Pixels:
    """20: a pan in daylight; 50: two people; 80: magic at night."""
    return scene().render(index).frame


def blur(sigma: float) -> Damage:
    return lambda rgb: np.asarray(cv2.GaussianBlur(rgb, (0, 0), sigma), np.uint8)


def grain(sigma: float) -> Damage:
    def apply(rgb: Pixels) -> Pixels:
        noise = np.random.default_rng(1).normal(0, sigma, rgb.shape[:2])[..., None]
        return np.clip(np.rint(rgb + noise), 0, 255).astype(np.uint8)

    return apply


def jpeg(quality: int) -> Damage:
    def apply(rgb: Pixels) -> Pixels:
        _, data = cv2.imencode(".jpg", rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
        bgr = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
        return np.ascontiguousarray(bgr[..., ::-1])

    return apply


def gamma(power: float) -> Damage:
    return lambda rgb: np.rint(255 * (rgb / 255.0) ** power).astype(np.uint8)


def tinted(red: float, green: float, blue: float) -> Damage:
    """Shades of one tint of the luma; (1, 1, 1) is grey."""

    def apply(rgb: Pixels) -> Pixels:
        luma = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)[..., None]
        return np.asarray(np.rint(luma * np.array([red, green, blue])), np.uint8)

    return apply


def lines(rgb: Pixels) -> Pixels:
    """Ink on paper where the frame has hard edges."""
    luma = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    step = cv2.morphologyEx(luma, cv2.MORPH_GRADIENT, np.ones((2, 2), np.uint8))
    return np.repeat(np.where(step > 40, 20, 250).astype(np.uint8)[..., None], 3, axis=2)
