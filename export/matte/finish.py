"""After the network: its map and the full-resolution picture in, uint8 RGBA at frame size out.

Only the edge band needs full resolution. The picture is cut into tiles; those with the widest span of
possible alpha, up to a fixed share of all, are gathered, refined and scattered back. A fixed share
instead of "all that need it" keeps every shape known, which TensorRT and CUDA graphs require.
"""

import numpy as np
import onnx
import spox.opset.ai.onnx.v20 as op
from spox import Tensor, Var, argument, build

from trt_anime.export.geometry import (
    TILE,
    canvas_margins,
    extent,
    integers,
    network_size,
    pixels_from_planes,
    planes_from_pixels,
    resized,
    scalar,
    shape_of,
)
from trt_anime.export.matte.options import LEAST_TILES, MOST_TILES, RefineOptions
from trt_anime.export.matte.refine import GUIDE_TILE, PLANES, SCALE, bounded_alpha, coefficients, guide_of
from trt_anime.export.recipes.matte import Preprocess

_HALO_TILE = GUIDE_TILE + 2  # one guide pixel around, so that upsampling a tile needs no neighbour


def finish_graph(rule: Preprocess, options: RefineOptions) -> onnx.ModelProto:
    """The graph after the network.

    In: ``size`` int64 [2], the frame's H and W; ``picture`` float32 [B,H',W',3] 0..255; ``map`` float32
    [B,1,h,w], the network's output. Out: ``rgba`` uint8 [B,H,W,4], straight alpha.
    """
    size = argument(Tensor(np.int64, (2,)))
    picture = argument(Tensor(np.float32, ("batch", "padded_height", "padded_width", 3)))
    network_map = argument(Tensor(np.float32, ("batch", 1, "map_height", "map_width")))
    guide = guide_of(picture)
    matte = resized(_matte(network_map, picture, rule), extent(guide, 2), extent(guide, 3))
    planes, alpha = coefficients(guide, matte, options)
    chosen = _chosen_tiles(planes, options)
    plain = _plain_rgba(picture, alpha)
    fine = _fine_rgba(picture, planes, chosen, options)
    whole = _scattered(plain, fine, chosen)
    rgba = op.cast(op.slice(whole, integers(0, 0), size, integers(1, 2)), to=np.uint8)
    return build({"size": size, "picture": picture, "map": network_map}, {"rgba": rgba})


def _matte(network_map: Var, picture: Var, rule: Preprocess) -> Var:
    """The network's map as alpha in [0, 1] over the picture's extent."""
    if rule.size_rule.fit == "letterbox":
        height, width = network_size(picture, rule.size_rule)
        top, left = canvas_margins(height, width, rule.size_rule)
        start = op.concat([top, left], axis=0)
        end = op.add(start, op.concat([height, width], axis=0))
        network_map = op.slice(network_map, start, end, integers(2, 3))
    if rule.output == "sigmoid":
        network_map = op.sigmoid(network_map)
    elif rule.output == "min_max":
        lowest = op.reduce_min(network_map, integers(1, 2, 3))
        span = op.sub(op.reduce_max(network_map, integers(1, 2, 3)), lowest)
        # A constant map has nothing to stretch: it becomes 0.
        network_map = op.div(op.sub(network_map, lowest), op.max([span, scalar(1e-6)]))
    return op.clip(network_map, scalar(0), scalar(1))


def _grid(picture: Var) -> tuple[Var, Var, Var]:
    """(batch, tile rows, tile columns), int64 [1] each."""
    tile = integers(TILE)
    return extent(picture, 0), op.div(extent(picture, 1), tile), op.div(extent(picture, 2), tile)


def _chosen_tiles(planes: Var, options: RefineOptions) -> Var:
    """int64 [B,K]: tiles in which alpha has the widest span, by index in the frame's grid."""
    span = op.sub(_plane(planes, 5), _plane(planes, 4))
    scores = op.reshape(_tile_peak(span), integers(0, -1))
    tiles = extent(scores, 1)
    wanted = op.cast(op.ceil(op.mul(op.cast(tiles, to=np.float32), scalar(options.capacity))), to=np.int64)
    count = op.min([op.max([wanted, integers(LEAST_TILES)]), tiles, integers(MOST_TILES)])
    _, index = op.top_k(scores, count, axis=1)
    return index


def _tile_peak(plane: Var) -> Var:
    """[B,1,h,w] at the guide's resolution -> [B,1,rows,columns]: the maximum in each tile and its halo."""
    size, step = (_HALO_TILE, _HALO_TILE), (GUIDE_TILE, GUIDE_TILE)
    peak, _ = op.max_pool(plane, kernel_shape=size, strides=step, pads=(1, 1, 1, 1))
    return peak


def _plane(planes: Var, index: int) -> Var:
    return op.slice(planes, integers(index), integers(index + 1), integers(1))


def _picture_rows(picture: Var, chosen: Var) -> Var:
    """int64 [B*K*TILE]: rows of the chosen tiles in `picture` seen as [B*H'*(W'/TILE), TILE*C]."""
    batch, rows, columns = _grid(picture)
    order = op.range(op.const(0), op.squeeze(batch), op.const(1))
    first_row = op.mul(op.reshape(order, integers(-1, 1)), op.mul(rows, integers(TILE)))
    top = op.add(first_row, op.mul(op.div(chosen, columns), integers(TILE)))
    inside = op.const(np.arange(TILE, dtype=np.int64).reshape(1, 1, TILE))
    lines = op.add(op.unsqueeze(top, integers(2)), inside)
    across = op.unsqueeze(op.mod(chosen, columns), integers(2))
    return op.reshape(op.add(op.mul(lines, columns), across), integers(-1))


def _plane_pixels(planes: Var, chosen: Var, columns: Var) -> Var:
    """int64 [B*K*halo²]: pixels of the chosen tiles, halo included, in `planes` padded by one pixel."""
    height, width = op.add(extent(planes, 2), integers(2)), op.add(extent(planes, 3), integers(2))
    order = op.range(op.const(0), op.squeeze(extent(planes, 0)), op.const(1))
    top = op.add(
        op.mul(op.reshape(order, integers(-1, 1)), height),
        op.mul(op.div(chosen, columns), integers(GUIDE_TILE)),
    )
    left = op.mul(op.mod(chosen, columns), integers(GUIDE_TILE))
    steps = np.arange(_HALO_TILE, dtype=np.int64)
    lines = op.add(op.reshape(top, integers(0, -1, 1, 1)), op.const(steps.reshape(1, 1, -1, 1)))
    across = op.add(op.reshape(left, integers(0, -1, 1, 1)), op.const(steps.reshape(1, 1, 1, -1)))
    return op.reshape(op.add(op.mul(lines, width), across), integers(-1))


def _interpolation() -> np.ndarray:
    """float32 [TILE, halo tile]: bilinear weights, half-pixel centres, from guide to full resolution."""
    position = (np.arange(TILE) + 0.5) / SCALE + 0.5  # + 0.5: the halo pixel, minus half a pixel
    lower = np.floor(position).astype(int)
    weights = np.zeros((TILE, _HALO_TILE), np.float32)
    weights[np.arange(TILE), lower] = 1 - (position - lower)
    weights[np.arange(TILE), lower + 1] = position - lower
    return weights


def _tile_planes(planes: Var, chosen: Var, columns: Var) -> Var:
    """The coefficient planes of the chosen tiles at full resolution: [B*K,PLANES,TILE,TILE].

    Upsampling is one 1x1 Conv an axis: as fast as the MatMul that SM75 lacks, four times as fast as Resize.
    """
    padded = op.pad(planes, integers(0, 0, 1, 1, 0, 0, 1, 1), mode="edge")
    pixels = op.reshape(pixels_from_planes(padded, PLANES), integers(-1, PLANES))
    gathered = op.gather(pixels, _plane_pixels(planes, chosen, columns), axis=0)
    weights = op.const(_interpolation()[:, :, None])
    wide = op.conv(op.reshape(gathered, integers(-1, _HALO_TILE, PLANES)), weights)
    full = op.conv(op.reshape(wide, integers(-1, _HALO_TILE, TILE * PLANES)), weights)
    return planes_from_pixels(full, integers(TILE), integers(TILE), PLANES)


def _fine_rgba(picture: Var, planes: Var, chosen: Var, options: RefineOptions) -> Var:
    """[B*K*TILE, TILE*4]: the chosen tiles at full resolution, 0..255, whole numbers."""
    _, _, columns = _grid(picture)
    rows = op.gather(op.reshape(picture, integers(-1, TILE * 3)), _picture_rows(picture, chosen), axis=0)
    tiles = planes_from_pixels(rows, integers(TILE), integers(TILE), 3)
    colour = op.mul(tiles, scalar(1 / 255))
    parts = op.split(_tile_planes(planes, chosen, columns), integers(3, 1, 1, 1, 3, 3), axis=1)
    weights, offset, lowest, highest, front, back = parts
    alpha = bounded_alpha(colour, weights, offset, lowest, highest)
    mixed = op.add(op.mul(front, alpha), op.mul(back, op.sub(scalar(1), alpha)))
    # Ridge solution of colour = alpha F + (1 - alpha) B for F around `front`; exact where alpha is 1.
    trust = scalar(options.colour_trust)
    gain = op.div(op.mul(alpha, op.add(scalar(1), trust)), op.add(op.mul(alpha, alpha), trust))
    pure = op.add(front, op.mul(gain, op.sub(colour, mixed)))
    rgba = op.round(op.mul(op.clip(op.concat([pure, alpha], axis=1), scalar(0), scalar(1)), scalar(255)))
    colours, opacity = op.split(rgba, integers(3, 1), axis=1)
    visible = op.min([opacity, scalar(1)])
    layered = op.concat([op.mul(colours, visible), opacity], axis=1)
    return op.reshape(pixels_from_planes(layered, 4), integers(-1, TILE * 4))


def _plain_rgba(picture: Var, alpha: Var) -> Var:
    """[B,H',W',4], 0..255: the picture with the guide's alpha, colour 0 in tiles that are empty."""
    batch, rows, columns = _grid(picture)
    height, width = extent(picture, 1), extent(picture, 2)
    large = op.round(op.mul(resized(alpha, height, width), scalar(255)))
    seen = op.clip(op.round(op.mul(_tile_peak(alpha), scalar(255))), scalar(0), scalar(1))
    visible = op.reshape(seen, shape_of(batch, rows, 1, columns, 1))
    tiles = op.reshape(picture, shape_of(batch, rows, TILE, columns, TILE * 3))
    colours = op.reshape(op.mul(tiles, visible), op.shape(picture))
    return op.concat([colours, op.reshape(large, shape_of(batch, height, width, 1))], axis=3)


def _scattered(plain: Var, fine: Var, chosen: Var) -> Var:
    rows = op.reshape(plain, integers(-1, TILE * 4))
    index = op.unsqueeze(_picture_rows(plain, chosen), integers(1))
    return op.reshape(op.scatter_nd(rows, index, fine), op.shape(plain))
