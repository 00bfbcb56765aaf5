"""Sizes of pictures and of networks' inputs, as ONNX shape arithmetic, and the ways between them.

Frame -> picture: padded at the bottom and right to whole tiles, so that a box filter divides it.
Picture -> network: shrunk by a box filter and bilinearly, to the size that a rule gives.
"""

import numpy as np
import spox.opset.ai.onnx.v20 as op
from spox import Var

from trt_anime.export.recipes.sizes import SizeRule

TILE = 40  # 1280x720, 1920x1080, 2560x1440 and 3840x2160 are whole multiples: they need no padding

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
    if rule.fit == "long_side":
        return _nearest(height, longest, rule), _nearest(width, longest, rule)
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


def padded(frame: Var) -> Var:
    """[B,H,W,C] with its last row and column repeated, up to whole tiles."""
    tile, none = integers(TILE), integers(0)

    def missing(axis: int) -> Var:
        length = extent(frame, axis)
        return op.mod(op.sub(tile, op.mod(length, tile)), tile)

    pads = op.concat([integers(0, 0, 0, 0, 0), missing(1), missing(2), none], axis=0)
    return op.pad(frame, pads, mode="edge")


def shrunk(picture: Var, height: Var, width: Var, *, channels: int = 3) -> Var:
    """[B,H,W,channels] in whole tiles -> [B,channels,height,width], values as they were.

    A box filter takes the whole-number part of the reduction and bilinear interpolation the rest: TensorRT
    has no antialiased resize.
    """
    batch, full_height, full_width = (extent(picture, axis) for axis in range(3))
    rows, columns = shrink_factor(full_height, height), shrink_factor(full_width, width)
    row_length = op.mul(full_width, integers(channels))
    # Rows first: a sum over whole rows is the one reduction that runs at memory speed on a CPU.
    small_height, small_width = op.div(full_height, rows), op.div(full_width, columns)
    stripes = op.reshape(picture, shape_of(batch, small_height, rows, row_length))
    summed = op.reduce_sum(stripes, integers(2), keepdims=False)
    planes = planes_from_pixels(summed, small_height, full_width, channels)
    boxes = op.reshape(planes, shape_of(batch, channels, small_height, small_width, columns))
    total = op.reduce_sum(boxes, integers(4), keepdims=False)
    mean = op.div(total, op.cast(op.mul(rows, columns), to=np.float32))
    return resized(mean, height, width)


def _nearest(length: Var, longest: Var, rule: SizeRule) -> Var:
    """`length` scaled so that `longest` is at most the rule's side, as the nearest whole multiple."""
    step = integers(rule.multiple_of)
    target = op.min([longest, integers(rule.side)])
    # (length * target / longest) / step, rounded: whole numbers throughout.
    doubled, divisor = op.mul(op.mul(length, target), integers(2)), op.mul(longest, step)
    count = op.div(op.add(doubled, divisor), op.mul(divisor, integers(2)))
    return op.mul(op.max([count, integers(2)]), step)
