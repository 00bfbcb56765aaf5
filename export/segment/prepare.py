"""Before the network: uint8 frame in, normalised network input out."""

import numpy as np
import onnx
import spox.opset.ai.onnx.v20 as op
from spox import Tensor, Var, argument, build

from trt_anime.export.geometry import extent, integers, planes_from_pixels, resized, scalar, shape_of
from trt_anime.export.recipes.segment import Segmentation


def prepare_graph(rule: Segmentation) -> onnx.ModelProto:
    """The graph before the network.

    In: ``frame`` uint8 [B,H,W,3] RGB. Out: ``image`` float32 [B,3,h,w], the whole frame at the rule's size,
    normalised; ``size`` int64 [2], H and W.

    The published processors filter the picture when they shrink it, and TensorRT can't. Here it is brought
    bilinearly to the next whole multiple of the network's size and averaged in boxes.
    """
    frame = argument(Tensor(np.uint8, ("batch", "height", "width", 3)))
    height, width = extent(frame, 1), extent(frame, 2)
    planes = planes_from_pixels(op.cast(frame, to=np.float32), height, width, 3)
    mean = op.const(np.array(rule.mean, np.float32).reshape(1, 3, 1, 1))
    std = op.const(np.array(rule.std, np.float32).reshape(1, 3, 1, 1))
    image = op.div(op.sub(op.div(_shrunk(planes, rule), scalar(255)), mean), std)
    return build({"frame": frame}, {"image": image, "size": op.shape(frame, start=1, end=3)})


def _shrunk(planes: Var, rule: Segmentation) -> Var:
    """[B,3,H,W] -> [B,3,h,w], values as they were."""
    target_height, target_width = rule.network_size
    batch = extent(planes, 0)
    rows, columns = _boxes(extent(planes, 2), target_height), _boxes(extent(planes, 3), target_width)
    wide = op.mul(columns, integers(target_width))
    large = resized(planes, op.mul(rows, integers(target_height)), wide)
    stripes = op.reshape(large, shape_of(batch, 3, target_height, rows, wide))
    summed = op.reduce_sum(stripes, integers(3), keepdims=False)
    boxes = op.reshape(summed, shape_of(batch, 3, target_height, target_width, columns))
    total = op.reduce_sum(boxes, integers(4), keepdims=False)
    return op.div(total, op.cast(op.mul(rows, columns), to=np.float32))


def _boxes(length: Var, target: int) -> Var:
    """int64 [1]: how many pixels of the larger picture make one of the network's."""
    return op.div(op.add(length, integers(target - 1)), integers(target))
