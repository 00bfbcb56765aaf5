"""The grids that the matte graph works on, as ONNX shape arithmetic.

Frame -> picture: padded at the bottom and right to whole tiles, so that every other grid divides it.
Picture -> guide: `SCALE` times smaller, where the filter's coefficients are computed.
Picture -> tiles: `TILE` x `TILE` pixels, of which only those on an edge are refined at full resolution.
"""

import numpy as np
import spox.opset.ai.onnx.v20 as op
from spox import Var

from trt_anime.export.catalogue import SizeRule

SCALE = 4
TILE = 40  # 1280x720, 1920x1080, 2560x1440 and 3840x2160 are whole multiples: they need no padding
GUIDE_TILE = TILE // SCALE

# Largest divisor of TILE that is not above the index: how far a box filter may shrink the picture.
SHRINK = [1, 1, 2, 2, 4, 5, 5, 5, 8, 8, *[10] * 10, 20]


def integers(*values: int) -> Var:
    """int64 [n]."""
    return op.const(np.array(values, np.int64))


def scalar(value: float) -> Var:
    """float32 []."""
    return op.const(np.float32(value))


def extent(tensor: Var, axis: int) -> Var:
    """int64 [1]: the length of one axis."""
    return op.shape(tensor, start=axis, end=axis + 1)


def shape_of(*lengths: Var | int) -> Var:
    """int64 [n]: a shape from lengths, known or not."""
    return op.concat([integers(x) if isinstance(x, int) else x for x in lengths], axis=0)


def network_size(picture: Var, rule: SizeRule) -> tuple[Var, Var]:
    """(height, width) int64 [1] of what the network sees of `picture` [B,H,W,3], canvas excluded."""
    side = integers(rule.side)
    if rule.fit == "stretch":
        return side, side
    height, width = extent(picture, 1), extent(picture, 2)
    longest, shortest = op.max([height, width]), op.min([height, width])
    if rule.fit == "letterbox":
        return _scaled(height, side, longest), _scaled(width, side, longest)
    fits = op.and_(op.greater_or_equal(longest, side), op.less_or_equal(shortest, side))
    target = op.where(fits, shortest, side)
    step = integers(rule.multiple_of)

    def whole(length: Var) -> Var:
        scaled = op.div(op.mul(length, target), shortest)
        return op.max([op.mul(op.div(scaled, step), step), step])

    return whole(height), whole(width)


def canvas_margins(height: Var, width: Var, rule: SizeRule) -> tuple[Var, Var]:
    """(top, left) int64 [1]: where a letterboxed picture lies on its canvas."""
    side, two = integers(rule.side), integers(2)
    return op.div(op.sub(side, height), two), op.div(op.sub(side, width), two)


def shrink_factor(length: Var, target: Var) -> Var:
    """int64 [1]: the box filter's size, so that less than a factor of 2 to 3 is left to interpolation."""
    ratio = op.min([op.div(length, target), integers(len(SHRINK) - 1)])
    return op.gather(integers(*SHRINK), ratio)


def resized(tensor: Var, height: Var, width: Var) -> Var:
    """`tensor` [B,C,h,w] bilinearly, half-pixel centres, at another size."""
    size = op.concat([op.shape(tensor, start=0, end=2), height, width], axis=0)
    return op.resize(tensor, sizes=size, mode="linear", coordinate_transformation_mode="half_pixel")


def planes_from_pixels(pixels: Var, height: Var, width: Var, channels: int) -> Var:
    """[..., height*width*channels] in NHWC order -> [n,channels,height,width].

    Written through a flat middle form: ONNX Runtime would push a 4-D transpose through the arithmetic
    that follows, which then broadcasts over an innermost axis of 3, thirty times slower.
    """
    flat = op.reshape(pixels, shape_of(-1, op.mul(height, width), channels))
    return op.reshape(op.transpose(flat, perm=[0, 2, 1]), shape_of(-1, channels, height, width))


def pixels_from_planes(planes: Var, channels: int) -> Var:
    """[n,channels,height,width] -> [n,height*width,channels], for the same reason."""
    flat = op.reshape(planes, integers(0, channels, -1))
    return op.transpose(flat, perm=[0, 2, 1])


def _scaled(length: Var, side: Var, longest: Var) -> Var:
    return op.max([op.div(op.mul(length, side), longest), integers(1)])
