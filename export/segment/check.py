"""Does the segment graph compute what PyTorch computes?"""

from typing import Any

import numpy as np
import onnx
import torch

from trt_anime.export.catalogue import Model
from trt_anime.export.check import Difference, Frames, Tolerance, check_difference, difference_of, run
from trt_anime.export.recipes.segment import Segmentation
from trt_anime.export.segment.reference import Network, SegmentReference

_HEIGHT, _WIDTH = 270, 482

# Of the pixels' winners, which are the same or another: 99 of 100 must be the same. Between two that are
# equally good, rounding decides.
WINNERS = Tolerance(p99=0.0, maximum=1.0, unit="(1: another winner)")


def compare_with_torch(graph: onnx.ModelProto, model: Model, network: Network) -> Difference:
    """Run the graph and the PyTorch reference on two test frames, all that has a name being sure enough.

    Raises ExportError when more than one pixel in a hundred has another winner.
    """
    frames, rule = example(), model.recipe_as(Segmentation)
    feeds: dict[str, Any] = {"frame": frames, "threshold": np.zeros(len(frames), np.float32)}
    with torch.no_grad():
        expected = SegmentReference(network, rule)(torch.from_numpy(frames), 0.0).numpy()
    apart = (run(graph, feeds) != expected).astype(np.float32)
    result = difference_of(apart, np.zeros_like(apart), WINNERS)
    check_difference(result, model)
    return result


def example() -> Frames:
    """uint8 [2,H,W,3]: discs on a noisy gradient, and mirrored."""
    rng = np.random.default_rng(7)
    y, x = np.mgrid[0:_HEIGHT, 0:_WIDTH].astype(np.float32)
    picture = np.stack([40 + 0.6 * y, 90 + 0.3 * x, 200 - 0.5 * y], axis=-1)
    for colour in rng.uniform(0, 255, (9, 3)):
        middle_y, middle_x, radius = rng.uniform((0, 0, 15), (_HEIGHT, _WIDTH, 70))
        picture[np.hypot(y - middle_y, x - middle_x) < radius] = colour
    picture += rng.normal(0, 6, (_HEIGHT, _WIDTH, 1))
    frame = np.clip(picture, 0, 255).astype(np.uint8)
    return np.stack([frame, frame[:, ::-1]])
