"""What an effect changed: the frame less what is below it, without noise, and soft where heat ends."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from trt_anime.runtime.layers.solving import Plane, highest, less, thrice
from trt_anime.runtime.media.frames import Pixels

COARSE = 4  # pixels to one, where faint light is looked for
REACH, FADE = 0.05, 0.07  # of the frame's height: how far beyond its heat an effect is whole, and fades
LEAST_SIGMA, LEAST_COARSE = 0.7, 0.2  # levels: what rounding alone makes
MOST_SIGMA, MOST_COARSE = 8.0, 2.0  # levels: more is no noise, but light that no heat told of
USUAL_SIGMA, USUAL_COARSE = 3.0, 1.0  # levels: where heat leaves nothing to measure on
BUSY = (0, 8, 24, 64)  # levels of contrast around a pixel, from which on noise is measured apart
ENOUGH = 100  # samples
FAINT, CLEAR = 2.0, 4.0  # spreads of noise: a mean below the first is nothing, above the second it is light
DOUBTED, SURE = 3.0, 6.0  # the same for a single pixel: from the second on it is taken as it is
SLACK = 2.0  # spreads that a doubted pixel may differ from the mean around it

Box = tuple[slice, slice]


@dataclass(frozen=True)
class Noise:
    """Standard deviations, in levels, of frame less plate where there is no effect.

    Attributes:
        sigmas: of a pixel, by the contrast around it in the plate, as in `BUSY`.
        coarse: of the mean of a neighbourhood; coding noise does not vanish in it.
    """

    sigmas: tuple[float, ...]
    coarse: float


@dataclass(frozen=True, eq=False)
class Change:
    """Frame less what is below, in the box that heat reaches. Nothing where a character hides the plate.

    Attributes:
        box: rows and columns of the frame.
        brighter, darker: uint8 [h,w,3]; where one is above 0 the other one is 0, but for noise.
        reach: uint8 [h,w], 255 near the heat, falling to 0.
        mean: float32 [h/4,w/4,3], what a neighbourhood changed, levels.
        known: float32 [h/4,w/4], 0..1, how much of a neighbourhood is not hidden.
        noise: of the frame.
    """

    box: Box
    brighter: Pixels
    darker: Pixels
    reach: Pixels
    mean: Plane
    known: Plane
    noise: Noise


def change(frame: Pixels, plate: Pixels, heat: Pixels, hidden: Pixels) -> Change:
    """Measure what an effect did to the plate.

    Faint light is the mean of a neighbourhood, as far as that is more than the noise found outside of the
    heat; the stronger it is, the more a pixel counts by itself.

    Args:
        frame, plate: uint8 [H,W,3] RGB.
        heat: uint8 [H,W], above 0 somewhere.
        hidden: uint8 [H,W], 255 where a character hides the plate or a part of it, else 0.
    """
    seen = frame.copy()
    cv2.copyTo(plate, hidden, seen)
    mean, known = _means(seen, plate, hidden)
    far = _far(heat, mean.shape[:2])
    kinds = _busyness(plate)
    noise = _noise(seen, plate, kinds, mean, (far > REACH) & (known > 0.9))
    box = box_of(heat)
    coarse = coarse_box(box)
    mean, known, far = mean[coarse], known[coarse], far[coarse]
    size = box[1].stop - box[1].start, box[0].stop - box[0].start
    mean *= ramp(np.abs(mean).max(axis=2), FAINT * noise.coarse, CLEAR * noise.coarse)[..., None]
    reach = np.asarray(ramp(REACH + FADE - far, 0, FADE) * 255, np.uint8)
    reach = enlarged(reach, size)
    seen, below = np.ascontiguousarray(seen[box]), np.ascontiguousarray(plate[box])
    brighter, darker = less(seen, below), less(below, seen)
    slack = _slack(np.maximum(brighter, darker), np.ascontiguousarray(kinds[box]), noise)
    weight = thrice(less(reach, np.ascontiguousarray(hidden[box])))
    return Change(
        box,
        _steadied(brighter, enlarged(levels(mean), size), slack, weight),
        _steadied(darker, enlarged(levels(-mean), size), slack, weight),
        reach,
        mean,
        known,
        noise,
    )


def box_of(heat: Pixels) -> Box:
    """Rows and columns in which an effect with this heat can show; they begin at multiples of 4."""
    left, top, width, height = cv2.boundingRect(heat)
    reach = round((REACH + FADE) * len(heat)) + COARSE
    rows = slice(max(0, top - reach) // COARSE * COARSE, min(len(heat), top + height + reach))
    return rows, slice(max(0, left - reach) // COARSE * COARSE, min(heat.shape[1], left + width + reach))


def box_in(mask: Pixels) -> Box | None:
    """Rows and columns from multiples of 4 on in which a mask, uint8 [h,w], is set; None where nowhere."""
    left, top, width, height = cv2.boundingRect(mask)
    if not width:
        return None
    return slice(top // COARSE * COARSE, top + height), slice(left // COARSE * COARSE, left + width)


def coarse_box(box: Box) -> Box:
    """The same place at a quarter of the size."""
    rows, columns = (slice(side.start // COARSE, -(-side.stop // COARSE)) for side in box)
    return rows, columns


def ramp(values: NDArray[np.floating], low: float, high: float) -> Plane:
    """0 up to `low`, 1 from `high` on, smooth between."""
    part = np.clip((values - low) / (high - low), 0, 1)
    return np.asarray(part * part * (3 - 2 * part), np.float32)


def levels(values: NDArray[np.floating]) -> Pixels:
    """Rounded to uint8 0..255."""
    return np.asarray(np.rint(np.clip(values, 0, 255)), np.uint8)


def enlarged(coarse: Pixels | Plane, size: tuple[int, int]) -> Pixels:
    """uint8 from a quarter of the size to `size` (width, height), without steps."""
    height, width = coarse.shape[:2]
    large = cv2.resize(coarse, (width * COARSE, height * COARSE), interpolation=cv2.INTER_LINEAR)
    return np.ascontiguousarray(large[: size[1], : size[0]], np.uint8)


def _means(seen: Pixels, plate: Pixels, hidden: Pixels) -> tuple[Plane, Plane]:
    edge = cv2.dilate(hidden, np.ones((3, 3), np.uint8))  # a character reaches a little beyond its matte
    size = -(-seen.shape[1] // COARSE), -(-seen.shape[0] // COARSE)
    gap = cv2.subtract(seen, plate, dtype=cv2.CV_16S)
    gap = cv2.resize(cv2.copyTo(gap, cv2.bitwise_not(edge)), size, interpolation=cv2.INTER_AREA)
    open_to = cv2.resize(cv2.bitwise_not(edge), size, interpolation=cv2.INTER_AREA)
    total = cv2.GaussianBlur(gap.astype(np.float32), (0, 0), 1.0)
    known = cv2.GaussianBlur(open_to.astype(np.float32), (0, 0), 1.0) / 255
    mean = total / np.maximum(known, 0.05)[..., None]
    return np.asarray(mean, np.float32), np.asarray(known, np.float32)


def _far(heat: Pixels, shape: tuple[int, ...]) -> Plane:
    """How far it is to heat, in frame heights, at a quarter of the size."""
    small = cv2.resize(heat, (shape[1], shape[0]), interpolation=cv2.INTER_AREA)
    cold = (small == 0).astype(np.uint8)
    return np.asarray(cv2.distanceTransform(cold, cv2.DIST_L2, 3) * (COARSE / len(heat)), np.float32)


def _noise(seen: Pixels, plate: Pixels, kinds: Pixels, mean: Plane, free: NDArray[np.bool_]) -> Noise:
    """Quantiles don't see what light from afar is left, and where the plate is wrong."""
    if np.count_nonzero(free) < ENOUGH:
        return Noise((USUAL_SIGMA,) * len(BUSY), USUAL_COARSE)
    gap = cv2.absdiff(seen[::COARSE, ::COARSE], plate[::COARSE, ::COARSE])[free]
    kinds = kinds[::COARSE, ::COARSE][free]
    sigmas = [LEAST_SIGMA]
    for kind in range(len(BUSY)):
        found = gap[kinds == kind]
        sigma = _high(found) / 1.645 if len(found) >= ENOUGH else 0.0
        sigmas.append(min(max(sigma, sigmas[-1]), MOST_SIGMA))
    coarse = 1.48 * float(np.median(np.abs(mean[free])))
    return Noise(tuple(sigmas[1:]), min(max(coarse, LEAST_COARSE), MOST_COARSE))


def _high(gap: Pixels) -> float:
    """What nine of ten don't exceed, between levels: a level stands for all that is rounded to it."""
    shares = np.cumsum(np.bincount(gap.ravel(), minlength=256)) / gap.size
    return float(np.interp(0.9, shares, np.arange(256) + 0.5))


def _busyness(plate: Pixels) -> Pixels:
    """Which of `BUSY` the contrast around a pixel reaches, uint8 [h,w]: codes and seams err most there."""
    contrast = cv2.morphologyEx(plate, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    kinds = np.searchsorted(BUSY, np.arange(256), side="right") - 1
    return np.asarray(cv2.LUT(highest(np.asarray(contrast, np.uint8)), kinds.astype(np.uint8)), np.uint8)


def _slack(strength: Pixels, kinds: Pixels, noise: Noise) -> Pixels:
    """Levels by which a pixel may be changed to agree with those around it, uint8 [h,w,3]."""
    highest_of = highest(strength)
    result = np.zeros_like(kinds)
    for kind, sigma in enumerate(noise.sigmas):
        table = SLACK * sigma * (1 - ramp(np.arange(256.0), DOUBTED * sigma, SURE * sigma))
        cv2.copyTo(cv2.LUT(highest_of, levels(table)), cv2.inRange(kinds, (kind,), (kind,)), result)
    return thrice(result)


def _steadied(pixels: Pixels, mean: Pixels, slack: Pixels, weight: Pixels) -> Pixels:
    low, high = cv2.subtract(pixels, slack), cv2.add(pixels, slack)
    return np.asarray(cv2.multiply(cv2.min(cv2.max(mean, low), high), weight, scale=1 / 255), np.uint8)
