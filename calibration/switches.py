"""A network in which each layer's rounding can be switched on and off while it runs.

One session answers "what if only these layers were in FP16 (INT8, FP8)?" for any set of layers: both forms
of every value are in the graph, and `Where` takes one. Rounding is simulated in FP32, as the typed graph
would store the values; the order of sums inside a layer is that of FP32.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from trt_anime.calibration.casting import element_types
from trt_anime.calibration.operators import MOVES, PRODUCTS
from trt_anime.calibration.ranges import Ranges, scale_of, up_to_half

Arrays = Mapping[str, NDArray[Any]]


@dataclass
class Additions:
    """Nodes and constants that a switchboard puts between those of the network."""

    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[TensorProto] = field(default_factory=list)

    def node(self, kind: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def constant(self, name: str, value: NDArray[Any] | TensorProto) -> str:
        tensor = value if isinstance(value, TensorProto) else numpy_helper.from_array(value)
        tensor.name = name
        self.constants.append(tensor)
        return name


class Rounding(Protocol):
    """How one precision stores values.

    Attributes:
        results: whether a layer's results are stored so, too, besides what it reads.
    """

    results: bool

    def value(self, name: str, output: str, graph: Additions) -> str:
        """Add the nodes that round the value `name`; returns the rounded value's name."""
        ...

    def weights(self, array: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
        """Rounded weights. `axis`: of the output channels."""
        ...


class Half:
    """FP16 storage."""

    results = True

    def value(self, name: str, output: str, graph: Additions) -> str:
        graph.node("Cast", [name], f"{output}:half", to=TensorProto.FLOAT16)
        return graph.node("Cast", [f"{output}:half"], output, to=TensorProto.FLOAT)

    def weights(self, array: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
        with np.errstate(over="ignore"):
            return array.astype(np.float16).astype(np.float32)


class Int8:
    """INT8 by these ranges: symmetric values for TensorRT, unsigned ones with a zero point for CPUs.

    Weights are symmetric, one scale a channel.
    """

    results = False

    def __init__(self, ranges: Ranges, *, symmetric: bool) -> None:
        self._ranges, self._symmetric = ranges, symmetric

    def value(self, name: str, output: str, graph: Additions) -> str:
        scale, zero = scale_of(self._ranges[name], symmetric=self._symmetric)
        kind = np.int8 if self._symmetric else np.uint8
        return _through_integers(name, output, graph, np.float32(scale), np.array(zero, kind))

    def weights(self, array: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
        scale = channel_scales(array, axis, 127.0, half=self._symmetric)
        return np.asarray(np.clip(np.round(array / scale), -127, 127) * scale, np.float32)


class Float8:
    """FP8 (E4M3, largest 448), scaled by these ranges; weights one scale a channel."""

    results = False

    def __init__(self, ranges: Ranges) -> None:
        self._ranges = ranges

    def value(self, name: str, output: str, graph: Additions) -> str:
        low, high = self._ranges[name]
        scale = np.float32(up_to_half(np.float32(max(-low, high, 1e-12) / 448)))
        zero = helper.make_tensor("", TensorProto.FLOAT8E4M3FN, [], [0.0])
        return _through_integers(name, output, graph, scale, zero)

    def weights(self, array: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
        import ml_dtypes

        scale = channel_scales(array, axis, 448.0, half=True)
        return np.asarray((array / scale).astype(ml_dtypes.float8_e4m3fn).astype(np.float32) * scale)


def channel_scales(
    array: NDArray[np.float32], axis: int, largest: float, *, half: bool
) -> NDArray[np.float32]:
    """Scale of each channel along `axis`, in the shape that broadcasts over `array`.

    `half`: rounded up to what FP16 holds, as it is written for TensorRT.
    """
    others = tuple(index for index in range(array.ndim) if index != axis)
    reach = np.maximum(np.abs(array).max(axis=others, keepdims=True), np.float32(1e-12))
    scales = np.asarray(reach / np.float32(largest), np.float32)
    return up_to_half(scales) if half else scales


class Switchboard:
    """The network with a switch at each layer.

    Attributes:
        layers: names of the nodes that have one, in the graph's order.
    """

    def __init__(self, network: onnx.ModelProto, rounding: Rounding, *, threads: int = 0) -> None:
        """`network`: as `network_of` gives it. `threads`: for ONNX Runtime; 0 leaves it to that."""
        import onnxruntime as ort

        nodes = layers_of(network, products_only=not rounding.results)
        self.layers = tuple(node.name for node in nodes)
        self._outputs = [value.name for value in network.graph.output]
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 4
        self._session: Any = ort.InferenceSession(
            _switched(network, self.layers, rounding).SerializeToString(),
            options,
            providers=["CPUExecutionProvider"],
        )

    def run(self, inputs: Arrays, rounded: Collection[str]) -> dict[str, NDArray[Any]]:
        """The network's outputs, with these layers rounded and the others in FP32."""
        switches = np.array([name in rounded for name in self.layers], np.bool_)
        results = self._session.run(self._outputs, {**inputs, _SWITCHES: switches})
        return dict(zip(self._outputs, results, strict=True))


_SWITCHES = "switches"


def layers_of(network: onnx.ModelProto, *, products_only: bool) -> list[onnx.NodeProto]:
    """The nodes that precision matters in: products with constant weights, or all that compute."""
    weights = {tensor.name for tensor in network.graph.initializer}
    if products_only:
        return [n for n in network.graph.node if n.op_type in PRODUCTS and n.input[1] in weights]
    floats = _floats(network)
    return [n for n in network.graph.node if n.op_type not in MOVES and n.output[0] in floats]


def weight_axis(product: onnx.NodeProto) -> int:
    """Where its weights have their output channels."""
    transposed = any(attribute.name == "transB" and attribute.i for attribute in product.attribute)
    return 0 if transposed or product.op_type == "Conv" else -1


def _switched(network: onnx.ModelProto, layers: Sequence[str], rounding: Rounding) -> onnx.ModelProto:
    result = onnx.ModelProto()
    result.CopyFrom(network)
    graph, place = Additions(), {name: number for number, name in enumerate(layers)}
    floats = _floats(network)
    weights = {tensor.name: tensor for tensor in network.graph.initializer}
    for node in network.graph.node:
        if node.name not in place:
            graph.nodes.append(node)
            continue
        number = place[node.name]
        graph.constant(f"switch:{number}", np.array(number, np.int64))
        graph.node("Gather", [_SWITCHES, f"switch:{number}"], f"on:{number}")
        _put_switch(node, f"on:{number}", graph, rounding, floats, weights)
    result.graph.ClearField("node")
    result.graph.node.extend(graph.nodes)
    result.graph.initializer.extend(graph.constants)
    result.graph.ClearField("value_info")
    switches = helper.make_tensor_value_info(_SWITCHES, TensorProto.BOOL, [len(layers)])
    result.graph.input.append(switches)
    return result


def _put_switch(
    node: onnx.NodeProto,
    switch: str,
    graph: Additions,
    rounding: Rounding,
    floats: Collection[str],
    weights: Mapping[str, TensorProto],
) -> None:
    def chosen(name: str, rounded: str) -> str:
        return graph.node("Where", [switch, rounded, name], f"{rounded}:chosen")

    copy = onnx.NodeProto()
    copy.CopyFrom(node)
    for index in _rounded_inputs(node, rounding):
        name, output = node.input[index], f"{node.name}:{index}"
        if name in weights and weights[name].data_type == TensorProto.FLOAT:
            array = numpy_helper.to_array(weights[name])
            axis = weight_axis(node) % max(array.ndim, 1)
            copy.input[index] = chosen(name, graph.constant(output, rounding.weights(array, axis)))
        elif name in floats:
            copy.input[index] = chosen(name, rounding.value(name, output, graph))
    if rounding.results:
        copy.output[0] = f"{node.name}:result"
    graph.nodes.append(copy)
    if rounding.results:
        rounded = rounding.value(copy.output[0], f"{node.name}:rounded", graph)
        graph.node("Where", [switch, rounded, copy.output[0]], node.output[0])


def _rounded_inputs(node: onnx.NodeProto, rounding: Rounding) -> range:
    """Biases stay exact where sums are kept in more bits; a Resize's factors are no values."""
    if node.op_type == "Resize":
        return range(1)
    return range(len(node.input)) if rounding.results else range(2)


def _floats(network: onnx.ModelProto) -> Collection[str]:
    return {name for name, kind in element_types(network).items() if kind == TensorProto.FLOAT}


def _through_integers(
    name: str, output: str, graph: Additions, scale: np.float32, zero: NDArray[Any] | TensorProto
) -> str:
    graph.constant(f"{output}:scale", np.array(scale, np.float32))
    graph.constant(f"{output}:zero", zero)
    parts = [f"{output}:scale", f"{output}:zero"]
    graph.node("QuantizeLinear", [name, *parts], f"{output}:integer")
    return graph.node("DequantizeLinear", [f"{output}:integer", *parts], output)
