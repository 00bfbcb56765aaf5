"""GridSample written with Gather: four pixels are fetched by index and mixed by computed weights.

TensorRT's own GridSample has given wrong values in deformable attention, silently, on several versions
and GPUs. This is the other way to say the same.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import spox.opset.ai.onnx.v20 as op
from onnx import TensorProto, compose
from spox import Tensor, Var, argument, build

from trt_anime.export.parts import check_valid
from trt_anime.hollow import hollow
from trt_anime.stage import COORDINATES

_FLOATS: dict[int, type] = {TensorProto.FLOAT: np.float32, TensorProto.FLOAT16: np.float16}
_CORNERS = ("top_left", "top_right", "bottom_left", "bottom_right")


def gather_from_grid_sample(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same graph with Gather in the place of GridSample.

    Replaced are the nodes that sample pictures [N,C,H,W] linearly, with zeros or the border's pixels
    outside, in float32 or float16; others stay. Either computes positions and weights in float32. The new
    nodes are named under the replaced one; names of values and metadata stay. `model` is left unchanged.

    Equal but for rounding where pictures and coordinates are finite, however far out these may be.
    """
    types = _types(model)
    nodes: list[onnx.NodeProto] = []
    for node in model.graph.node:
        picture = types.get(node.input[0]) if node.op_type == "GridSample" else None
        nodes += _lowered(node, picture) if picture and _fits(node, picture) else [node]
    result = onnx.ModelProto()
    result.CopyFrom(model)
    result.graph.ClearField("node")
    result.graph.node.extend(nodes)
    check_valid(result)
    return result


def _types(model: onnx.ModelProto) -> dict[str, onnx.TypeProto.Tensor]:
    graph = onnx.shape_inference.infer_shapes(hollow(model), data_prop=True).graph
    return {
        value.name: value.type.tensor_type for value in (*graph.input, *graph.value_info, *graph.output)
    }


def _attributes(node: onnx.NodeProto) -> dict[str, Any]:
    return {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute}


def _fits(node: onnx.NodeProto, picture: onnx.TypeProto.Tensor) -> bool:
    attributes = _attributes(node)
    return (
        picture.elem_type in _FLOATS
        and len(picture.shape.dim) == 4
        and attributes.get("mode", b"linear") in (b"linear", b"bilinear")
        and attributes.get("padding_mode", b"zeros") in (b"zeros", b"border")
    )


def _lowered(node: onnx.NodeProto, picture: onnx.TypeProto.Tensor) -> list[onnx.NodeProto]:
    attributes = _attributes(node)
    kind = _FLOATS[picture.elem_type]
    sizes = [d.dim_value if d.HasField("dim_value") else None for d in picture.shape.dim[2:]]
    inside = node.name + "/samples/"
    links = {"picture": node.input[0], "grid": node.input[1], "sampled": node.output[0]}
    links |= {name: inside + name for corner in _CORNERS for name in (f"{corner}_at", f"{corner}_share")}
    where = _coordinates(
        kind,
        sizes,
        align_corners=bool(attributes.get("align_corners", 0)),
        border=attributes.get("padding_mode") == b"border",
    )
    return [*_inlined(where, node.name + COORDINATES, links), *_inlined(_mixture(kind), inside, links)]


def _inlined(part: onnx.ModelProto, prefix: str, links: dict[str, str]) -> list[onnx.NodeProto]:
    """The nodes of `part`, named under `prefix`, its inputs and outputs renamed by `links`."""
    part = compose.add_prefix(part, prefix)
    links = {prefix + name: target for name, target in links.items()}
    for node in part.graph.node:
        node.input[:] = [links.get(name, name) for name in node.input]
        node.output[:] = [links.get(name, name) for name in node.output]
    return list(part.graph.node)


def _coordinates(
    kind: type, sizes: Sequence[int | None], *, align_corners: bool, border: bool
) -> onnx.ModelProto:
    """``grid`` [N,h,w,2] -> for each corner, ``…_at`` int64 [N,h,w,1] into H·W, ``…_share`` [N,h,w,1].

    ``picture`` [N,C,H,W] tells H and W where they aren't known.
    """
    grid = argument(Tensor(kind, ("batch", "rows", "columns", 2)))
    picture = argument(Tensor(kind, ("batch", "channels", "height", "width")))
    place = op.cast(grid, to=np.float32)
    taps = []
    for axis, coordinate in ((2, 1), (3, 0)):  # the grid has x before y
        known = sizes[axis - 2]
        length = op.const([known]) if known else op.shape(picture, start=axis, end=axis + 1)
        along = op.gather(place, op.const([coordinate]), axis=-1)
        taps.append((length, _taps(along, op.cast(length, to=np.float32), align_corners, border)))
    (_, rows), (width, columns) = taps
    corners = [(row, column) for row in rows for column in columns]
    outputs = {}
    for name, ((row, height_share), (column, width_share)) in zip(_CORNERS, corners, strict=True):
        outputs[f"{name}_at"] = op.add(op.mul(row, width), column)
        outputs[f"{name}_share"] = op.cast(op.mul(height_share, width_share), to=kind)
    given = {"grid": grid} if all(sizes) else {"grid": grid, "picture": picture}
    return build(given, outputs)


def _taps(along: Var, length: Var, align_corners: bool, border: bool) -> list[tuple[Var, Var]]:
    """The two pixels that a sample lies between on one axis: index int64, share float32.

    `along` is -1 at one end of the picture and 1 at the other, `length` the number of pixels.
    """
    minus_one, zero, one, two = (op.const(np.float32(value)) for value in (-1, 0, 1, 2))
    last = op.sub(length, one)
    if align_corners:
        position = op.mul(op.div(op.add(along, one), two), last)
    else:
        position = op.div(op.sub(op.mul(op.add(along, one), length), one), two)
    # Further out than a pixel, all is outside; an index must not overflow.
    low, high = (zero, last) if border else (minus_one, length)
    position = op.max([op.min([position, high]), low])
    before = op.floor(position)
    behind = op.add(before, one)
    result = []
    for tap, share in ((before, op.sub(behind, position)), (behind, op.sub(position, before))):
        inside = op.max([op.min([tap, last]), zero])
        share = op.where(op.equal(tap, inside), share, zero)
        result.append((op.cast(inside, to=np.int64), share))
    return result


def _mixture(kind: type) -> onnx.ModelProto:
    """``picture`` [N,C,H,W] and, for each corner, ``…_at`` and ``…_share`` -> ``sampled`` [N,C,h,w]."""
    picture = argument(Tensor(kind, ("batch", "channels", "height", "width")))
    flat = op.reshape(picture, op.const([0, 0, -1]))
    pixels = op.transpose(flat, perm=[0, 2, 1])  # a pixel's channels lie side by side, and are read at once
    given, parts = {"picture": picture}, []
    for name in _CORNERS:
        at = argument(Tensor(np.int64, ("batch", "rows", "columns", 1)))
        share = argument(Tensor(kind, ("batch", "rows", "columns", 1)))
        given |= {f"{name}_at": at, f"{name}_share": share}
        parts.append(op.mul(op.gather_nd(pixels, at, batch_dims=1), share))
    sampled = op.add(op.add(parts[0], parts[1]), op.add(parts[2], parts[3]))
    return build(given, {"sampled": op.transpose(sampled, perm=[0, 3, 1, 2])})
