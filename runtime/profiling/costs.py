"""What an operator costs, from its shapes: floating-point (or integer) operations.

A multiplication with its addition counts as two. Bytes, which `layers` counts, are what an operator reads
and writes where nothing stays in a cache: an upper bound of what crosses the memory bus.
"""

from collections.abc import Sequence
from math import prod

from trt_anime.runtime.devices.api import Shape

# Products: where the second input of a convolution lies, and the operators that multiply matrices.
_CONVOLUTIONS = {
    "Conv": 1,
    "FusedConv": 1,
    "NhwcFusedConv": 1,
    "ConvInteger": 1,
    "QLinearConv": 3,
}
_PRODUCTS = {
    "MatMul": (0, 1),
    "FusedMatMul": (0, 1),
    "MatMulInteger": (0, 1),
    "DynamicQuantizeMatMul": (0, 1),
    "MatMulIntegerToFloat": (0, 1),
    "QLinearMatMul": (0, 3),
    "Gemm": (0, 1),
    "FusedGemm": (0, 1),
    "QGemm": (0, 3),
}
# These move or name values and compute none.
_MOVES = frozenset(
    (
        *("Cast", "Concat", "Constant", "Expand", "Flatten", "Gather", "GatherElements", "GatherND"),
        *("Identity", "Pad", "ReorderInput", "ReorderOutput", "Reshape", "ScatterElements", "ScatterND"),
        *("Shape", "Slice", "Split", "Squeeze", "Tile", "Transpose", "Unsqueeze"),
    )
)


def operations(kind: str, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> int:
    """Operations of one run; what is neither a product nor a move counts one for each value it makes.

    Args:
        kind: the operator, as ONNX or ONNX Runtime calls it.
        inputs, outputs: shapes in the operator's order; (N, C, H, W) for convolutions.
    """
    made = sum(prod(shape) for shape in outputs)
    if kind in _CONVOLUTIONS and len(inputs) > _CONVOLUTIONS[kind]:
        return 2 * made * prod(inputs[_CONVOLUTIONS[kind]][1:])
    if kind == "ConvTranspose" and len(inputs) > 1:
        return 2 * prod(inputs[0]) * prod(inputs[1][1:])
    if kind in _PRODUCTS and len(inputs) > max(_PRODUCTS[kind]):
        return 2 * made * _contracted(inputs[_PRODUCTS[kind][0]], inputs[_PRODUCTS[kind][1]], outputs[0])
    return 0 if kind in _MOVES else made


def _contracted(left: Shape, right: Shape, out: Shape) -> int:
    """Length of the dimension that a product sums over, whichever sides are transposed."""
    last = left[-1] if left else 1
    if len(left) < 2 or len(right) < 2 or len(out) < 2:
        return last
    return last if left[-2] == out[-2] else left[-2]
