"""What an operator costs, from its shapes: floating-point (or integer) operations.

A multiplication with its addition counts as two. ONNX's operators are known, and those that ONNX Runtime
makes of them. Every shape has to be told: its profile leaves out weights that it packed before the run.
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
_MATRICES = {
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
_OTHERS = frozenset(("ConvTranspose", "Attention", "Einsum"))
# These move or name values and compute none.
_MOVES = frozenset(
    (
        *("Cast", "Concat", "Constant", "Expand", "Flatten", "Gather", "GatherElements", "GatherND"),
        *("Identity", "Pad", "QLinearConcat", "ReorderInput", "ReorderOutput", "Reshape"),
        *("ScatterElements", "ScatterND", "Shape", "Slice", "Split", "Squeeze", "Tile", "Transpose"),
        "Unsqueeze",
    )
)


def is_product(kind: str) -> bool:
    """Whether it is a convolution, or multiplies matrices."""
    return kind in _CONVOLUTIONS or kind in _MATRICES or kind in _OTHERS


def operations(kind: str, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> int | None:
    """Operations of one run; what is neither a product nor a move counts one for each value it makes.

    Args:
        kind: the operator, as ONNX or ONNX Runtime calls it.
        inputs, outputs: shapes in the operator's order, weights too; (N, C, H, W) for convolutions.

    Returns:
        None for a product of which a factor's shape isn't told.
    """
    if not is_product(kind):
        return 0 if kind in _MOVES else sum(map(prod, outputs))
    left, right = _MATRICES.get(kind, (0, _CONVOLUTIONS.get(kind, 1)))
    if len(inputs) <= right and kind != "Einsum":
        return None
    made, factors = sum(map(prod, outputs)), (inputs[left], inputs[min(right, len(inputs) - 1)])
    if kind in _CONVOLUTIONS:
        return 2 * made * prod(factors[1][1:])
    if kind == "ConvTranspose":
        return 2 * prod(factors[0]) * prod(factors[1][1:])
    if kind == "Attention":
        return _attention(*factors)
    if kind == "Einsum":  # every index once: exact where all are summed or kept by one pair
        return 2 * made * (factors[0][-1] if factors[0] else 1)
    return 2 * made * _contracted(*factors, outputs[0])


def _attention(query: Shape, key: Shape) -> int:
    """Queries by keys, then the weighted values, each of the same size.

    ONNX Runtime's own takes a sequence and the weights that make all three of it.
    """
    if len(key) > 2:
        return 4 * prod(query) * key[-2]
    batch, length, _ = query
    return 2 * prod(query) * key[1] + 4 * batch * length * length * key[1] // 3


def _contracted(left: Shape, right: Shape, out: Shape) -> int:
    """Length of the dimension that a product sums over, whichever sides are transposed."""
    if min(len(left), len(right)) < 2:
        return left[-1] if left else 1
    return left[-1] * left[-2] // max(out[-2], 1)
