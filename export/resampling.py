"""An antialiased resize as two products of matrices.

TensorRT has no antialiased resize, and published encoders of pictures were trained behind one. It is
linear, and by rows and columns: `out = rows @ picture @ columns`. Both matrices follow from the sizes, so
in an engine, which has one size, they are constants.
"""

from typing import Literal

import numpy as np
import onnx
import spox.opset.ai.onnx.v20 as op
from spox import Var

from trt_anime.export.geometry import (
    extent,
    integers,
    planes_from_pixels,
    scalar,
    shape_of,
)
from trt_anime.export.parts import NETWORK, PREPARE

Kernel = Literal["linear", "cubic"]

_CUBIC = -0.5  # the kernel's parameter as in Pillow; OpenCV's is -0.75


def resampled(frame: Var, rows: Var, columns: Var) -> Var:
    """float32 [B,H,W,3] -> float32 [B,3,h,w] by `matrix` of its height [h,H] and of its width [w,W].

    Values are rounded and kept in 0..255, as where pictures are 8 bits.
    """
    batch, height, width = (extent(frame, axis) for axis in range(3))
    flat = op.reshape(frame, shape_of(batch, height, -1))
    stripes = op.matmul(rows, flat)  # [B,h,3W]
    planes = planes_from_pixels(stripes, extent(rows, 0), width, 3)
    small = op.matmul(planes, op.transpose(columns, perm=[1, 0]))
    return op.clip(op.round(small), scalar(0), scalar(255))


def matrix(length: Var, target: Var, kernel: Kernel, *, first: Var | None = None, count: int) -> Var:
    """float32 [count,length]: what each pixel of the resized axis takes of those of the full one.

    Args:
        length: int64 [1], pixels of the full axis.
        target: int64 [1], pixels that the whole axis would be resized to.
        first, count: the part of the resized axis that is wanted; from its first pixel on if not said.
    """
    scale = op.div(_float(length), _float(target))
    number = _float(op.range(op.const(0), op.const(count), op.const(1)))
    if first is not None:
        number = op.add(number, _float(first))
    centre = op.mul(op.add(number, scalar(0.5)), scale)
    place = op.add(_float(op.range(op.const(0), op.squeeze(length), op.const(1))), scalar(0.5))
    distance = op.abs(op.sub(place, op.unsqueeze(centre, integers(1))))
    weight = _weight(op.div(distance, op.max([scale, scalar(1)])), kernel)
    return op.div(weight, op.reduce_sum(weight, integers(1), keepdims=True))


def count_as_network(stage: onnx.ModelProto) -> None:
    """Name the resize's products before the network, and all from there on, as the network's own.

    SM75 has no products in FP32, and what may be typed is all that lies between two points.
    """
    late: set[str] = set()
    for node in stage.graph.node:
        follows = node.op_type == "MatMul" or not late.isdisjoint(node.input)
        if follows and node.name.startswith(PREPARE):
            node.name = f"{NETWORK}resize/{node.name.removeprefix(PREPARE)}"
            late.update(node.output)


def _weight(distance: Var, kernel: Kernel) -> Var:
    if kernel == "linear":
        return op.max([op.sub(scalar(1), distance), scalar(0)])
    square = op.mul(distance, distance)
    # (a+2) d³ - (a+3) d² + 1 within one pixel, a (d³ - 5 d² + 8 d - 4) within two.
    near = op.add(
        op.mul(square, op.sub(op.mul(scalar(_CUBIC + 2), distance), scalar(_CUBIC + 3))), scalar(1)
    )
    inner = op.sub(
        op.mul(op.add(op.mul(op.sub(distance, scalar(5)), distance), scalar(8)), distance), scalar(4)
    )
    far = op.mul(scalar(_CUBIC), inner)
    outside = op.where(op.less(distance, scalar(2)), far, scalar(0))
    return op.where(op.less(distance, scalar(1)), near, outside)


def _float(value: Var) -> Var:
    return op.cast(value, to=np.float32)
