"""Holes in plates of the generator, and how far what was painted in them is from the truth."""

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from samples.scene import GroundTruth
from trt_anime.calibration.metrics import plates
from trt_anime.runtime.media.frames import Pixels

Mask = NDArray[np.bool_]
Kind = Literal["whole", "rest"]

_GROWN = 1 / 120  # of the frame's height, around all that any alpha marks
_WALKED = 0.6  # of the hole's width
_BAND, _ALONG = 1 / 120, 1 / 90  # of the frame's height: a seam's width, and how far along it is averaged


@dataclass(frozen=True)
class FillScore:
    """In the hole. psnr_db, ssim: higher is better. seam: levels of 255, lower is better."""

    psnr_db: float
    ssim: float
    seam: float


def hole_of(truth: GroundTruth, kind: Kind) -> Pixels:
    """uint8 [H,W], 255 where to fill. ``whole``: all characters and a little around them; ``rest``: what
    of that stays hidden when they walk by six tenths of their width."""
    side = 2 * round(_GROWN * len(truth.alpha)) + 1
    hole = cv2.dilate((truth.alpha > 0).astype(np.uint8), np.ones((side, side), np.uint8))
    if kind == "rest":
        columns = np.flatnonzero(hole.any(axis=0))
        by = round(_WALKED * float(columns[-1] - columns[0]))
        hole[:, by:] = np.minimum(hole[:, by:], hole[:, :-by])
        hole[:, :by] = 0
    return np.asarray(hole * np.uint8(255))


def with_hole(plate: Pixels, hole: Pixels) -> Pixels:
    """uint8 [H,W,3]: the plate, black in the hole: nothing of the truth can be looked up in it."""
    return np.where(hole[..., None] > 0, np.uint8(0), plate)


def score(plate: Pixels, answer: Pixels, hole: Pixels) -> FillScore:
    """plate, answer: uint8 [H,W,3]; hole: uint8 [H,W]. Raises InputError: an empty hole."""
    inside = hole > 0
    return FillScore(
        plates.psnr(plate, answer, inside), plates.ssim(plate, answer, inside), seam(plate, answer, inside)
    )


def seam(plate: Pixels, answer: Pixels, hole: Mask) -> float:
    """The step of colour along the hole's edge, in levels of 255.

    The error in a band just inside of the edge, averaged along it, so that other detail counts for little.
    """
    height = len(hole)
    side = 2 * round(_BAND * height) + 1
    inner = cv2.erode(hole.astype(np.uint8), np.ones((side, side), np.uint8), borderValue=1) > 0
    band = (hole & ~inner).astype(np.float32)
    error = (answer.astype(np.float32) - plate) * band[..., None]
    total, weight = (cv2.GaussianBlur(plane, (0, 0), _ALONG * height) for plane in (error, band))
    step = np.abs(total / np.maximum(weight, 1e-6)[..., None])
    return float(step[band > 0].mean())
