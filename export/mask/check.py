"""Do the two graphs compute what PyTorch computes?"""

from typing import TYPE_CHECKING

import numpy as np

from trt_anime.export.catalogue import Model
from trt_anime.export.check import (
    Arrays,
    Comparison,
    Difference,
    Frames,
    Tolerance,
    Values,
    difference_of,
)
from trt_anime.export.recipes.mask import Masking

if TYPE_CHECKING:
    from trt_anime.export.mask.networks import MaskNetworks

# Maps of different networks have different units.
DEVIATIONS = Tolerance(p99=2e-3, maximum=2e-2, unit="standard deviations")

_HEIGHT, _WIDTH = 403, 517


def map_difference(found: Values, expected: Values) -> Difference:
    """Compare two maps in standard deviations of the expected one."""
    unit = max(float(expected.std()), 1e-9)
    return difference_of(found / unit, expected / unit, DEVIATIONS)


def comparisons_of(networks: "MaskNetworks", model: Model) -> dict[str, Comparison]:
    """Of both graphs by name, ``mask`` on the reference's own maps. Needs torch."""
    import torch

    from trt_anime.export.mask.reference import MaskReference

    frame, boxes = example()
    reference: MaskReference = MaskReference(networks, model.recipe_as(Masking))
    with torch.no_grad():
        maps = reference.image(torch.from_numpy(frame))
        mask, _ = reference.mask(maps, torch.from_numpy(boxes), (_HEIGHT, _WIDTH))
    named = {name: value.numpy() for name, value in zip(networks.maps, maps, strict=True)}
    size = np.array([_HEIGHT, _WIDTH], np.int64)
    asked: Arrays = {"boxes": boxes, "size": size, **named}
    return {
        "image": Comparison(model, "image", lambda _: {"frame": frame}, named, map_difference),
        "mask": Comparison(model, "mask", lambda _: asked, {"mask": mask.numpy()}, difference_of),
    }


def example() -> tuple[Frames, Values]:
    """uint8 [1,H,W,3], a disc and stripes before a noisy gradient; boxes around the disc and beyond."""
    rng = np.random.default_rng(7)
    y, x = np.mgrid[0:_HEIGHT, 0:_WIDTH].astype(np.float32)
    picture = np.stack([40 + 0.4 * y, 90 + 0.2 * x, 160 - 0.3 * y], axis=-1)
    picture[np.abs((x + 0.7 * y) % 60 - 30) < 6] *= 0.5
    picture[np.hypot((x - 200) / 90, (y - 250) / 130) < 1] = (230, 190, 170)
    picture += rng.normal(0, 6, (_HEIGHT, _WIDTH, 1))
    boxes = np.array([[[110, 120, 290, 380], [300.5, -20, 540, 90.25]]], np.float32)
    return np.clip(picture, 0, 255).astype(np.uint8)[None], boxes
