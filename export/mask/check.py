"""Do the two graphs compute what PyTorch computes?"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from numpy.typing import NDArray

from trt_anime.export.catalogue import Model
from trt_anime.export.check import (
    Difference,
    Frames,
    Tolerance,
    Values,
    difference_of,
    session_of,
    worst_of,
)
from trt_anime.export.recipes.mask import Masking

if TYPE_CHECKING:
    from trt_anime.export.mask.networks import MaskNetworks

# Maps of different networks have different units.
DEVIATIONS = Tolerance(p99=2e-3, maximum=2e-2, unit="standard deviations")

_HEIGHT, _WIDTH = 403, 517


@dataclass(frozen=True)
class Comparison:
    """What PyTorch makes of the example, to hold the graphs against.

    Attributes:
        frame: uint8 [1,H,W,3].
        boxes: float32 [1,N,4].
        maps: of the image graph, by name.
        mask: uint8 [1,N,H,W].
    """

    frame: Frames
    boxes: Values
    maps: dict[str, Values]
    mask: Frames

    def of_image_graph(self, graph: onnx.ModelProto, model: Model) -> Difference:
        """The worst of the maps. Raises ExportError when it differs by more than the tolerance."""
        found: Any = session_of(graph).run(list(self.maps), {"frame": self.frame})
        return worst_of(
            [map_difference(one, other) for one, other in zip(found, self.maps.values(), strict=True)],
            model,
        )

    def of_mask_graph(self, graph: onnx.ModelProto, model: Model) -> Difference:
        """Of the masks. Raises ExportError when they differ by more than the tolerance."""
        feeds: dict[str, NDArray[Any]] = {"boxes": self.boxes, **self.maps}
        feeds["size"] = np.array(self.frame.shape[1:3], np.int64)
        found: Any = session_of(graph).run(["mask"], feeds)
        mask: Frames = found[0]
        return worst_of([difference_of(mask.astype(np.float32), self.mask.astype(np.float32))], model)


def map_difference(found: Values, expected: Values) -> Difference:
    """Compare two maps in standard deviations of the expected one."""
    unit = max(float(expected.std()), 1e-9)
    return difference_of(found / unit, expected / unit, DEVIATIONS)


def comparison_with_torch(networks: "MaskNetworks", model: Model) -> Comparison:
    """Run the PyTorch reference on the example. Needs torch."""
    import torch

    from trt_anime.export.mask.reference import MaskReference

    frame, boxes = example()
    reference: MaskReference = MaskReference(networks, model.recipe_as(Masking))
    with torch.no_grad():
        maps = reference.image(torch.from_numpy(frame))
        mask, _ = reference.mask(maps, torch.from_numpy(boxes), (_HEIGHT, _WIDTH))
    named = {name: value.numpy() for name, value in zip(networks.maps, maps, strict=True)}
    return Comparison(frame, boxes, named, mask.numpy())


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
