"""How far a layer is from the true one: the matting field's errors, and what is seen after compositing."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.quality_mattes import Layers, Pixels
from samples.scene import GroundTruth
from trt_anime.calibration.metrics.matte import AMBIGUOUS, dtssd, matte_error

Mask = NDArray[np.bool_]

BACKDROPS = ((0, 0, 0), (255, 255, 255), (0, 255, 0), (255, 0, 255))  # RGB
EDGE_RADIUS = 10  # pixels around the true edge


@dataclass(frozen=True)
class Score:
    """One layer's errors, or a mean of such; lower is better.

    sad, mse, gradient, connectivity: as in MatteError, over the whole frame; mse in thousandths.
    edge: mean |alpha error| within EDGE_RADIUS pixels of the true edge, in levels of 255.
    composite: mean |error| of the layer laid over flat colours, on the true edge, in levels of 255.
    frame_colour: the same, with the frame's colours in place of the layer's.
    """

    sad: float
    mse: float
    gradient: float
    connectivity: float
    edge: float
    composite: float
    frame_colour: float


@dataclass(frozen=True)
class Pair:
    """The same without and with the refinement."""

    without: Score
    refined: Score


def score_pair(layers: Layers, truth: GroundTruth) -> Pair:
    return Pair(score(layers.without, truth), score(layers.refined, truth))


def score(layer: Pixels, truth: GroundTruth) -> Score:
    """`layer`: uint8 [H,W,4], RGB and straight alpha."""
    alpha = layer[..., 3] / np.float32(255)
    error = matte_error(alpha, truth.alpha)
    band = edge_band(truth, 1)
    near = edge_band(truth, EDGE_RADIUS)
    return Score(
        sad=error.sad,
        mse=1000 * error.mse,
        gradient=error.gradient,
        connectivity=error.connectivity,
        edge=255 * float(np.abs(alpha - truth.alpha)[near].mean()),
        composite=_composite_error(layer, truth, band),
        frame_colour=_composite_error(np.dstack([truth.frame, layer[..., 3]]), truth, band),
    )


def mean_pair(pairs: Sequence[Pair]) -> Pair:
    return Pair(_mean([pair.without for pair in pairs]), _mean([pair.refined for pair in pairs]))


def flicker(alphas: Iterable[Pixels], truths: Sequence[GroundTruth]) -> float:
    """dtSSD of consecutive mattes, in levels of 255 a frame."""
    unit = [alpha / np.float32(255) for alpha in alphas]
    return 255 * dtssd(unit, [truth.alpha for truth in truths])


def edge_band(truth: GroundTruth, radius: int) -> Mask:
    """Where the true alpha is a mix, and `radius` pixels around. Never empty where there is a character."""
    low, high = AMBIGUOUS
    mixed = ((truth.alpha > low) & (truth.alpha < high)).astype(np.uint8)
    kernel = np.ones((2 * radius + 1, 2 * radius + 1), np.uint8)
    return np.asarray(cv2.dilate(mixed, kernel) > 0, np.bool_)


def composite(rgb: NDArray[np.floating], alpha: NDArray[np.floating], backdrop: Sequence[int]) -> Pixels:
    """`rgb` [...,3] and `alpha` [...], both 0..1, over one colour: uint8 [...,3]."""
    flat = np.asarray(backdrop, np.float32)
    share = alpha[..., None]
    return np.asarray(np.round(255 * rgb * share + flat * (1 - share)), np.uint8)


def _composite_error(layer: Pixels, truth: GroundTruth, band: Mask) -> float:
    here = layer[band] / np.float32(255)
    colour, alpha = truth.foreground[band], truth.alpha[band]
    gaps = [
        composite(here[:, :3], here[:, 3], backdrop).astype(np.float32) - composite(colour, alpha, backdrop)
        for backdrop in BACKDROPS
    ]
    return float(np.mean([np.abs(gap).mean() for gap in gaps]))


def _mean(scores: Sequence[Score]) -> Score:
    rows = [asdict(one) for one in scores]
    return Score(**{name: float(np.mean([row[name] for row in rows])) for name in rows[0]})
