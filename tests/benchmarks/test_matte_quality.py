"""The measure of quality: zero for the truth, larger for what is worse, and a loss is named."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.quality_frames import Case
from benchmarks.quality_mattes import Pixels, plain_layer
from benchmarks.quality_pictures import CROP_HEIGHT, CROP_WIDTH, window
from benchmarks.quality_report import Quality, document, losses
from benchmarks.quality_scores import Pair, Score, flicker, mean_pair, score
from samples.scene import GroundTruth, Scene, SceneOptions
from trt_anime.export import catalogue
from trt_anime.export.recipes.matte import Preprocess

NO_ERROR = Score(*[0.0] * 7)


@pytest.fixture(scope="module")
def truth() -> GroundTruth:
    return Scene(SceneOptions(width=320, height=180)).render(50)


def true_layer(truth: GroundTruth) -> Pixels:
    return np.dstack([np.round(255 * truth.foreground), np.round(255 * truth.alpha)]).astype(np.uint8)


def test_the_true_layer_has_no_error_but_rounding(truth: GroundTruth) -> None:
    found = score(true_layer(truth), truth)
    assert found.sad < 0.03 and found.edge < 0.5 and found.composite < 1
    assert found.frame_colour > found.composite


def test_a_worse_alpha_scores_worse_everywhere(truth: GroundTruth) -> None:
    layer = true_layer(truth)
    layer[..., 3] //= 2
    good, bad = score(true_layer(truth), truth), score(layer, truth)
    assert all(
        getattr(bad, name) > getattr(good, name) for name in ("sad", "mse", "gradient", "edge", "composite")
    )


def test_a_still_matte_of_a_still_figure_does_not_flicker(truth: GroundTruth) -> None:
    still = true_layer(truth)[..., 3]
    assert flicker([still, still], [truth, truth]) == 0
    assert flicker([still, still // 2], [truth, truth]) > 1


def test_the_plain_layer_stretches_the_map_by_the_models_rule(truth: GroundTruth) -> None:
    network_map = np.linspace(0.2, 0.6, 64, dtype=np.float32).reshape(8, 8)
    stretched, kept = (
        plain_layer(truth.frame, network_map, catalogue.get(name).recipe_as(Preprocess))[..., 3]
        for name in ("u2netp", "modnet")
    )
    assert (stretched.min(), stretched.max()) == (0, 255)
    assert (kept.min(), kept.max()) == (51, 153)


def test_the_crop_lies_inside_the_frame(truth: GroundTruth) -> None:
    y, x = window(truth, true_layer(truth))
    assert 0 <= y <= 180 - CROP_HEIGHT and 0 <= x <= 320 - CROP_WIDTH


def test_a_mean_is_over_each_error() -> None:
    pairs = [Pair(NO_ERROR, replace(NO_ERROR, sad=value)) for value in (1.0, 3.0)]
    assert mean_pair(pairs).refined.sad == 2.0


@pytest.mark.parametrize(
    ("refined", "named"), [(1.0, []), (3.0, ["u2netp, SAD, thousands: 2.000 → 3.000"])]
)
def test_a_loss_is_named(refined: float, named: list[str]) -> None:
    pair = Pair(replace(NO_ERROR, sad=2.0), replace(NO_ERROR, sad=refined))
    quality = Quality(
        1, 8, {("u2netp", Case("sprites", "720p")): pair}, {("u2netp", "sprites"): (1.0, 1.0)}
    )
    assert losses(quality) == named
    text = document({"command": "c", "date": "d", "versions": "v"} | quality.content())
    assert ("loses on average" in text) == bool(named)
