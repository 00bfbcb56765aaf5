"""How much of a graph is in which precision."""

from collections import Counter

import onnx
from onnx import TensorProto

from trt_anime.calibration.casting import element_types

_TYPES: dict[int, str] = {
    TensorProto.FLOAT: "float32",
    TensorProto.FLOAT16: "float16",
    TensorProto.BFLOAT16: "bfloat16",
    TensorProto.DOUBLE: "float64",
}
_NOT_COUNTED = ("Cast", "Constant", "QuantizeLinear")


def precision_share(model: onnx.ModelProto) -> dict[str, float]:
    """Share of the nodes with floating-point output per type.

    Casts, constants and Q/DQ aren't counted; a product whose inputs come from Q/DQ counts as ``int8`` or
    ``float8``, which is what it is meant to be computed in.
    """
    types = element_types(model)
    quantized = {
        node.output[0]: _integer(types, node)
        for node in model.graph.node
        if node.op_type == "DequantizeLinear"
    }
    counted: Counter[str] = Counter()
    for node in model.graph.node:
        if node.op_type in (*_NOT_COUNTED, "DequantizeLinear") or not node.output:
            continue
        if len(node.input) > 1 and all(name in quantized for name in node.input[:2]):
            counted[quantized[node.input[0]]] += 1
        elif (kind := types.get(node.output[0])) in _TYPES:
            counted[_TYPES[kind]] += 1
    return {name: round(count / counted.total(), 4) for name, count in sorted(counted.items())}


def _integer(types: dict[str, int], node: onnx.NodeProto) -> str:
    return "float8" if types.get(node.input[0]) == TensorProto.FLOAT8E4M3FN else "int8"
