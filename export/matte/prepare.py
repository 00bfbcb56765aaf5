"""Before the network: uint8 frame in, padded picture and normalised network input out."""

import numpy as np
import onnx
import spox.opset.ai.onnx.v20 as op
from spox import Tensor, Var, argument, build

from trt_anime.export.geometry import canvas_margins, extent, integers, network_size, padded, scalar, shrunk
from trt_anime.export.recipes.matte import Preprocess


def prepare_graph(rule: Preprocess) -> onnx.ModelProto:
    """The graph before the network.

    In: ``frame`` uint8 [B,H,W,3] RGB. Out: ``picture`` float32 [B,H',W',3] 0..255, padded by edge
    replication to whole tiles; ``image`` float32 [B,3,h,w], the network's input after the model's own
    rule; ``size`` int64 [2], H and W.

    The authors' resize kernels differ (PIL, skimage, OpenCV) and TensorRT has no antialiased resize; here
    a box filter takes the whole-number part of the reduction and bilinear interpolation the rest.
    """
    frame = argument(Tensor(np.uint8, ("batch", "height", "width", 3)))
    picture = padded(op.cast(frame, to=np.float32))
    height, width = network_size(picture, rule.size_rule)
    image = _normalised(shrunk(picture, height, width), rule)
    if rule.size_rule.fit == "letterbox":
        image = _on_canvas(image, rule)
    size = op.shape(frame, start=1, end=3)
    return build({"frame": frame}, {"picture": picture, "image": image, "size": size})


def _normalised(image: Var, rule: Preprocess) -> Var:
    divisor = scalar(255.0)
    if rule.scale == "image_max":
        # A black picture has no maximum to divide by.
        divisor = op.max([op.reduce_max(image, integers(1, 2, 3)), scalar(1.0)])
    mean = np.array(rule.mean, np.float32).reshape(1, 3, 1, 1)
    std = np.array(rule.std, np.float32).reshape(1, 3, 1, 1)
    return op.div(op.sub(op.div(image, divisor), op.const(mean)), op.const(std))


def _on_canvas(image: Var, rule: Preprocess) -> Var:
    """Centred on a canvas of zeros (in network units, as the authors' code pads after normalising)."""
    side, none = integers(rule.size_rule.side), integers(0, 0)
    height, width = extent(image, 2), extent(image, 3)
    top, left = canvas_margins(height, width, rule.size_rule)
    bottom, right = op.sub(op.sub(side, height), top), op.sub(op.sub(side, width), left)
    return op.pad(image, op.concat([none, top, left, none, bottom, right], axis=0))
