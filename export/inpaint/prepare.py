"""Before the network: frame and hole in, the network's picture of both and the hole's weight out."""

import numpy as np
import onnx
import spox.opset.ai.onnx.v20 as op
from spox import Tensor, Var, argument, build

from trt_anime.export.geometry import extent, integers, network_size, padded, scalar, shape_of, shrunk
from trt_anime.export.inpaint.options import HoleOptions
from trt_anime.export.recipes.inpaint import Inpainting

# Of a network pixel, the share in the hole that counts: less can't be seen.
LEAST_SHARE = 1e-3


def prepare_graph(rule: Inpainting, options: HoleOptions) -> onnx.ModelProto:
    """The graph before the network.

    In: ``frame`` uint8 [B,H,W,3] RGB; ``hole`` uint8 [B,H,W], 255 where it is to be filled. Out:
    ``picture`` float32 [B,H',W',3] 0..255, padded by edge replication to whole tiles; ``image`` float32
    [B,4,h,w], the network's input by the model's own rule; ``weight`` float32 [B,1,H',W'], the share of the
    painting in each pixel; ``size`` int64 [2], H and W.
    """
    frame = argument(Tensor(np.uint8, ("batch", "height", "width", 3)))
    hole = argument(Tensor(np.uint8, ("batch", "height", "width")))
    picture = padded(op.cast(frame, to=np.float32))
    mark = _mark(hole, picture, options)
    grown = _dilated(mark, options.grow + options.feather)
    wide = _dilated(grown, options.feather)
    height, width = network_size(picture, rule.size_rule)
    colours = shrunk(picture, height, width)
    share = shrunk(op.reshape(wide, _one_channel(picture)), height, width, channels=1)
    # The network sees no pixel that has anything of the hole in it.
    unseen = op.cast(op.greater(share, scalar(LEAST_SHARE)), to=np.float32)
    return build(
        {"frame": frame, "hole": hole},
        {
            "picture": picture,
            "image": _network_input(colours, unseen, rule),
            "weight": _mean(grown, options.feather),
            "size": op.shape(frame, start=1, end=3),
        },
    )


def _one_channel(picture: Var) -> Var:
    return shape_of(extent(picture, 0), extent(picture, 1), extent(picture, 2), 1)


def _mark(hole: Var, picture: Var, options: HoleOptions) -> Var:
    """float32 [B,1,H',W']: 1 in the hole, 0 elsewhere."""
    values = padded(op.unsqueeze(op.cast(hole, to=np.float32), integers(3)))
    mark = op.clip(op.sub(values, scalar(options.threshold - 1)), scalar(0), scalar(1))
    batch, height, width = (extent(picture, axis) for axis in range(3))
    return op.reshape(mark, shape_of(batch, 1, height, width))


def _dilated(plane: Var, radius: int) -> Var:
    """The maximum over (2 radius + 1)² pixels."""
    size = 2 * radius + 1
    row, _ = op.max_pool(plane, kernel_shape=(1, size), pads=(0, radius, 0, radius))
    peak, _ = op.max_pool(row, kernel_shape=(size, 1), pads=(radius, 0, radius, 0))
    return peak


def _mean(plane: Var, radius: int) -> Var:
    """The mean over those of (2 radius + 1)² pixels that are inside of the picture."""
    size = 2 * radius + 1
    row = op.average_pool(plane, kernel_shape=(1, size), pads=(0, radius, 0, radius))
    return op.average_pool(row, kernel_shape=(size, 1), pads=(radius, 0, radius, 0))


def _network_input(colours: Var, unseen: Var, rule: Inpainting) -> Var:
    scaled = op.mul(op.sub(op.mul(colours, scalar(1 / 255)), scalar(rule.mean)), scalar(1 / rule.std))
    seen = op.sub(scalar(1), unseen)
    visible = op.mul(scaled, seen)
    if rule.mask == "hole_last":
        return op.concat([visible, unseen], axis=1)
    return op.concat([op.sub(seen, scalar(0.5)), visible], axis=1)
