"""3x3 convolutions by Winograd's minimal filtering, written with operators that ONNX Runtime is fast at.

A tile of 4x4 results takes 36 products for each pair of channels instead of 144: F(4x4, 3x3) of Lavin and
Gray, "Fast Algorithms for Convolutional Neural Networks", 2015. ONNX Runtime and OpenVINO sum directly on a
CPU. Here tiles are gathered, the changes of basis are products with small constant matrices, and what is
left are 36 products of matrices, which run at the speed that a convolution runs at.

Results differ from a direct sum's by rounding, some ten times as much as two direct sums do: 4e-5 where
values are near 1.
"""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from trt_anime.nodes import is_own, opset_of, walk

Weights = NDArray[np.float32]
Matrix = Sequence[Sequence[float]]

_TILE = 4  # results along its side
_REACH = _TILE + 2  # values along the side of what they are computed from

# Lavin and Gray, for the points 0, 1, -1, 2, -2 and infinity.
_OF_VALUES: Matrix = [
    [4, 0, -5, 0, 1, 0],
    [0, -4, -4, 1, 1, 0],
    [0, 4, -4, -1, 1, 0],
    [0, -2, -1, 2, 1, 0],
    [0, 2, -1, -2, 1, 0],
    [0, 4, 0, -5, 0, 1],
]
_OF_KERNEL: Matrix = [
    [1 / 4, 0, 0],
    [-1 / 6, -1 / 6, -1 / 6],
    [-1 / 6, 1 / 6, -1 / 6],
    [1 / 24, 1 / 12, 1 / 6],
    [1 / 24, -1 / 12, 1 / 6],
    [0, 0, 1],
]
_OF_RESULTS: Matrix = [[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]]

# With fewer, the changes of basis cost as much as they save.
LEAST_CHANNELS = 128
_OLDEST_OPSET = 15  # where Shape can tell a part


def with_winograd(model: onnx.ModelProto, folder: Path) -> dict[str, Weights]:
    """Rewrite the convolutions that gain by it, in place.

    They are float32, 3x3, of stride 1, neither dilated nor grouped, padded with zeros or not at all, with
    constant weights and 128 channels or more on both sides.

    Args:
        folder: where weights are that lie beside the graph.

    Returns:
        What the initializers that the graph has now without values are to be, four times as large as the
        kernels that they are made of; nothing where nothing was rewritten.
    """
    kernels = _kernels(model.graph)
    convolutions = {
        node.output[0]: convolution
        for node in model.graph.node
        if (convolution := _Convolution.of(node, kernels)) is not None
    }
    if not convolutions or opset_of(model) < _OLDEST_OPSET:
        return {}
    writer = _Writer()
    for node in list(model.graph.node):
        if node.output[0] in convolutions:
            writer.write(convolutions[node.output[0]])
        else:
            writer.nodes.append(node)
    del model.graph.node[:]
    model.graph.node.extend(writer.nodes)
    weights = {
        _changed(name): _in_basis(numpy_helper.to_array(kernels[name], str(folder)))
        for name in {convolution.kernel: None for convolution in convolutions.values()}
    }
    _remove_unread(model, kernels)
    model.graph.initializer.extend(writer.constants.values())
    model.graph.initializer.extend(_without_values(name, values) for name, values in weights.items())
    return weights


@dataclass(frozen=True)
class _Convolution:
    """A node that can be rewritten.

    Attributes:
        padding: zeros above, left, below and right.
    """

    name: str
    source: str
    kernel: str
    bias: str
    result: str
    inputs: int
    outputs: int
    padding: tuple[int, int, int, int]

    @classmethod
    def of(cls, node: onnx.NodeProto, kernels: Mapping[str, onnx.TensorProto]) -> "_Convolution | None":
        if node.op_type != "Conv" or not is_own(node.domain) or node.input[1] not in kernels:
            return None
        outputs, inputs = kernels[node.input[1]].dims[:2]
        about = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
        is_plain = (
            about.get("group", 1) == 1
            and set(about.get("strides", [1])) == set(about.get("dilations", [1])) == {1}
            and about.get("auto_pad", b"NOTSET") == b"NOTSET"
        )
        if not is_plain or min(inputs, outputs) < LEAST_CHANNELS:
            return None
        top, left, bottom, right = about.get("pads", [0, 0, 0, 0])
        bias = node.input[2] if len(node.input) > 2 else ""
        return cls(
            node.name or node.output[0],
            node.input[0],
            node.input[1],
            bias,
            node.output[0],
            inputs,
            outputs,
            (top, left, bottom, right),
        )


@dataclass(frozen=True)
class _Tiles:
    """What is computed from one map, for all convolutions that read it.

    Attributes:
        values: [36, tiles, channels], in the products' basis.
        count: of maps, [1]; likewise `rows` and `columns` of tiles, `height` and `width` of the result.
    """

    values: str
    count: str
    rows: str
    columns: str
    height: str
    width: str


class _Writer:
    """Nodes in their new order, and the constants that they read."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, onnx.TensorProto] = {}
        self._tiles: dict[tuple[str, tuple[int, int, int, int]], _Tiles] = {}
        self._prefix = ""

    def write(self, convolution: _Convolution) -> None:
        self._prefix = f"{convolution.name}/winograd"
        seen = convolution.source, convolution.padding
        if seen not in self._tiles:
            self._tiles[seen] = self._gathered(convolution)
        tiles = self._tiles[seen]
        products = self._node("MatMul", tiles.values, _changed(convolution.kernel))
        results = self._node("MatMul", self._basis(_OF_RESULTS, "results"), self._lines(products))
        placed = self._placed(results, tiles, convolution.outputs)
        if convolution.bias:
            placed = self._node("Add", placed, convolution.bias)
        self._node("Transpose", placed, perm=[0, 3, 1, 2], result=convolution.result)

    def _gathered(self, convolution: _Convolution) -> _Tiles:
        """Tiles that overlap, each value of a tile in a matrix of its own."""
        top, left, bottom, right = convolution.padding
        count, height, width = (self._size(convolution.source, axis) for axis in (0, 2, 3))
        result_height = self._node("Add", height, self._integers(top + bottom - 2))
        result_width = self._node("Add", width, self._integers(left + right - 2))
        rows, columns = self._tiles_of(result_height), self._tiles_of(result_width)
        tall, wide = self._reached(rows), self._reached(columns)
        below = self._node("Sub", tall, self._node("Add", height, self._integers(top)))
        beside = self._node("Sub", wide, self._node("Add", width, self._integers(left)))
        before = self._integers(0, top, left, 0, 0)
        margins = self._node("Concat", before, below, beside, self._integers(0), axis=0)
        pixels = self._node("Transpose", convolution.source, perm=[0, 2, 3, 1])
        padded = self._node("Pad", pixels, margins)
        flat = self._node("Reshape", padded, self._integers(-1, convolution.inputs))
        taken = self._node("Gather", flat, self._places(count, rows, columns, wide), axis=0)
        values = self._node("MatMul", self._basis(_OF_VALUES, "values"), self._lines(taken))
        values = self._node("Reshape", values, self._integers(_REACH**2, -1, convolution.inputs))
        return _Tiles(values, count, rows, columns, result_height, result_width)

    def _places(self, count: str, rows: str, columns: str, wide: str) -> str:
        """[36, tiles]: in which row of the padded maps, one pixel each, the values of the tiles are."""
        every = self._counted(self._node("Mul", count, rows))
        # A map is two rows higher than its tiles are.
        further = self._times(self._node("Div", every, rows), _REACH - _TILE)
        first = self._node("Mul", self._node("Add", self._times(every, _TILE), further), wide)
        across = self._times(self._counted(columns), _TILE)
        corners = self._node("Add", self._node("Reshape", first, self._integers(-1, 1)), across)
        row, column = (axis.reshape(-1, 1) for axis in np.indices((_REACH, _REACH)))
        within = self._node("Mul", self._constant("rows", row), wide)
        within = self._node("Add", within, self._constant("columns", column))
        return self._node("Add", within, self._node("Reshape", corners, self._integers(1, -1)))

    def _placed(self, results: str, tiles: _Tiles, channels: int) -> str:
        """[16, tiles * channels] -> [count, height, width, channels]."""
        side, last = self._integers(_TILE, _TILE), self._integers(channels)
        apart = self._node("Concat", side, tiles.count, tiles.rows, tiles.columns, last, axis=0)
        turned = self._node("Transpose", self._node("Reshape", results, apart), perm=[2, 3, 0, 4, 1, 5])
        tall, wide = (self._times(number, _TILE) for number in (tiles.rows, tiles.columns))
        whole = self._node("Concat", tiles.count, tall, wide, last, axis=0)
        ends = self._node("Concat", tiles.height, tiles.width, axis=0)
        starts, axes = self._integers(0, 0), self._integers(1, 2)
        return self._node("Slice", self._node("Reshape", turned, whole), starts, ends, axes)

    def _lines(self, values: str) -> str:
        return self._node("Reshape", values, self._integers(_REACH**2, -1))

    def _size(self, source: str, axis: int) -> str:
        return self._node("Shape", source, start=axis, end=axis + 1)

    def _tiles_of(self, length: str) -> str:
        return self._node(
            "Div", self._node("Add", length, self._integers(_TILE - 1)), self._integers(_TILE)
        )

    def _reached(self, tiles: str) -> str:
        return self._node("Add", self._times(tiles, _TILE), self._integers(_REACH - _TILE))

    def _times(self, values: str, factor: int) -> str:
        return self._node("Mul", values, self._integers(factor))

    def _counted(self, length: str) -> str:
        """0, 1, 2... length - 1."""
        start, step = self._constant("zero", np.array(0)), self._constant("one", np.array(1))
        return self._node("Range", start, self._node("Squeeze", length), step)

    def _basis(self, matrix: Matrix, name: str) -> str:
        return self._constant(name, _both_ways(matrix))

    def _integers(self, *values: int) -> str:
        return self._constant("_".join(map(str, values)), np.array(values))

    def _constant(self, name: str, values: NDArray[np.integer] | NDArray[np.floating]) -> str:
        name = f"winograd/{name}"
        if name not in self.constants:
            self.constants[name] = numpy_helper.from_array(values, name)
        return name

    def _node(self, kind: str, *inputs: str, result: str = "", **attributes: Any) -> str:
        name = f"{self._prefix}/{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [result or name], name=name, **attributes))
        return result or name


def _kernels(graph: onnx.GraphProto) -> dict[str, onnx.TensorProto]:
    """By name; one that is an input, too, can be given another value in every run."""
    given = {value.name for value in graph.input}
    return {
        tensor.name: tensor
        for tensor in graph.initializer
        if tensor.data_type == onnx.TensorProto.FLOAT
        and list(tensor.dims[2:]) == [3, 3]
        and tensor.name not in given
    }


def _in_basis(kernel: Weights) -> Weights:
    """[outputs, inputs, 3, 3] -> [36, inputs, outputs]."""
    outputs, inputs = kernel.shape[:2]
    lines = np.ascontiguousarray(kernel.reshape(outputs, inputs, -1).transpose(2, 1, 0))
    return (_both_ways(_OF_KERNEL) @ lines.reshape(len(lines), -1)).reshape(-1, inputs, outputs)


def _both_ways(matrix: Matrix) -> Weights:
    """A change of basis for rows and columns at once."""
    return np.kron(matrix, matrix).astype(np.float32)


def _changed(kernel: str) -> str:
    return f"{kernel}/winograd"


def _without_values(name: str, values: Weights) -> onnx.TensorProto:
    """ONNX has no such thing; a file is named that nobody opens."""
    tensor = onnx.TensorProto(name=name, dims=values.shape, data_type=onnx.TensorProto.FLOAT)
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="given")
    return tensor


def _remove_unread(model: onnx.ModelProto, names: Container[str]) -> None:
    """Initializers with these names that nothing reads any more."""
    read = {name for placed in walk(model) for name in placed.node.input}
    read.update(value.name for value in model.graph.output)
    initializers = model.graph.initializer
    for index in reversed(range(len(initializers))):
        if initializers[index].name in names and initializers[index].name not in read:
            del initializers[index]
