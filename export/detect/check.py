"""Do the two graphs compute what transformers computes?"""

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import GroundingDinoForObjectDetection

from trt_anime.export.catalogue import Model
from trt_anime.export.check import (
    Arrays,
    Comparison,
    Difference,
    Graphs,
    Tolerance,
    Values,
    check_difference,
    difference_of,
    run,
)
from trt_anime.export.detect.reference import Found, found_by_transformers
from trt_anime.export.recipes.detect import Detection

# "[CLS] fire . black smoke . [SEP]" in the vocabulary of BERT, uncased.
EXAMPLE_IDS = (101, 2543, 1012, 2304, 5610, 1012, 102)
PROMPT = ("features", "positions", "blocks", "valid")

FEATURES = Tolerance(p99=1e-4, maximum=1e-3, unit="of features near 1")
# Two cells that fit nearly as well may change places among the queries, and then their boxes are others.
BOXES = Tolerance(p99=2e-3, maximum=1.0, unit="of the frame's size, and of 1 for tokens")


def padded_ids(ids: tuple[int, ...], context: int) -> NDArray[np.int64]:
    """int64 [1,context], 0 behind the prompt's end."""
    result = np.zeros((1, context), np.int64)
    result[0, : len(ids)] = ids
    return result


def example() -> NDArray[np.uint8]:
    """uint8 [1,H,W,3]: stripes on a noisy gradient, 4:3, so that a part of the canvas stays empty."""
    height, width = 240, 320
    rng = np.random.default_rng(7)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    picture = np.stack([40 + 0.7 * y, 90 + 0.4 * x, 160 - 0.5 * y], axis=-1)
    picture[np.abs((x + 0.7 * y) % 60 - 30) < 6] *= 0.5
    picture[np.hypot(x - 200, y - 150) < 50] = (230, 90, 20)
    picture += rng.normal(0, 6, (height, width, 1))
    frame: NDArray[np.uint8] = np.clip(picture, 0, 255).astype(np.uint8)
    return frame[None]


def comparisons_of(
    network: GroundingDinoForObjectDetection, model: Model
) -> dict[str, Callable[[Graphs], Difference]]:
    """Of both graphs by name, on what transformers makes of the example."""
    rule = model.recipe_as(Detection)
    expected = found_by_transformers(network, rule, torch.from_numpy(example()), EXAMPLE_IDS)
    ids = {"ids": padded_ids(EXAMPLE_IDS, rule.context)}
    features = {"features": expected.features.numpy()}
    return {
        "prompt": Comparison(model, "prompt", lambda _: ids, features, features_apart),
        "detect": partial(compare_detect, ids=ids, model=model, expected=expected),
    }


def features_apart(found: Values, expected: Values) -> Difference:
    """Of the prompt's tokens; what stands behind them means nothing."""
    return difference_of(found[:, : expected.shape[1]], expected, FEATURES)


def compare_detect(graphs: Graphs, *, ids: Arrays, model: Model, expected: Found) -> Difference:
    """Of boxes and tokens together. Raises ExportError when it is more than the tolerance."""
    frames = example()
    prompt = dict(zip(PROMPT, run(graphs["prompt"], ids, PROMPT), strict=True))
    boxes, tokens = run(graphs["detect"], {"frame": frames, **prompt}, ["boxes", "tokens"])
    scale = np.array(frames.shape[1:3] * 2, np.float32)[[1, 0, 3, 2]]
    found = np.concatenate([boxes / scale, tokens], axis=2)
    wanted = np.concatenate([expected.boxes.numpy() / scale, expected.tokens.numpy()], axis=2)
    result = difference_of(found, wanted, BOXES)
    check_difference(result, model)
    return result
