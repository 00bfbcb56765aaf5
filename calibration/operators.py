"""Kinds of ONNX operators, as precision sees them."""

# They only move values, choose among them, or clip: rounding commutes with that, and rounds nothing anew.
MOVES = frozenset(
    (
        "Clip",
        "Concat",
        "Constant",
        "Expand",
        "Flatten",
        "Gather",
        "GatherElements",
        "GatherND",
        "Identity",
        "MaxPool",
        "Pad",
        "Relu",
        "Reshape",
        "ScatterElements",
        "ScatterND",
        "Shape",
        "Slice",
        "Split",
        "Squeeze",
        "Tile",
        "TopK",
        "Transpose",
        "Unsqueeze",
        "Where",
    )
)

# Sums of many products, whose weights may be constant.
PRODUCTS = frozenset(("Conv", "ConvTranspose", "Gemm", "MatMul"))
