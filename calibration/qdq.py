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
from onnx import TensorProto, helper, numpy_helper

from trt_anime.calibration.ranges import Ranges, scale_of
from trt_anime.calibration.switches import MOVES, channel_scales, layers_of, weight_axis

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
    out = _before(network, kept)
    return [
        node.name
        for node in network.graph.node
        if node.name in products or (node.op_type in _ON_INTEGERS and node.name not in out)
    ]


def values_to_calibrate(network: onnx.ModelProto, *, form: Form) -> list[str]:
    """Names of the values that need a range, for whatever is kept later."""
    chosen = set(quantized_nodes(network, form=form, kept=()))
    weights = {tensor.name for tensor in network.graph.initializer}
    found: dict[str, None] = {}
    for node in network.graph.node:
        if node.name in chosen:
            count = 1 if node.op_type != "Concat" and node.op_type != "Add" else len(node.input)
            results = () if form == "tensorrt" else node.output[:1]
            found |= {name: None for name in (*node.input[:count], *results) if name not in weights}
    return list(found)


def int8_from_fp32(
    network: onnx.ModelProto, ranges: Ranges, *, form: Form, kept: Collection[str]
) -> onnx.ModelProto:
    """The network with Q/DQ; what has none stays FP32. `network` is left unchanged."""
    from onnxruntime.quantization import QuantType
    from onnxruntime.quantization.calibrate import TensorsData
    from onnxruntime.quantization.qdq_quantizer import QDQQuantizer

    copy = onnx.ModelProto()
    copy.CopyFrom(network)
    nodes = quantized_nodes(network, form=form, kept=kept)
    kinds = sorted({node.op_type for node in network.graph.node if node.name in set(nodes)})
    symmetric = form == "tensorrt"
    limits = {name: _limits(limits, symmetric=symmetric) for name, limits in ranges.items()}
    quantizer = QDQQuantizer(
        copy,
        per_channel=True,
        reduce_range=False,
        weight_qType=QuantType.QInt8,
        activation_qType=QuantType.QInt8 if symmetric else QuantType.QUInt8,
        tensors_range=TensorsData(_calibration_method(), limits),
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
    _unround(result, set(nodes))
    return result


def fp8_from_fp32(network: onnx.ModelProto, ranges: Ranges, *, kept: Collection[str]) -> onnx.ModelProto:
    """As `int8_from_fp32` for TensorRT, in FP8 (E4M3); ONNX Runtime's quantizer scales it by no range."""
    result = int8_from_fp32(network, ranges, form="tensorrt", kept=kept)
    weights = {tensor.name: tensor for tensor in network.graph.initializer}
    axes = {node.input[1]: weight_axis(node.op_type) for node in layers_of(network, products_only=True)}
    tensors = {tensor.name: tensor for tensor in result.graph.initializer}
    for node in result.graph.node:
        if node.op_type not in ("QuantizeLinear", "DequantizeLinear"):
            continue
        value, scale, zero = node.input
        if tensors[zero].data_type != TensorProto.FLOAT8E4M3FN:
            factor = np.float32(127 / FLOAT8_LARGEST)
            tensors[scale].CopyFrom(
                numpy_helper.from_array(numpy_helper.to_array(tensors[scale]) * factor, scale)
            )
            size = int(np.prod(tensors[zero].dims))
            empty = helper.make_tensor(zero, TensorProto.FLOAT8E4M3FN, tensors[zero].dims, [0.0] * size)
            tensors[zero].CopyFrom(empty)
        source = value.removesuffix("_quantized")
        if value in tensors and source in weights:
            tensors[value].CopyFrom(_float8(weights[source], axes[source], value))
    return result


def _float8(tensor: TensorProto, axis: int, name: str) -> TensorProto:
    import ml_dtypes

    array = numpy_helper.to_array(tensor)
    scaled = array / channel_scales(array, axis % array.ndim, FLOAT8_LARGEST)
    return numpy_helper.from_array(scaled.astype(ml_dtypes.float8_e4m3fn), name)


def _limits(limits: tuple[float, float], *, symmetric: bool) -> Any:
    from onnxruntime.quantization.calibrate import TensorData

    low, high = limits
    if low == high:  # never anything but 0: any scale is right, none is not
        high = scale_of(limits, symmetric=False)[0] * 255
    return TensorData(lowest=np.float32(low), highest=np.float32(high))


def _calibration_method() -> Any:
    from onnxruntime.quantization.calibrate import CalibrationMethod

    return CalibrationMethod.MinMax  # the form of the data: (lowest, highest), however they were found


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


def _unround(model: onnx.ModelProto, quantized: Collection[str]) -> None:
    """Let all other nodes read what was there before Q/DQ: rounding it for them would gain nothing."""
    graph = model.graph
    sources: Mapping[str, onnx.NodeProto] = {node.output[0]: node for node in graph.node}
    for node in graph.node:
        if node.name not in quantized and node.op_type not in ("QuantizeLinear", "DequantizeLinear"):
            node.input[:] = [_unrounded(name, sources) for name in node.input]


def _unrounded(name: str, sources: Mapping[str, onnx.NodeProto]) -> str:
    dequantize = sources.get(name)
    if dequantize is None or dequantize.op_type != "DequantizeLinear":
        return name
    quantize = sources.get(dequantize.input[0])
    return quantize.input[0] if quantize and quantize.op_type == "QuantizeLinear" else name
