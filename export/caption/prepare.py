"""Before the network: the published bicubic resize with antialiasing, as two matrix products.

TensorRT's Resize has no antialiasing. A separable filter is a matrix for the rows and one for the columns;
both follow from the frame's size, and where an engine fixes that they are constants.
"""

import numpy as np
import onnx
import spox.opset.ai.onnx.v20 as op
from spox import Tensor, Var, argument, build

from trt_anime.export.caption.graph import Precision
from trt_anime.export.geometry import extent, integers, planes_from_pixels, scalar
from trt_anime.stage import COORDINATES

# Of CLIP, which the published models normalise pictures with; RGB, after the division by 255.
MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)

_SUPPORT = 2.0  # of the cubic kernel, in pixels of the smaller picture
_A = -0.5  # Pillow's; OpenCV and torch without antialiasing take -0.75


def prepare_graph(side: int, *, precision: Precision) -> onnx.ModelProto:
    """``frame`` uint8 [B,H,W,3] RGB -> ``image`` float32 [B,3,side,side], normalised as CLIP's pictures.

    The frame is stretched to a square, like `BlipImageProcessor` does, and rounded to whole levels between
    columns and rows, as Pillow does. Not promised: the last level.
    """
    frame = argument(Tensor(np.uint8, ("batch", "height", "width", 3)))
    height, width = extent(frame, 1), extent(frame, 2)
    planes = planes_from_pixels(op.cast(frame, to=np.float32), height, width, 3)
    columns = op.transpose(cubic_matrix(width, side), perm=[1, 0])
    narrow = _levels(_product(planes, columns, precision))
    levels = _levels(_product(cubic_matrix(height, side), narrow, precision))
    mean, std = (np.array(values, np.float32).reshape(1, 3, 1, 1) for values in (MEAN, STD))
    image = op.add(op.mul(levels, op.const(1 / (255 * std))), op.const(-mean / std))
    model = build({"frame": frame}, {"image": image})
    _mark_matrices(model.graph)
    return model


def _levels(values: Var) -> Var:
    return op.clip(op.round(values), scalar(0), scalar(255))


def cubic_matrix(length: Var, side: int) -> Var:
    """float32 [side,length]: an output pixel as a mean of input pixels, weighted as Pillow does."""
    scale = op.div(op.cast(length, to=np.float32), scalar(side))
    widening = op.max([scale, scalar(1)])
    centres = op.mul(op.const(np.arange(side, dtype=np.float32)[:, None] + np.float32(0.5)), scale)
    places = op.add(
        op.cast(op.range(op.const(0), op.squeeze(length), op.const(1)), to=np.float32), scalar(0.5)
    )
    weights = _cubic(op.div(op.abs(op.sub(places, centres)), widening))
    return op.div(weights, op.reduce_sum(weights, integers(1), keepdims=True))


def _cubic(distance: Var) -> Var:
    """Keys' kernel; 0 from `_SUPPORT` on."""
    d = op.min([distance, scalar(_SUPPORT)])
    square = op.mul(d, d)
    near = op.add(op.mul(square, op.sub(op.mul(scalar(_A + 2), d), scalar(_A + 3))), scalar(1))
    tail = op.sub(op.mul(square, op.sub(d, scalar(5))), op.add(op.mul(scalar(-8), d), scalar(4)))
    return op.where(op.less(d, scalar(1)), near, op.mul(scalar(_A), tail))


def _product(a: Var, b: Var, precision: Precision) -> Var:
    if precision == "fp32":
        return op.matmul(a, b)
    product = op.matmul(op.cast(a, to=np.float16), op.cast(b, to=np.float16))
    return op.cast(product, to=np.float32)


def _mark_matrices(graph: onnx.GraphProto) -> None:
    """Say of the nodes that compute the filters that they are no place for FP16."""
    made: set[str] = set()
    for node in graph.node:
        if node.op_type == "Shape" or (node.op_type != "MatMul" and not made.isdisjoint(node.input)):
            node.name = f"resize{COORDINATES}{node.name}"
            made.update(node.output)
