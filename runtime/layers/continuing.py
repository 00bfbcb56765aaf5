"""An effect where it lies over a character: nobody knows the character without it, so it is continued.

Two things tell. The effect around the character goes on over it, as smoothly as can be. And thin light
(rays, sparks, drawn circles) stands out against the character's flat colours in the hue that it has beside
the character. Neither takes off more than there is.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from trt_anime.runtime.layers.residual import COARSE, Box, Change, coarse_box, enlarged, levels, ramp
from trt_anime.runtime.layers.solving import Plane, alpha_of, colour_of, less, rgba_of, scaled, thrice
from trt_anime.runtime.media.frames import Pixels

SPREADS = (1, 2, 4, 8, 16)  # sigmas, in coarse pixels, of the surroundings that are looked to for more
FAMILIAR = 0.03, 0.2  # share of the surroundings that is known: too little, enough
WARM = 170  # heat from which on an effect is whole over a character
THIN = 0.02  # of the frame's height: widest light that counts as a line
DARK = 0.07  # and the surroundings whose darkest place bounds light that lies over all of it
LINE_LEAST, LINE_SURE = 0.3, 0.6  # of the usual strength beside the character
GREY = 0.15  # least share of any channel in the hue: below, noise would decide
WHITE = 250  # levels from which on a channel may have been clipped
SAMPLED = 6  # pixels to one, where only the kind of light matters
LEVELS = np.arange(256, dtype=np.float32)


def light_over(
    frame: Pixels, around: Change, warmth: Pixels, bounds: tuple[Pixels, Pixels], place: Box, rows: int
) -> tuple[Pixels, Pixels]:
    """Light over a character, and the frame without it, both uint8 [h,w,3].

    Where a channel is clipped at white, light may be more than the frame shows; then both together still
    give white.

    Args:
        frame: uint8 [h,w,3], of this place.
        warmth: uint8 [h,w], how much of an effect there is.
        bounds: uint8 [h,w,3] each: the least and the most light that the frame shows, see `light_within`.
        place: rows and columns within the box of `around`, from multiples of 4 on.
        rows: of the whole frame.
    """
    size, weight = (frame.shape[1], frame.shape[0]), thrice(warmth)
    mean = _continued(np.maximum(around.mean, 0), around.known)[coarse_box(place)]
    glow = scaled(np.minimum(enlarged(levels(mean), size), _darkest(frame, rows)), weight)
    line, line_seen = (scaled(light, weight) for light in _lines(frame, around, rows))
    seen = cv2.min(cv2.max(cv2.add(glow, line_seen), bounds[0]), bounds[1])
    clipped = cv2.threshold(frame, WHITE - 1, 255, cv2.THRESH_BINARY)[1]
    light = cv2.max(seen, cv2.bitwise_and(cv2.add(glow, line), clipped))
    return np.asarray(light, np.uint8), less(frame, np.asarray(seen, np.uint8))


def light_within(frame: Pixels, plate: Pixels, alpha: Pixels, slack: int) -> tuple[Pixels, Pixels]:
    """The least and the most light that can lie over a character, uint8 [h,w,3] each.

    `frame = plate (1 - a) + colour a + light`, and a colour is somewhere in 0..255: so the thinner the
    character is, the better its light is known.

    Args:
        frame, plate: uint8 [h,w,3] RGB.
        alpha: uint8 [h,w], the character's.
        slack: levels that noise may make, and that need no light.
    """
    most = less(frame, scaled(plate, thrice(np.asarray(cv2.bitwise_not(alpha), np.uint8))))
    return less(most, thrice(np.asarray(cv2.add(alpha, np.full_like(alpha, slack)), np.uint8))), most


def cover_over(
    frame: Pixels, layer: Pixels, known: Pixels, warmth: Pixels, place: Box
) -> tuple[Pixels, Pixels, Pixels]:
    """What covers a character: its colour, uint8 [h,w,3], its alpha, [h,w], and the frame without, [h,w,3].

    Args:
        frame: uint8 [h,w,3], of this place.
        layer: uint8 [H,W,4] RGBA, solved all around, where `known`, uint8 [H,W], is 255; there 0 elsewhere.
        warmth, place: as in `light_over`, the place being within `layer`.
    """
    height, width = known.shape
    small = -(-width // COARSE), -(-height // COARSE)
    own = rgba_of(scaled(colour_of(layer), thrice(alpha_of(layer))), alpha_of(layer))
    sums, share = (
        cv2.resize(plane, small, interpolation=cv2.INTER_AREA).astype(np.float32) for plane in (own, known)
    )
    share /= 255
    mean = _continued(np.asarray(sums / np.maximum(share, 0.05)[..., None], np.float32), share)
    cover = enlarged(levels(mean[coarse_box(place)]), (frame.shape[1], frame.shape[0]))
    paint, alpha = colour_of(cover), alpha_of(cover)
    weight = np.minimum(warmth, _most(frame, paint, thrice(alpha)))
    paint, alpha = scaled(paint, thrice(weight)), scaled(alpha, weight)
    rest = cv2.divide(less(frame, paint), thrice(~alpha), scale=255)
    colour = cv2.divide(paint, thrice(alpha), scale=255)
    return np.asarray(colour, np.uint8), alpha, np.asarray(rest, np.uint8)


def warmth_of(heat: Pixels, reach: Pixels, rows: int) -> Pixels:
    """uint8 [h,w]: how much of an effect there is over a character, as the heat has it."""
    soft = np.asarray(cv2.blur(heat, (2 * round(rows / 90) + 1,) * 2), np.uint8)
    return scaled(np.asarray(cv2.LUT(soft, levels(255 * ramp(LEVELS, 0, WARM))), np.uint8), reach)


def _continued(values: Plane, known: Plane) -> Plane:
    """Fill what is not known from the narrowest surroundings in which enough is."""
    result, missing = np.zeros_like(values), np.ones_like(known)
    weighted = values * known[..., None]
    for sigma in SPREADS:
        side = round(2.45 * sigma) * 2 - 1
        share = cv2.stackBlur(known, (side, side))
        here = missing * ramp(np.asarray(share), *FAMILIAR)
        part = here / np.maximum(share, 1e-4)
        result += part[..., None] * cv2.stackBlur(weighted, (side, side))
        missing -= here
    return result


def _most(frame: Pixels, paint: Pixels, alpha: Pixels) -> Pixels:
    """How much of a cover can be there at the most, uint8 [h,w]: under it, colours are in 0..255."""
    dark = cv2.divide(frame, cv2.max(paint, np.ones_like(paint)), scale=255)
    rest = cv2.max(less(alpha, paint), np.ones_like(paint))
    bright = cv2.divide(cv2.bitwise_not(frame), rest, scale=255)
    red, green, blue = cv2.split(cv2.min(dark, bright))
    return np.asarray(cv2.min(cv2.min(red, green), blue), np.uint8)


def _darkest(frame: Pixels, rows: int) -> Pixels:
    """Light that lies over all of a neighbourhood is no brighter than its darkest place."""
    size = frame.shape[1], frame.shape[0]
    small = cv2.resize(frame, (-(-size[0] // COARSE), -(-size[1] // COARSE)), interpolation=cv2.INTER_AREA)
    side = round(DARK * rows / COARSE) | 1
    dark = cv2.blur(cv2.erode(small, np.ones((side, side), np.uint8)), (side, side))
    return np.minimum(enlarged(np.asarray(dark, np.uint8), size), frame)


def _lines(frame: Pixels, around: Change, rows: int) -> tuple[Pixels, Pixels]:
    """Thin light in the hue of the light around, and what of it the frame shows, uint8 [h,w,3]."""
    hue, usual = _hue(around)
    if not usual:
        return np.zeros_like(frame), np.zeros_like(frame)
    side = round(THIN * rows) | 1
    ground = cv2.morphologyEx(frame, cv2.MORPH_OPEN, np.ones((side, side), np.uint8))
    rise = less(frame, np.asarray(ground, np.uint8))
    white = np.asarray(cv2.inRange(frame, (WHITE,) * 3, (255,) * 3), np.uint8)
    clipped = np.asarray(cv2.threshold(frame, WHITE - 1, 255, cv2.THRESH_BINARY)[1], np.uint8)
    counted = levels(LEVELS[:, None] / np.maximum(hue, GREY)).reshape(256, 1, 3)
    each = cv2.max(cv2.LUT(rise, counted), less(clipped, thrice(white)))
    red, green, blue = cv2.split(each)
    strength = cv2.min(cv2.min(red, green), blue)
    sure = LEVELS * ramp(LEVELS, LINE_LEAST * usual, LINE_SURE * usual)
    line = np.asarray(
        cv2.LUT(thrice(np.asarray(strength, np.uint8)), levels(sure[:, None] * hue).reshape(256, 1, 3))
    )
    seen = np.minimum(line, rise)
    whole = seen.copy()
    cv2.copyTo(line, clipped, whole)
    return whole, seen


def _hue(around: Change) -> tuple[NDArray[np.float32], float]:
    """Share of each channel in strong light beside the character, the highest 1, and its usual strength."""
    light = around.brighter[::SAMPLED, ::SAMPLED].reshape(-1, 3)
    strength = light.max(axis=1)
    strong = strength[strength > max(8, 6 * around.noise.sigmas[0])]
    if strong.size < 50:
        return np.ones(3, np.float32), 0.0
    level = float(np.quantile(strong, 0.7))
    hue = light[strength >= level].mean(axis=0)
    return np.asarray(hue / hue.max(), np.float32), float(np.median(strong[strong >= level]))
