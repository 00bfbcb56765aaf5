"""After the network: what it painted goes into the frame at full resolution."""

import numpy as np
import onnx
import spox.opset.ai.onnx.v20 as op
from spox import Tensor, argument, build

from trt_anime.export.geometry import (
    extent,
    integers,
    pixels_from_planes,
    planes_from_pixels,
    resized,
    scalar,
    shape_of,
)
from trt_anime.export.recipes.inpaint import Inpainting


def finish_graph(rule: Inpainting) -> onnx.ModelProto:
    """The graph after the network.

    In: ``size`` int64 [2], the frame's H and W; ``picture`` float32 [B,H',W',3] 0..255; ``weight`` float32
    [B,1,H',W'] 0..1; ``fill`` float32 [B,3,h,w], the network's output. Out: ``plate`` uint8 [B,H,W,3], the
    frame's own bytes where the weight is 0.
    """
    size = argument(Tensor(np.int64, (2,)))
    picture = argument(Tensor(np.float32, ("batch", "padded_height", "padded_width", 3)))
    weight = argument(Tensor(np.float32, ("batch", 1, "padded_height", "padded_width")))
    fill = argument(Tensor(np.float32, ("batch", 3, "fill_height", "fill_width")))
    height, width = extent(picture, 1), extent(picture, 2)
    values = op.add(op.mul(fill, scalar(255 * rule.std)), scalar(255 * rule.mean))
    painted = op.clip(resized(values, height, width), scalar(0), scalar(255))
    planes = planes_from_pixels(picture, height, width, 3)
    mixed = op.add(planes, op.mul(weight, op.sub(painted, planes)))
    inside = op.slice(op.round(mixed), integers(0, 0), size, integers(2, 3))
    shape = shape_of(extent(picture, 0), size, 3)
    plate = op.cast(op.reshape(pixels_from_planes(inside, 3), shape), to=np.uint8)
    inputs = {"size": size, "picture": picture, "weight": weight, "fill": fill}
    return build(inputs, {"plate": plate})
