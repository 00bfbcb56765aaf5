"""An effect layer solved for against the plate, instead of cut out of the frame."""

from dataclasses import dataclass

import cv2
import numpy as np

from trt_anime.runtime.layers.blends import blend_of, observed
from trt_anime.runtime.layers.continuing import WHITE, cover_over, light_over, light_within, warmth_of
from trt_anime.runtime.layers.residual import SLACK, Box, Change, box_in, change
from trt_anime.runtime.layers.solving import (
    Plane,
    alpha_of,
    colour_over,
    highest,
    least_alpha,
    less,
    rgba_of,
    scaled,
    shown,
    thrice,
)
from trt_anime.runtime.media.frames import Pixels
from trt_anime.runtime.results.layers import Blend

WINDOW = 7  # samples a side in which an effect counts as even
SAMPLES = 180  # rows of samples in a frame's height
EVEN = 50.0  # levels squared: texture of the plate from which on it tells how much covers it
UNEXPLAINED = 4.0  # weight of what an even effect over the plate does not explain


@dataclass(frozen=True, eq=False)
class Effect:
    """An effect of one frame.

    Attributes:
        rgba: uint8 [H,W,4], straight alpha, black and clear where there is nothing.
        blend: how it is to be laid on what is below.
        rest: uint8 [H,W,3], the frame without it: what the characters' colours are to be taken from.
    """

    rgba: Pixels
    blend: Blend
    rest: Pixels


def solved(
    frame: Pixels, plate: Pixels, heat: Pixels, character: Pixels | None = None, blend: Blend | None = None
) -> Effect:
    """Solve for the layer that laid on the plate, or on a character before it, gives the frame.

    Laid on `rest` it gives the frame up to noise: what is not clearly more than noise stays out of it. It
    may reach beyond its heat by 5 % of the frame's height, and fades over 7 % more. Where a character is,
    the effect around it is continued, as nobody knows the character without the light.

    Args:
        frame: uint8 [H,W,3] RGB.
        plate: the same, as this frame shows it.
        heat: uint8 [H,W], where the effect may be; 0 says that it is not there.
        character: uint8 [H,W,4]; only alpha counts. None: there is none.
        blend: None: decided by this frame alone; decide for a shot with `blends.blend_of`.
    """
    rgba, rest = np.zeros((*heat.shape, 4), np.uint8), frame.copy()
    if blend is None:
        blend = blend_of([observed(frame, plate, heat, character)])
    if not heat.any():
        return Effect(rgba, blend, rest)
    alpha = np.zeros_like(heat) if character is None else alpha_of(character)
    around = change(frame, plate, heat, hiding(alpha))
    solve = _light if blend == "add" else _cover
    rgba[around.box], rest[around.box] = solve(frame, plate, heat, alpha, around)
    return Effect(rgba, blend, rest)


def cut_out(frame: Pixels, heat: Pixels) -> Pixels:
    """Without a plate: what the frame shows where there is heat, uint8 [H,W,4], to be laid over."""
    return rgba_of(frame, heat)


def hiding(alpha: Pixels) -> Pixels:
    """255 where a character hides the plate or a part of it, else 0; uint8 [H,W], from its alpha."""
    return np.asarray(cv2.threshold(alpha, 0, 255, cv2.THRESH_BINARY)[1], np.uint8)


def _light(
    frame: Pixels, plate: Pixels, heat: Pixels, alpha: Pixels, around: Change
) -> tuple[Pixels, Pixels]:
    """RGBA of added light, and the frame without it, of the box."""
    seen, below = (np.ascontiguousarray(picture[around.box]) for picture in (frame, plate))
    light, rest = _unclipped(around.brighter, seen), less(seen, around.brighter)
    place = box_in(alpha[around.box])
    if place:
        thin = np.ascontiguousarray(alpha[around.box][place])
        inside, here = hiding(thin), np.ascontiguousarray(seen[place])
        warmth, slack = _warmth(heat, around, place), round(SLACK * around.noise.sigmas[-1])
        least, most = light_within(here, np.ascontiguousarray(below[place]), thin, slack)
        least = scaled(least, thrice(np.ascontiguousarray(around.reach[place])))
        over, without = light_over(here, around, warmth, (least, most), place, len(frame))
        _put(over, inside, light, place)
        _put(without, inside, rest, place)
    strength = highest(light)
    colour = cv2.divide(light, thrice(strength), scale=255)
    return rgba_of(np.asarray(colour, np.uint8), strength), rest


def _unclipped(light: Pixels, seen: Pixels) -> Pixels:
    """Where a channel is clipped at white, its light may be more than is seen: as much as of the others."""
    clipped = cv2.threshold(seen, WHITE - 1, 255, cv2.THRESH_BINARY)[1]
    return np.asarray(cv2.max(light, cv2.bitwise_and(thrice(highest(light)), clipped)), np.uint8)


def _cover(
    frame: Pixels, plate: Pixels, heat: Pixels, hides: Pixels, around: Change
) -> tuple[Pixels, Pixels]:
    """RGBA of what covers, and the frame without it, of the box."""
    seen, below = (np.ascontiguousarray(picture[around.box]) for picture in (frame, plate))
    target = less(np.asarray(cv2.add(below, around.brighter), np.uint8), around.darker)
    least = least_alpha(target, below, 0)
    alpha = shown(np.maximum(least, _alpha_by_texture(target, below, least, len(frame))), least)
    layer, rest = rgba_of(colour_over(target, below, alpha), alpha), seen.copy()
    cv2.copyTo(below, alpha, rest)
    inside = hiding(np.ascontiguousarray(hides[around.box]))
    place = box_in(inside)
    if place:
        known = np.asarray(cv2.bitwise_not(inside), np.uint8)
        warmth, here = _warmth(heat, around, place), np.ascontiguousarray(seen[place])
        colour, over, without = cover_over(here, layer, known, warmth, place)
        _put(rgba_of(colour, over), inside[place], layer, place)
        _put(without, inside[place], rest, place)
    return layer, rest


def _warmth(heat: Pixels, around: Change, place: Box) -> Pixels:
    return warmth_of(heat[around.box], around.reach, len(heat))[place].copy()


def _put(piece: Pixels, mask: Pixels, picture: Pixels, place: Box) -> None:
    """Write where the mask is set."""
    part = np.ascontiguousarray(picture[place])
    cv2.copyTo(piece, np.ascontiguousarray(mask), part)
    picture[place] = part


def _alpha_by_texture(target: Pixels, below: Pixels, least: Pixels, rows: int) -> Pixels:
    """How much of the plate's texture an effect hides, uint8 [h,w]; its least alpha without texture.

    Where colour and alpha are even, the frame is a straight line of the plate whose slope is 1 - alpha:
    least squares over each neighbourhood, held to the least alpha as far as texture is missing, or the
    line does not fit.
    """
    step = max(1, round(rows / SAMPLES))
    size = -(-below.shape[1] // step), -(-below.shape[0] // step)
    seen, plate, prior = (_small(picture, size) for picture in (target, below, least))
    mean_seen, mean_plate = _mean(seen), _mean(plate)
    covariance = (_mean(seen * plate) - mean_seen * mean_plate).sum(axis=2)
    variance = np.maximum((_mean(plate * plate) - mean_plate * mean_plate).sum(axis=2), 0)
    spread = (_mean(seen * seen) - mean_seen * mean_seen).sum(axis=2)
    unexplained = np.maximum(spread - covariance * covariance / np.maximum(variance, 1), 0)
    hold = EVEN + UNEXPLAINED * unexplained
    slope = (covariance + hold * (1 - _mean(prior) / 255)) / (variance + hold)
    alpha = cv2.resize(1 - slope, below.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(np.rint(np.clip(alpha, 0, 1) * 255), np.uint8)


def _small(picture: Pixels, size: tuple[int, int]) -> Plane:
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.float32)


def _mean(plane: Plane) -> Plane:
    return np.asarray(cv2.boxFilter(plane, -1, (WINDOW, WINDOW)), np.float32)
