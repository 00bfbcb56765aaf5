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

# Sums of many products that have kernels on integers and FP8. ConvTranspose has none in ONNX Runtime and in
# TensorRT-RTX, for any GPU: with Q/DQ it is computed in floats, and the conversions come on top.
PRODUCTS = frozenset(("Conv", "Gemm", "MatMul"))
