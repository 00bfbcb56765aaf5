"""Before the networks: a frame becomes the encoder's image, boxes in its pixels the decoder's tokens."""

import math

import numpy as np
import onnx
import spox.opset.ai.onnx.v20 as op
from spox import Tensor, Var, argument, build

from trt_anime.export.geometry import TILE, integers, scalar, shape_of, shrunk
from trt_anime.export.mask.networks import PromptTables
from trt_anime.export.recipes.mask import Masking

# How many times the image's side a frame is long that a box filter shrinks before anything else does.
BOXED = 4


def image_graph_before(rule: Masking) -> onnx.ModelProto:
    """In: ``frame`` uint8 [B,H,W,3] RGB. Out: ``image`` float32 [B,3,side,side].

    The authors' code shrinks with an antialiased filter, which TensorRT has not. Here a frame that is to be
    shrunk is resized to twice its size in the image and averaged; from four times that size on, a box
    filter goes before.
    """
    frame = argument(Tensor(np.uint8, ("batch", "height", "width", 3)))
    size = op.shape(frame, start=1, end=3)
    inner = inner_size(size, rule)
    picture = _in_tiles(op.cast(frame, to=np.float32), size, rule)
    twice = op.where(op.greater(size, inner), integers(2, 2), integers(1, 1))
    # Tiles reach beyond the frame: they are resized by the frame's own ratio, and cut off again.
    target = _rounded(op.mul(op.shape(picture, start=1, end=3), inner), size)
    fine = shrunk(picture, *_both(op.mul(target, twice)))
    seen = op.slice(_averaged(fine, target, twice), integers(0, 0), inner, integers(2, 3))
    scaled = op.mul(seen, scalar(1 / 255))
    image = op.div(op.sub(scaled, _per_channel(rule.mean)), _per_channel(rule.std))
    if rule.fit == "corner":
        missing = op.sub(integers(rule.side, rule.side), inner)
        image = op.pad(image, op.concat([integers(0, 0, 0, 0, 0, 0), missing], axis=0))
    return build({"frame": frame}, {"image": image})


def mask_graph_before(rule: Masking, tables: PromptTables) -> onnx.ModelProto:
    """In: ``boxes`` float32 [B,N,4], ``size`` int64 [2], the frame's H and W. Out: ``prompts`` float32
    [B,N,P,C]; ``frame_size`` int64 [2], `size` again; ``inner`` int64 [2], what of the image is frame.
    """
    boxes = argument(Tensor(np.float32, ("batch", "prompts", 4)))
    size = argument(Tensor(np.int64, (2,)))
    inner = inner_size(size, rule)
    ratio = op.div(op.cast(inner, to=np.float32), op.cast(size, to=np.float32))
    height, width = _both(ratio)
    corners = op.mul(boxes, op.concat([width, height, width, height], axis=0))
    upper, lower = (
        op.add(_places(corners, first, rule, tables), op.const(kind))
        for first, kind in ((0, tables.upper), (2, tables.lower))
    )
    tokens = [upper, lower]
    if tables.stop is not None:
        # Multiplied by nothing, so that it has as many rows as the boxes.
        tokens.append(op.add(op.mul(upper, scalar(0)), op.const(tables.stop)))
    prompts = op.concat([op.unsqueeze(token, integers(2)) for token in tokens], axis=2)
    outputs = {"prompts": prompts, "frame_size": op.identity(size), "inner": inner}
    return build({"boxes": boxes, "size": size}, outputs)


def inner_size(size: Var, rule: Masking) -> Var:
    """int64 [2]: height and width that the frame has in the network's image."""
    if rule.fit == "stretch":
        return op.mul(op.div(size, size), integers(rule.side, rule.side))
    longest = op.reduce_max(size, keepdims=True)
    return op.max([_rounded(op.mul(size, integers(rule.side)), longest), integers(1)])


def _in_tiles(picture: Var, size: Var, rule: Masking) -> Var:
    """[B,H,W,3]; frames that a box filter is going to shrink are padded to what it divides."""
    longest = op.reduce_max(size, keepdims=True)
    wide = op.greater_or_equal(longest, integers(BOXED * rule.side))
    tile = op.where(wide, integers(TILE), integers(1))
    missing = op.mod(op.sub(tile, op.mod(size, tile)), tile)
    return op.pad(picture, op.concat([integers(0, 0, 0, 0, 0), missing, integers(0)], axis=0), mode="edge")


def _averaged(planes: Var, target: Var, boxes: Var) -> Var:
    """[B,3,h*a,w*b] -> [B,3,h,w], for `target` (h, w) and `boxes` (a, b)."""
    (height, width), (rows, columns) = _both(target), _both(boxes)
    grid = op.reshape(planes, shape_of(-1, 3, height, rows, width, columns))
    return op.reduce_mean(grid, integers(3, 5), keepdims=False)


def _both(sizes: Var) -> tuple[Var, Var]:
    """int64 [2] -> int64 [1] twice."""
    return op.slice(sizes, integers(0), integers(1)), op.slice(sizes, integers(1), integers(2))


def _rounded(dividend: Var, divisor: Var) -> Var:
    """The nearest whole quotient, halves upwards."""
    two = integers(2)
    return op.div(op.add(op.mul(dividend, two), divisor), op.mul(divisor, two))


def _places(corners: Var, first: int, rule: Masking, tables: PromptTables) -> Var:
    """[B,N,C]: one corner of each box as sines; no product of matrices, which SM75 has in FP16 only."""
    x, y = (
        op.slice(corners, integers(axis), integers(axis + 1), integers(2)) for axis in (first, first + 1)
    )
    along_x, along_y = (
        op.mul(
            op.sub(op.mul(op.add(place, scalar(0.5)), scalar(2 / rule.side)), scalar(1)),
            op.const(frequencies[None, None]),
        )
        for place, frequencies in zip((x, y), tables.frequencies, strict=True)
    )
    angle = op.mul(op.add(along_x, along_y), scalar(2 * math.pi))
    return op.concat([op.sin(angle), op.cos(angle)], axis=2)


def _per_channel(values: tuple[float, float, float]) -> Var:
    return op.const(np.array(values, np.float32).reshape(1, 3, 1, 1))
