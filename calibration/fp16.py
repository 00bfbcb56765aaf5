"""The FP16 graph: the network in half precision, what surrounds it in single precision.

TensorRT-RTX and TensorRT 11 take precision from the graph alone: it is written as casts.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto

from trt_anime.errors import EngineError, MissingError

NETWORK = "net/"  # what the names of the network's nodes begin with; others are pre/ and post/

_FLOATS: dict[int, str] = {
    TensorProto.FLOAT: "float32",
    TensorProto.FLOAT16: "float16",
    TensorProto.BFLOAT16: "bfloat16",
    TensorProto.DOUBLE: "float64",
}


def fp16_from_fp32(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same graph with the nodes named ``net/…`` in FP16, casts around them.

    Inputs, outputs, all other nodes and their constants stay as they are. Operators that ONNX
    doesn't define for FP16 stay FP32 inside the network. `model` is left unchanged.

    Raises:
        EngineError: the graph has no node of the network, or the result isn't valid ONNX.
        MissingError: ONNX Runtime isn't installed.
    """
    convert_float_to_float16, topological_sort = _tools()
    graph = onnx.ModelProto()
    graph.CopyFrom(model)
    others = [node.name for node in graph.graph.node if not node.name.startswith(NETWORK)]
    if len(others) == len(graph.graph.node):
        raise EngineError(
            f"FP16: the graph has no node named {NETWORK}…, so it isn't known what may be FP16"
        )
    _part_constants(graph.graph)
    typed: onnx.ModelProto = convert_float_to_float16(graph, keep_io_types=True, node_block_list=others)
    topological_sort(typed.graph)
    try:
        onnx.checker.check_model(typed, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise EngineError(f"FP16: the typed graph isn't valid: {error}") from error
    return typed


def precision_share(model: onnx.ModelProto) -> dict[str, float]:
    """Share of the nodes with floating-point output per type, casts and constants not counted."""
    types = _types(model)
    counted = Counter(
        _FLOATS[types[node.output[0]]]
        for node in model.graph.node
        if node.op_type not in ("Cast", "Constant") and types.get(node.output[0]) in _FLOATS
    )
    return {name: round(count / counted.total(), 4) for name, count in sorted(counted.items())}


@dataclass(frozen=True)
class Difference:
    """How far one output is from another, in the output's own unit."""

    max: float
    mean: float


def difference(
    one: onnx.ModelProto, other: onnx.ModelProto, inputs: dict[str, NDArray[Any]]
) -> dict[str, Difference]:
    """Run both graphs on ONNX Runtime's CPU provider and compare, output by output.

    `inputs` has each input's array under its name, in the layout and dtype that the graphs state.
    """
    from onnxruntime import InferenceSession

    names = [output.name for output in one.graph.output]
    left, right = (
        InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"]).run(names, inputs)
        for model in (one, other)
    )
    return {name: _difference(a, b) for name, a, b in zip(names, left, right, strict=True)}


def _difference(one: NDArray[Any], other: NDArray[Any]) -> Difference:
    gap = np.abs(one.astype(np.float64) - other.astype(np.float64))
    return Difference(max=float(gap.max()), mean=float(gap.mean()))


def _tools() -> tuple[Any, Any]:
    try:
        from onnxruntime.transformers.float16 import convert_float_to_float16
        from onnxruntime.transformers.onnx_model import OnnxModel
    except ImportError as error:
        raise MissingError(
            f"FP16 needs pip install 'trt-anime[cpu]' or 'trt-anime[gpu]' ({error})"
        ) from error
    return convert_float_to_float16, OnnxModel.graph_topological_sort


def _part_constants(graph: onnx.GraphProto) -> None:
    """Give the network constants of its own, so that rounding them leaves the other nodes' alone."""
    _initializers_from_constants(graph)
    constants = {tensor.name: tensor for tensor in graph.initializer}
    outside = {name for node in graph.node if not node.name.startswith(NETWORK) for name in node.input}
    for node in graph.node:
        if node.name.startswith(NETWORK):
            for index, name in enumerate(node.input):
                if name in constants and name in outside:
                    node.input[index] = _own(graph, constants, name)


def _initializers_from_constants(graph: onnx.GraphProto) -> None:
    others = onnx.GraphProto()
    for node in graph.node:
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            tensor = graph.initializer.add()
            tensor.CopyFrom(node.attribute[0].t)
            tensor.name = node.output[0]
        else:
            others.node.append(node)
    graph.ClearField("node")
    graph.node.extend(others.node)


def _own(graph: onnx.GraphProto, constants: dict[str, TensorProto], name: str) -> str:
    own = NETWORK + name
    if own not in constants:
        tensor = graph.initializer.add()
        tensor.CopyFrom(constants[name])
        tensor.name = own
        constants[own] = tensor
    return own


def _types(model: onnx.ModelProto) -> dict[str, int]:
    graph = onnx.shape_inference.infer_shapes(model).graph
    values = (*graph.input, *graph.value_info, *graph.output)
    return {value.name: value.type.tensor_type.elem_type for value in values}
