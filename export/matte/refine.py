"""Alpha and foreground colour at the guide's resolution, in coefficients that full resolution applies.

Guided filter: He, Sun, Tang, "Guided Image Filtering", TPAMI 2013, in the fast form of He and Sun,
"Fast Guided Filter", 2015: the local linear model alpha = a . colour + b is fitted on a small picture
and applied to the full-resolution colours, so thin lines and strands that the network never saw come
back. Foreground colour: Forte, "Approximate Fast Foreground Colour Estimation", ICIP 2021.
"""

from collections.abc import Sequence

import numpy as np
import spox.opset.ai.onnx.v20 as op
from spox import Var

from trt_anime.export.geometry import TILE, extent, integers, planes_from_pixels, resized, scalar, shape_of
from trt_anime.export.matte.options import RefineOptions

# The guide is the picture this many times smaller, where the filter's coefficients are computed.
SCALE = 4
GUIDE_TILE = TILE // SCALE

# Order of the coefficient planes that `coefficients` returns.
PLANES = 12

EDGE_BLOCK = 5  # divides GUIDE_TILE, so the guide has whole blocks


def guide_of(picture: Var) -> Var:
    """[B,H,W,3] 0..255 -> [B,3,H/4,W/4] 0..1, the mean of each 4x4 block."""
    batch, height, width = (extent(picture, axis) for axis in range(3))
    scale = integers(SCALE)
    rows = op.reshape(picture, shape_of(batch, op.div(height, scale), SCALE, op.mul(width, integers(3))))
    summed = op.reduce_sum(rows, integers(2), keepdims=False)
    planes = planes_from_pixels(summed, op.div(height, scale), width, 3)
    means = op.average_pool(planes, kernel_shape=(1, SCALE), strides=(1, SCALE))
    return op.mul(means, scalar(1 / (255 * SCALE)))


def coefficients(guide: Var, matte: Var, options: RefineOptions) -> tuple[Var, Var]:
    """What full resolution needs to know, at the guide's resolution.

    Args:
        guide: float32 [B,3,h,w] in [0, 1], RGB.
        matte: float32 [B,1,h,w] in [0, 1], the network's map.

    Returns:
        planes: float32 [B,12,h,w]: the linear model (3 weights, 1 offset), the lowest and the highest
            alpha allowed, the local foreground colour (3) and the local background colour (3).
        alpha: float32 [B,1,h,w] in [0, 1], the same model applied to the guide itself.
    """
    weights, offset = _linear_model(guide, matte, options)
    edge = _edge_share(matte, options)
    weights = op.mul(weights, edge)
    offset = op.add(op.mul(offset, edge), op.mul(matte, op.sub(scalar(1), edge)))
    lowest, highest = _bounds(matte)
    alpha = bounded_alpha(guide, weights, offset, lowest, highest)
    foreground, background = _local_colours(guide, alpha, options)
    return op.concat([weights, offset, lowest, highest, foreground, background], axis=1), alpha


def bounded_alpha(colour: Var, weights: Var, offset: Var, lowest: Var, highest: Var) -> Var:
    """clamp(weights . colour + offset) into [lowest, highest], all [B,C,h,w]."""
    value = op.add(op.reduce_sum(op.mul(weights, colour), integers(1)), offset)
    return op.max([op.min([value, highest]), lowest])


def _linear_model(guide: Var, matte: Var, options: RefineOptions) -> tuple[Var, Var]:
    """The filter's a [B,3,h,w] and b [B,1,h,w], stretched so that low..high becomes 0..1."""
    # Around 0 instead of 0.5, rounding costs the small variances of flat colour a quarter as much.
    half = scalar(0.5)
    centred = op.sub(guide, half)
    products = [op.mul(x, y) for x, y in _pairs(*op.split(centred, num_outputs=3, axis=1))]
    stack = op.concat([centred, matte, op.mul(centred, matte), *products], axis=1)
    means = _box(stack, options.radius, channels=13)
    colour, level, colour_level, moments = op.split(means, integers(3, 1, 3, 6), axis=1)
    squares = [op.mul(x, y) for x, y in _pairs(*op.split(colour, num_outputs=3, axis=1))]
    spread = op.sub(moments, op.concat(squares, axis=1))
    regular = np.array([1, 0, 0, 1, 0, 1], np.float32).reshape(1, 6, 1, 1) * np.float32(options.epsilon)
    covariance = op.split(op.add(spread, op.const(regular)), num_outputs=6, axis=1)
    relation = op.split(op.sub(colour_level, op.mul(colour, level)), num_outputs=3, axis=1)
    weights = _solve(covariance, relation)
    offset = op.sub(level, op.reduce_sum(op.mul(weights, op.add(colour, half)), integers(1)))
    smooth = _box(op.concat([weights, offset], axis=1), options.radius, channels=4)
    weights, offset = op.split(smooth, integers(3, 1), axis=1)
    gain = scalar(1 / (options.high - options.low))
    return op.mul(weights, gain), op.mul(op.sub(offset, scalar(options.low)), gain)


def _pairs(x: Var, y: Var, z: Var) -> list[tuple[Var, Var]]:
    return [(x, x), (x, y), (x, z), (y, y), (y, z), (z, z)]


def _solve(matrix: Sequence[Var], vector: Sequence[Var]) -> Var:
    """x [B,3,h,w] with M x = v, M symmetric and positive (xx, xy, xz, yy, yz, zz), by its L D Lᵀ.

    Where a window holds two flat colours, as in cels, M is all but singular: elimination loses 3 of
    float32's 7 digits there, a quotient of determinants all of them. No MatMul on purpose: TensorRT-RTX
    has no FP32 one for SM75.
    """
    xx, xy, xz, yy, yz, zz = matrix
    x, y, z = vector

    def less(value: Var, *factors: tuple[Var, Var]) -> Var:
        for one, other in factors:
            value = op.sub(value, op.mul(one, other))
        return value

    l_xy, l_xz = op.div(xy, xx), op.div(xz, xx)
    d_y, rest = less(yy, (l_xy, xy)), less(yz, (l_xy, xz))
    l_yz = op.div(rest, d_y)
    d_z = less(zz, (l_xz, xz), (l_yz, rest))
    y = less(y, (l_xy, x))
    z = less(z, (l_xz, x), (l_yz, y))
    third = op.div(z, d_z)
    second = less(op.div(y, d_y), (l_yz, third))
    first = less(op.div(x, xx), (l_xy, second), (l_xz, third))
    return op.concat([first, second, third], axis=1)


def _edge_share(matte: Var, options: RefineOptions) -> Var:
    """1 where the map rises from background to character nearby, 0 where the network merely doubts."""
    rise = op.sub(_block_peak(matte), op.neg(_block_peak(op.neg(matte))))
    share = _ramp(rise, options.edge_low, options.edge_high)
    return resized(share, extent(matte, 2), extent(matte, 3))


def _block_peak(plane: Var) -> Var:
    """[B,1,h,w] -> [B,1,h/5,w/5]: the maximum in each 5x5 block and the blocks around it."""
    blocks, _ = op.max_pool(plane, kernel_shape=(EDGE_BLOCK, EDGE_BLOCK), strides=(EDGE_BLOCK, EDGE_BLOCK))
    return _dilated(blocks)


def _bounds(matte: Var) -> tuple[Var, Var]:
    """Lowest and highest alpha allowed: colour may not overrule a network that is certain around here."""
    lowest = _ramp(op.neg(_dilated(op.neg(matte))), 0.4, 1.0)
    highest = _ramp(_dilated(matte), 0.0, 0.6)
    smooth = _box(op.concat([lowest, highest], axis=1), 1, channels=2)
    lowest, highest = op.split(smooth, num_outputs=2, axis=1)
    return lowest, highest


def _local_colours(guide: Var, alpha: Var, options: RefineOptions) -> tuple[Var, Var]:
    """Mean colour of what is surely foreground, and surely background, around each pixel; [B,3,h,w]."""
    front = op.mul(alpha, alpha)
    rest = op.sub(scalar(1), alpha)
    back = op.mul(rest, rest)
    stack = op.concat([op.mul(guide, front), front, op.mul(guide, back), back], axis=1)
    sums = _box(stack, options.colour_radius, channels=8)
    front_colour, front_sum, back_colour, back_sum = op.split(sums, integers(3, 1, 3, 1), axis=1)
    # A grain of the pixel's own colour: where one side is out of reach, the colour stays as it is.
    grain = scalar(1e-3)

    def mean(colour: Var, total: Var) -> Var:
        return op.div(op.add(colour, op.mul(guide, grain)), op.add(total, grain))

    return mean(front_colour, front_sum), mean(back_colour, back_sum)


def _ramp(value: Var, low: float, high: float) -> Var:
    """0 below `low`, 1 above `high`, linear between."""
    slope = 1 / (high - low)
    return op.clip(op.add(op.mul(value, scalar(slope)), scalar(-low * slope)), scalar(0), scalar(1))


def _box(planes: Var, radius: int, *, channels: int) -> Var:
    """Mean over (2 radius + 1)² pixels, edges replicated. A depthwise Conv is the fastest form on a CPU."""
    size = 2 * radius + 1
    padded = op.pad(planes, integers(0, 0, radius, radius, 0, 0, radius, radius), mode="edge")
    row = op.const(np.full((channels, 1, 1, size), 1 / size, np.float32))
    column = op.const(np.full((channels, 1, size, 1), 1 / size, np.float32))
    return op.conv(op.conv(padded, row, group=channels), column, group=channels)


def _dilated(plane: Var) -> Var:
    """The maximum of the 3x3 neighbourhood."""
    peak, _ = op.max_pool(plane, kernel_shape=(3, 3), pads=(1, 1, 1, 1))
    return peak
