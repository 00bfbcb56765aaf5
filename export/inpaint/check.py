"""Does the inpaint graph compute what PyTorch computes?"""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from trt_anime.export.catalogue import Model
from trt_anime.export.check import Comparison, Frames, difference_of
from trt_anime.export.recipes.inpaint import Inpainting

if TYPE_CHECKING:
    import torch

_HEIGHT, _WIDTH = 403, 517  # no whole number of tiles


def comparison_of(model: Model, network: "Callable[[torch.Tensor], torch.Tensor]") -> Comparison:
    """Run the PyTorch reference on two test frames with holes. Needs torch.

    Args:
        network: float32 [B,4,h,w] -> [B,3,h,w], as in `InpaintReference`.
    """
    import torch

    from trt_anime.export.inpaint.reference import InpaintReference

    frames, holes = example()
    with torch.no_grad():
        reference = InpaintReference(network, model.recipe_as(Inpainting))
        plate = reference(torch.from_numpy(frames), torch.from_numpy(holes)).numpy()
    feeds = {"frame": frames, "hole": holes}
    return Comparison(model, "inpaint", lambda _: feeds, {"plate": plate}, difference_of)


def example() -> tuple[Frames, Frames]:
    """uint8 [2,H,W,3] and [2,H,W]: stripes on a noisy gradient with a soft-edged hole, and mirrored."""
    rng = np.random.default_rng(7)
    y, x = np.mgrid[0:_HEIGHT, 0:_WIDTH].astype(np.float32)
    picture = np.stack([40 + 0.4 * y, 90 + 0.2 * x, 160 - 0.3 * y], axis=-1)
    picture[np.abs((x + 0.7 * y) % 60 - 30) < 6] *= 0.5
    picture += rng.normal(0, 6, (_HEIGHT, _WIDTH, 1))
    frame = np.clip(picture, 0, 255).astype(np.uint8)
    radius = np.hypot((x - 200) / 90, (y - 250) / 160)
    hole = np.clip((1.05 - radius) * 2550, 0, 255).astype(np.uint8)
    return np.stack([frame, frame[:, ::-1]]), np.stack([hole, hole[:, ::-1]])
