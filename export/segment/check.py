"""Does the segment graph compute what PyTorch computes?"""

import numpy as np
import torch

from trt_anime.export.catalogue import Model
from trt_anime.export.check import Arrays, Comparison, Difference, Frames, Tolerance, apart
from trt_anime.export.recipes.segment import Segmentation
from trt_anime.export.segment.reference import Network, SegmentReference

_HEIGHT, _WIDTH = 270, 482

# Of the pixels' winners, which are the same or another: 99 of 100 must be the same. Between two that are
# equally good, rounding decides.
WINNERS = Tolerance(p99=0.0, maximum=1.0, unit="(1: another winner)")


def comparison_of(model: Model, network: Network) -> Comparison:
    """Run the PyTorch reference on two test frames, all that has a name being sure enough."""
    frames, rule = example(), model.recipe_as(Segmentation)
    feeds: Arrays = {"frame": frames, "threshold": np.zeros(len(frames), np.float32)}
    with torch.no_grad():
        index = SegmentReference(network, rule)(torch.from_numpy(frames), 0.0).numpy()
    return Comparison(model, "segment", lambda _: feeds, {"index": index}, winners_apart)


def winners_apart(found: Frames, expected: Frames) -> Difference:
    """Which pixels have another winner; more than one in a hundred is too many."""
    return apart(found, expected, WINNERS)


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
