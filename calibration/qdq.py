"""Explicit Q/DQ, written in two ways from the same ranges, by ONNX Runtime's quantizer.

For TensorRT: int8, symmetric, at the inputs of products only, so that a product with what follows it up to
the next Q is one fused piece, and nothing else is slowed by conversions. For CPUs: uint8 with a zero point
(ONNX Runtime has no fast kernel for signed activations), around everything that has an integer kernel, so
that values stay integers from product to product. Weights are int8, symmetric, one scale a channel.
"""

from collections.abc import Collection, Mapping
from typing import Any, Literal

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from trt_anime.calibration.casting import element_types
from trt_anime.calibration.operators import MOVES, PRODUCTS
from trt_anime.calibration.ranges import Ranges, up_to_half
from trt_anime.calibration.switches import layers_of

Form = Literal["tensorrt", "cpu"]

# Besides products: what ONNX Runtime and OpenVINO compute on integers.
_ON_INTEGERS = frozenset(("Add", "Clip", "Concat", "GlobalAveragePool", "MaxPool", "Relu", "Resize"))
# Kinds of nodes that hand a value on; a product in high precision wants it unrounded.
_HANDS_ON = MOVES | {"Resize"}

FLOAT8_LARGEST = 448.0


def quantized_nodes(network: onnx.ModelProto, *, form: Form, kept: Collection[str]) -> list[str]:
    """Names of the nodes that get Q/DQ; `kept` are products that stay out of it."""
    products = {node.name for node in layers_of(network, products_only=True)} - set(kept)
    if form == "tensorrt":
        return [node.name for node in network.graph.node if node.name in products]
    out, types = _before(network, kept), element_types(network)
    return [
        node.name
        for node in network.graph.node
        if node.name in products
        or (
            node.op_type in _ON_INTEGERS
            and node.name not in out
            and types.get(node.output[0]) == TensorProto.FLOAT
        )
    ]


def values_to_calibrate(network: onnx.ModelProto, *, form: Form) -> list[str]:
    """Names of the values that need a range, for whatever is kept later."""
    chosen = set(quantized_nodes(network, form=form, kept=()))
    weights = {tensor.name for tensor in network.graph.initializer}
    found: dict[str, None] = {}
    for node in network.graph.node:
        if node.name in chosen:
            count = len(node.input) if node.op_type in ("Add", "Concat") else 1
            results = () if form == "tensorrt" else node.output[:1]
            found |= {name: None for name in (*node.input[:count], *results) if name not in weights}
    return list(found)


def int8_from_fp32(
    network: onnx.ModelProto, ranges: Ranges, *, form: Form, kept: Collection[str]
) -> onnx.ModelProto:
    """The network with Q/DQ; what has none stays FP32. `network` is left unchanged.

    For TensorRT, every scale is a number that FP16 holds.
    """
    result = _with_pairs(network, ranges, form=form, kept=kept)
    if form == "tensorrt":
        _rescale(result, network, factor=1, kind=TensorProto.INT8)
    return result


def fp8_from_fp32(network: onnx.ModelProto, ranges: Ranges, *, kept: Collection[str]) -> onnx.ModelProto:
    """As `int8_from_fp32` for TensorRT, in FP8 (E4M3); ONNX Runtime's quantizer scales it by no range."""
    result = _with_pairs(network, ranges, form="tensorrt", kept=kept)
    _rescale(result, network, factor=127 / FLOAT8_LARGEST, kind=TensorProto.FLOAT8E4M3FN)
    return result


def _with_pairs(
    network: onnx.ModelProto, ranges: Ranges, *, form: Form, kept: Collection[str]
) -> onnx.ModelProto:
    from onnxruntime.quantization import QuantType
    from onnxruntime.quantization.qdq_quantizer import QDQQuantizer

    copy = onnx.ModelProto()
    copy.CopyFrom(network)
    nodes = quantized_nodes(network, form=form, kept=kept)
    if not nodes:
        return copy  # to the quantizer, none means all
    kinds = sorted({node.op_type for node in network.graph.node if node.name in set(nodes)})
    symmetric = form == "tensorrt"
    quantizer = QDQQuantizer(
        copy,
        per_channel=True,
        reduce_range=False,
        weight_qType=QuantType.QInt8,
        activation_qType=QuantType.QInt8 if symmetric else QuantType.QUInt8,
        tensors_range=_tensors_data(ranges),
        nodes_to_quantize=nodes,
        nodes_to_exclude=[],
        op_types_to_quantize=kinds,
        extra_options={
            "ActivationSymmetric": symmetric,
            "WeightSymmetric": True,
            "QuantizeBias": not symmetric,
            "OpTypesToExcludeOutputQuantization": kinds if symmetric else [],
        },
    )
    quantizer.quantize_model()
    quantizer.model.topological_sort()
    result: onnx.ModelProto = quantizer.model.model
    exact = {*kept, *_before(network, kept)}
    if form == "cpu":
        exact |= _behind(network, nodes)
    _unround(result, network, set(nodes), exact, integers=nodes if form == "cpu" else ())
    return result


def _tensors_data(ranges: Ranges) -> Any:
    from onnxruntime.quantization.calibrate import CalibrationMethod, TensorData, TensorsData

    limits: dict[str, Any] = {
        name: TensorData(lowest=np.float32(low), highest=np.float32(high))
        for name, (low, high) in ranges.items()
    }
    return TensorsData(CalibrationMethod.MinMax, limits)  # only the data's form: (lowest, highest)


def _rescale(result: onnx.ModelProto, network: onnx.ModelProto, *, factor: float, kind: int) -> None:
    """Multiply every scale, round it up to FP16, and round the weights anew by it, to integers or FP8."""
    weights = {tensor.name: tensor for tensor in network.graph.initializer}
    tensors = {tensor.name: tensor for tensor in result.graph.initializer}
    for node in result.graph.node:
        if node.op_type != "DequantizeLinear":
            continue
        value, scale, zero = node.input
        scales = up_to_half(numpy_helper.to_array(tensors[scale]) * np.float32(factor))
        tensors[scale].CopyFrom(numpy_helper.from_array(scales, scale))
        zeros = np.zeros(scales.shape, helper.tensor_dtype_to_np_dtype(kind))
        tensors[zero].CopyFrom(numpy_helper.from_array(zeros, zero))
        if value in tensors:
            exact = numpy_helper.to_array(weights[value.removesuffix("_quantized")])
            tensors[value].CopyFrom(numpy_helper.from_array(_rounded(exact, scales, node, kind), value))


def _rounded(
    exact: NDArray[np.float32], scales: NDArray[np.float32], dequantize: onnx.NodeProto, kind: int
) -> NDArray[Any]:
    axis = next((attribute.i for attribute in dequantize.attribute if attribute.name == "axis"), 1)
    shape = [1] * exact.ndim
    shape[axis] = scales.size
    steps = exact / scales.reshape(shape)
    if kind == TensorProto.INT8:
        steps = np.round(steps)
    return steps.astype(helper.tensor_dtype_to_np_dtype(kind))


def _before(network: onnx.ModelProto, kept: Collection[str]) -> set[str]:
    """Nodes that only hand values on to the products in `kept`, back to where those are computed."""
    makers = {name: node for node in network.graph.node for name in node.output}
    found: set[str] = set()
    waiting = [node.input[0] for node in network.graph.node if node.name in kept]
    while waiting:
        maker = makers.get(waiting.pop())
        if maker is not None and maker.op_type in _HANDS_ON and maker.name not in found:
            found.add(maker.name)
            waiting += maker.input
    return found


def _behind(network: onnx.ModelProto, quantized: Collection[str]) -> set[str]:
    """Nodes without Q/DQ that lead to no product any more: the network's end.

    A matte's last map is steep: 256 steps of it show at every edge, and there is one channel of it.
    """
    ahead: set[str] = set()  # values that a product will read, itself or behind other nodes
    found = set()
    for node in reversed(network.graph.node):
        if node.op_type in (*PRODUCTS, "ConvTranspose") or not ahead.isdisjoint(node.output):
            ahead.update(node.input)
        elif node.name not in quantized:
            found.add(node.name)
    return found


def _unround(
    model: onnx.ModelProto,
    network: onnx.ModelProto,
    quantized: Collection[str],
    exact: Collection[str],
    *,
    integers: Collection[str],
) -> None:
    """Let nodes without Q/DQ read what was there before it: rounding it for them would gain nothing.

    But for results of the nodes in `integers`, which put out integers if nobody reads their result
    otherwise. Nodes in `exact` have them all unrounded.
    """
    originals = {node.name: node for node in network.graph.node if node.name not in quantized}
    results = {name for node in network.graph.node if node.name in integers for name in node.output}
    weights = {tensor.name: tensor for tensor in network.graph.initializer}
    makers = {name: node for node in model.graph.node for name in node.output}
    present = {*makers, *(tensor.name for tensor in model.graph.initializer)}
    for node in model.graph.node:
        if node.name not in originals:
            continue
        for index, name in enumerate(originals[node.name].input):
            if name in weights:
                node.input[index] = name
                if name not in present:  # a product with Q/DQ has the same weights; biases keep their names
                    model.graph.initializer.append(weights[name])
                    present.add(name)
            elif node.name in exact or name not in results:
                node.input[index] = _unrounded(node.input[index], makers)


def _unrounded(name: str, makers: Mapping[str, onnx.NodeProto]) -> str:
    dequantize = makers.get(name)
    if dequantize is None or dequantize.op_type != "DequantizeLinear":
        return name
    quantize = makers.get(dequantize.input[0])
    return quantize.input[0] if quantize and quantize.op_type == "QuantizeLinear" else name
