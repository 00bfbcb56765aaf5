"""Does the matte graph compute what PyTorch computes?"""

from collections.abc import Callable

import numpy as np

from trt_anime.export.catalogue import Model
from trt_anime.export.check import Comparison, Difference, Frames, Values, difference_of
from trt_anime.export.recipes.matte import Preprocess

_HEIGHT, _WIDTH = 403, 517  # no whole number of tiles, and more of them than are always refined


def difference(found: Frames, expected: Frames) -> Difference:
    """Compare two uint8 RGBA arrays, colour premultiplied: where alpha is 0 it means nothing."""
    return difference_of(_premultiplied(found), _premultiplied(expected))


def _premultiplied(rgba: Frames) -> Values:
    result = rgba.astype(np.float32)
    result[..., :3] *= result[..., 3:] / 255
    return result


def comparison_of(model: Model, network: Callable[..., object]) -> Comparison:
    """Run the PyTorch reference on two test frames. Needs torch.

    Args:
        network: a torch module, float32 [B,3,h,w] -> [B,1,h,w], as in `MatteReference`.
    """
    import torch

    from trt_anime.export.matte.reference import MatteReference

    frames = example_frames()
    with torch.no_grad():
        expected = MatteReference(network, model.recipe_as(Preprocess))(torch.from_numpy(frames)).numpy()  # type: ignore[arg-type]
    return Comparison(model, "matte", lambda _: {"frame": frames}, {"rgba": expected}, difference)


def example_frames() -> Frames:
    """uint8 [2,H,W,3]: a light figure with thin lines on a noisy gradient, and its mirror image."""
    rng = np.random.default_rng(7)
    y, x = np.mgrid[0:_HEIGHT, 0:_WIDTH].astype(np.float32)
    picture = np.stack([40 + 0.4 * y, 90 + 0.2 * x, 160 - 0.3 * y], axis=-1) + rng.normal(
        0, 6, (_HEIGHT, _WIDTH, 1)
    )
    body = ((x - 180) / 60) ** 2 + ((y - 140) / 90) ** 2 < 1
    picture[body] = (235, 190, 170)
    strands = (np.abs((x + 0.7 * y) % 40 - 20) < 0.8) & (y < 120) & (x > 110) & (x < 250)
    picture[strands] = (40, 20, 30)
    frame = np.clip(picture, 0, 255).astype(np.uint8)
    return np.stack([frame, frame[:, ::-1]])
