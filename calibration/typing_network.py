"""A network in a lower precision, written for what will run it."""

from collections.abc import Collection

import onnx

from trt_anime.calibration.attention import upcast_attention
from trt_anime.calibration.casting import with_groups_in_fp32
from trt_anime.calibration.fp16 import fp16_from_fp32
from trt_anime.calibration.qdq import fp8_from_fp32, int8_from_fp32
from trt_anime.calibration.ranges import Inputs, Ranges
from trt_anime.stage import COORDINATES
from trt_anime.typed import Form

# TensorRT-RTX has no FP32 matrix product for SM75: what stays out of FP16 keeps FP16 operands there and
# is summed in FP32, on every target alike.
_MATRIX_PRODUCTS = frozenset(("Einsum", "Gemm", "MatMul"))


def network_in(
    precision: str,
    network: onnx.ModelProto,
    *,
    form: Form,
    kept: Collection[str],
    islands: Collection[str],
    ranges: Ranges | None,
    inputs: Inputs | None,
) -> onnx.ModelProto:
    """The FP32 network in `precision`; inputs and outputs stay FP32.

    Args:
        kept: products without Q/DQ (INT8, FP8).
        islands: nodes that stay out of FP16.
        ranges: of the values that get Q/DQ; None for FP16.
        inputs: of the network, for real frames; None: no node is kept in FP32 for its values.

    Raises:
        EngineError: the network can't be written so.
        MissingError: ModelOpt, which writes FP16, isn't installed.
    """
    if ranges is None:
        return _half(network, islands, inputs)
    if form == "cpu":
        return int8_from_fp32(network, ranges, form="cpu", kept=kept)
    if precision == "fp8":
        return _half(fp8_from_fp32(network, ranges, kept=kept), islands, None)
    return _half(int8_from_fp32(network, ranges, form="tensorrt", kept=kept), islands, None)


def _half(network: onnx.ModelProto, islands: Collection[str], inputs: Inputs | None) -> onnx.ModelProto:
    """What isn't Q/DQ in FP16; attention summed in FP32."""
    nodes = [node for node in network.graph.node if node.name in islands]
    summed = [frozenset(node.output) for node in nodes if node.op_type in _MATRIX_PRODUCTS]
    single = {node.name for node in nodes if node.op_type not in _MATRIX_PRODUCTS}
    single |= {node.name for node in network.graph.node if COORDINATES in node.name}
    typed = upcast_attention(fp16_from_fp32(network, islands=single, inputs=inputs))
    return with_groups_in_fp32(typed, summed) if summed else typed
