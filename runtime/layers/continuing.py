"""An effect where it lies over a character: nobody knows the character without it, so it is continued.

Two things tell. The effect around the character goes on over it, as smoothly as can be. And thin light
(rays, sparks, drawn circles) stands out against the character's flat colours in the hue that it has beside
the character. Neither takes off more than there is.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from trt_anime.runtime.layers.residual import COARSE, Change, enlarged, ramp
from trt_anime.runtime.layers.solving import Plane
from trt_anime.runtime.media.frames import Pixels

SPREADS = (1, 2, 4, 8, 16)  # sigmas, in coarse pixels, of the surroundings that are looked to for more
FAMILIAR = 0.03, 0.2  # share of the surroundings that is known: too little, enough
WARM = 170  # heat from which on an effect is whole over a character
THIN = 0.02  # of the frame's height: widest light that counts as a line
DARK = 0.07  # and the surroundings whose darkest place bounds light that lies over all of it
LINE_LEAST, LINE_SURE = 0.3, 0.6  # of the usual strength beside the character
GREY = 0.15  # least share of any channel in the hue: below, noise would decide
WHITE = 250  # levels from which on a channel may have been clipped


def light_over(frame: Pixels, around: Change, warmth: Plane, rows: int) -> tuple[Pixels, Pixels]:
    """Light over a character, and the frame without it; both uint8 [h,w,3] and for all of the box.

    Where a channel is clipped at white, light may be more than the frame shows; then both together still
    give white.

    Args:
        frame: uint8 [h,w,3], the box of `around`.
        warmth: float32 [h,w], 0..1, how much of an effect the heat says is there.
        rows: of the whole frame.
    """
    size = frame.shape[1], frame.shape[0]
    glow = enlarged(np.clip(_continued(np.maximum(around.mean, 0), around.known), 0, 255), size)
    glow = np.minimum(glow, _darkest(frame, rows))
    line, seen_line = _lines(frame, around, rows)
    weight = warmth[..., None]
    glow_light = glow * weight
    light = np.rint(np.minimum(glow_light + line * weight, 255)).astype(np.uint8)
    gone = np.rint(glow_light + seen_line * weight).astype(np.uint8)
    return light, np.asarray(cv2.subtract(frame, gone), np.uint8)


def cover_over(frame: Pixels, alpha: Pixels, colour: Pixels, known: Pixels, warmth: Plane) -> Plane:
    """What covers a character, float32 [h,w,4], premultiplied colour 0..255 and alpha 0..1, for the box.

    Args:
        frame: uint8 [h,w,3].
        alpha, colour: uint8 [h,w], [h,w,3], solved where `known` is 255.
        warmth: as in `light_over`.
    """
    height, width = alpha.shape
    small = -(-width // COARSE), -(-height // COARSE)
    seen = (known == 255).astype(np.float32)
    opacity = alpha * (seen / 255)
    layer = np.dstack([colour * opacity[..., None], opacity])
    layer, share = (cv2.resize(x, small, interpolation=cv2.INTER_AREA) for x in (layer, seen))
    mean = _continued(np.asarray(layer / np.maximum(share, 0.05)[..., None], np.float32), np.asarray(share))
    large = cv2.resize(mean, (small[0] * COARSE, small[1] * COARSE), interpolation=cv2.INTER_LINEAR)
    cover = large[:height, :width] * warmth[..., None]
    own, rest = cover[..., :3], 255 * cover[..., 3:] - cover[..., :3]
    most = np.minimum(frame / np.maximum(own, 1e-3), (255.0 - frame) / np.maximum(rest, 1e-3)).min(axis=2)
    return np.asarray(cover * np.minimum(most, 1)[..., None], np.float32)


def warmth_of(heat: Pixels, reach: Pixels, rows: int) -> Plane:
    """float32 [h,w], 0..1: how much of an effect there is over a character, as the heat has it."""
    soft = cv2.blur(heat, (2 * round(rows / 90) + 1,) * 2)
    return np.asarray(
        ramp(np.asarray(soft, np.float32), 0, WARM) * (reach * np.float32(1 / 255)), np.float32
    )


def _continued(values: Plane, known: Plane) -> Plane:
    """Fill what is not known from the narrowest surroundings in which enough is."""
    result, missing = np.zeros_like(values), np.ones_like(known)
    weighted = values * known[..., None]
    for sigma in SPREADS:
        share = cv2.GaussianBlur(known, (0, 0), sigma)
        here = missing * ramp(np.asarray(share), *FAMILIAR)
        mean = cv2.GaussianBlur(weighted, (0, 0), sigma) / np.maximum(share, 1e-4)[..., None]
        result += here[..., None] * mean
        missing -= here
    return result


def _darkest(frame: Pixels, rows: int) -> Pixels:
    """Light that lies over all of a neighbourhood is no brighter than its darkest place."""
    small = cv2.resize(frame, None, fx=1 / COARSE, fy=1 / COARSE, interpolation=cv2.INTER_AREA)
    side = round(DARK * rows / COARSE) | 1
    dark = cv2.blur(cv2.erode(small, np.ones((side, side), np.uint8)), (side, side))
    size = frame.shape[1], frame.shape[0]
    large = np.asarray(cv2.resize(dark, size, interpolation=cv2.INTER_LINEAR), np.uint8)
    return np.minimum(large, frame)


def _lines(frame: Pixels, around: Change, rows: int) -> tuple[Plane, Plane]:
    """Thin light in the hue of the light around, and what of it the frame shows, float32 [h,w,3]."""
    hue, usual = _hue(around)
    nothing = np.zeros(frame.shape, np.float32)
    if not usual:
        return nothing, nothing
    side = round(THIN * rows) | 1
    ground = cv2.morphologyEx(frame, cv2.MORPH_OPEN, np.ones((side, side), np.uint8))
    rise = cv2.subtract(frame, ground)
    clipped = (frame >= WHITE) & (frame.min(axis=2, keepdims=True) < WHITE)
    strength = np.where(clipped, np.float32(255), rise / np.maximum(hue, GREY)).min(axis=2)
    strength *= ramp(strength, LINE_LEAST * usual, LINE_SURE * usual)
    line = strength[..., None] * hue
    seen = np.minimum(line, rise)
    return np.asarray(np.where(frame >= WHITE, line, seen), np.float32), np.asarray(seen, np.float32)


def _hue(around: Change) -> tuple[NDArray[np.float32], float]:
    """Share of each channel in strong light beside the character, the highest 1, and its usual strength."""
    light = around.brighter[::2, ::2].reshape(-1, 3)
    strength = light.max(axis=1)
    strong = strength[strength > max(8, 6 * around.noise.sigma)]
    if strong.size < 50:
        return np.ones(3, np.float32), 0.0
    level = float(np.quantile(strong, 0.7))
    hue = light[strength >= level].mean(axis=0)
    return np.asarray(hue / hue.max(), np.float32), float(np.median(strong[strong >= level]))
