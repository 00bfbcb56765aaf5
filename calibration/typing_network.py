"""A network in a lower precision, written for what will run it."""

from collections.abc import Collection
from dataclasses import dataclass

import onnx

from trt_anime.calibration.attention import upcast_attention
from trt_anime.calibration.casting import with_groups_in_fp32
from trt_anime.calibration.fp16 import fp16_from_fp32, nodes_in_fp32
from trt_anime.calibration.qdq import fp8_from_fp32, int8_from_fp32
from trt_anime.calibration.ranges import Inputs, Ranges
from trt_anime.stage import COORDINATES
from trt_anime.typed import Form

# TensorRT-RTX has no FP32 matrix product for SM75: what stays out of FP16 keeps FP16 operands there and
# is summed in FP32, on every target alike.
_MATRIX_PRODUCTS = frozenset(("Einsum", "Gemm", "MatMul"))


@dataclass(frozen=True, eq=False)
class Typed:
    """A network in a lower precision.

    Attributes:
        single: nodes that AutoCast left in FP32 unasked: they read or give values above
            `fp16.LARGEST_VALUE` on the frames, or ONNX doesn't define them for FP16.
    """

    model: onnx.ModelProto
    single: tuple[str, ...] = ()


def network_in(
    precision: str,
    network: onnx.ModelProto,
    *,
    form: Form,
    kept: Collection[str] = (),
    islands: Collection[str] = (),
    ranges: Ranges | None = None,
    inputs: Inputs | None = None,
) -> Typed:
    """The FP32 network in `precision`; inputs and outputs stay FP32.

    Args:
        kept: products without Q/DQ (INT8, FP8).
        islands: nodes that stay out of FP16.
        ranges: of the values that get Q/DQ; None for FP16.
        inputs: of the network, for real frames; None: no node stays in FP32 for its values. For FP16 alone:
            INT8 and FP8 are told the same nodes as `islands`.

    Raises:
        EngineError: the network can't be written so.
        MissingError: ModelOpt, which writes FP16, isn't installed.
    """
    if ranges is None:
        return _half(network, islands, inputs)
    if precision == "fp8":
        return _half(fp8_from_fp32(network, ranges, kept=kept), islands, None)
    quantized = int8_from_fp32(network, ranges, form=form, kept=kept)
    return Typed(quantized) if form == "cpu" else _half(quantized, islands, None)


def _half(network: onnx.ModelProto, islands: Collection[str], inputs: Inputs | None) -> Typed:
    """What isn't Q/DQ in FP16; attention summed in FP32."""
    nodes = [node for node in network.graph.node if node.name in islands]
    summed = [frozenset(node.output) for node in nodes if node.op_type in _MATRIX_PRODUCTS]
    single = {node.name for node in nodes if node.op_type not in _MATRIX_PRODUCTS}
    single |= {node.name for node in network.graph.node if COORDINATES in node.name}
    single |= _conversions(network, single)
    half = fp16_from_fp32(network, islands=single, inputs=inputs)
    typed = upcast_attention(half)
    unasked = tuple(name for name in nodes_in_fp32(half) if name not in single)
    return Typed(with_groups_in_fp32(typed, summed) if summed else typed, unasked)


def _conversions(network: onnx.ModelProto, single: Collection[str]) -> set[str]:
    """Q behind and DQ before these nodes: what is too large for FP16 would be cast to it there."""
    made = {name for node in network.graph.node if node.name in single for name in node.output}
    read = {name for node in network.graph.node if node.name in single for name in node.input}
    return {
        node.name
        for node in network.graph.node
        if (node.op_type == "QuantizeLinear" and node.input[0] in made)
        or (node.op_type == "DequantizeLinear" and node.output[0] in read)
    }
