"""Small networks, written node by node, and how to run them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from trt_anime.calibration.parity import run_with_onnxruntime

Array = NDArray[Any]
Shape = Sequence[int | str]


def node(kind: str, inputs: str, output: str, **attributes: Any) -> onnx.NodeProto:
    """A node named ``net/<output>``; `inputs` are separated by blanks, ``-`` is one left out."""
    names = ["" if name == "-" else name for name in inputs.split()]
    return helper.make_node(kind, names, [output], name=f"net/{output}", **attributes)


def network(*nodes: onnx.NodeProto, weights: Mapping[str, Array], x: Shape, y: Shape) -> onnx.ModelProto:
    """``x`` f32 -> ``y`` f32, at opset 20."""
    graph = helper.make_graph(
        list(nodes),
        "small",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, x)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, y)],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    onnx.checker.check_model(model, full_check=True)
    return model


def pictures() -> onnx.ModelProto:
    """``x`` [batch, 3, 16, 16] -> ``y`` [batch, 6, 32, 32], 0..1: all that a matting network has."""
    random = np.random.default_rng(0)
    return network(
        node("Conv", "x stem_w stem_b", "stem", pads=[1, 1, 1, 1]),
        node("Relu", "stem", "stem_relu"),
        node("MaxPool", "stem_relu", "pool", kernel_shape=[2, 2], strides=[2, 2]),
        node("Conv", "pool deep_w", "deep", pads=[1, 1, 1, 1]),
        node("Relu", "deep", "deep_relu"),
        node("Add", "deep_relu pool", "residual"),
        node("Conv", "residual thin_w", "thin"),
        node("Resize", "thin - factors", "larger", mode="linear"),
        node("Concat", "larger stem_relu", "both", axis=1),
        node("Conv", "both join_w", "join", pads=[1, 1, 1, 1]),
        node("ConvTranspose", "join up_w", "up", strides=[2, 2]),
        node("Sigmoid", "up", "y"),
        weights={
            "stem_w": weights(random, 8, 3, 3, 3),
            "stem_b": weights(random, 8),
            "deep_w": weights(random, 8, 8, 3, 3),
            "thin_w": weights(random, 8, 8, 1, 1),
            "factors": np.array([1, 1, 2, 2], np.float32),
            "join_w": weights(random, 4, 16, 3, 3),
            "up_w": weights(random, 4, 6, 2, 2),
        },
        x=["batch", 3, 16, 16],
        y=["batch", 6, 32, 32],
    )


def tokens() -> onnx.ModelProto:
    """``x`` [batch, 6, 16] -> ``y`` [batch, 10]: the half of a transformer that has constant weights."""
    random = np.random.default_rng(1)
    return network(
        node("LayerNormalization", "x norm_w norm_b", "norm"),
        node("MatMul", "norm wide_w", "wide"),
        node("Add", "wide wide_b", "wide_sum"),
        node("Gelu", "wide_sum", "gelu"),
        node("MatMul", "gelu narrow_w", "narrow"),
        node("Add", "narrow x", "residual"),
        node("Flatten", "residual", "flat"),
        node("Gemm", "flat head_w head_b", "y", transB=1),
        weights={
            "norm_w": np.ones(16, np.float32),
            "norm_b": np.zeros(16, np.float32),
            "wide_w": weights(random, 16, 32),
            "wide_b": weights(random, 32),
            "narrow_w": weights(random, 32, 16),
            "head_w": weights(random, 10, 96),
            "head_b": weights(random, 10),
        },
        x=["batch", 6, 16],
        y=["batch", 10],
    )


def weights(random: np.random.Generator, *shape: int) -> Array:
    """Normal, such that a convolution's results are about as large as its inputs."""
    return np.asarray(random.standard_normal(shape) / np.sqrt(np.prod(shape[1:])), np.float32)


def examples(model: onnx.ModelProto, count: int = 4, *, seed: int = 2) -> list[dict[str, Array]]:
    """Inputs ``x``, normal, one frame each."""
    random = np.random.default_rng(seed)
    shape = [axis.dim_value or 1 for axis in model.graph.input[0].type.tensor_type.shape.dim]
    return [{"x": random.standard_normal(shape).astype(np.float32)} for _ in range(count)]


def outputs(model: onnx.ModelProto, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """On ONNX Runtime, FP16 rounded node by node."""
    return dict(run_with_onnxruntime(model, threads=1)(inputs))


def values(model: onnx.ModelProto, inputs: Mapping[str, Array], *names: str) -> dict[str, Array]:
    """Values from inside the graph, by name."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    present = {value.name for value in copy.graph.output}
    copy.graph.output.extend(
        helper.make_tensor_value_info(name, TensorProto.FLOAT, None)
        for name in names
        if name not in present
    )
    return {name: array for name, array in outputs(copy, inputs).items() if name in names}


def difference(one: onnx.ModelProto, other: onnx.ModelProto, inputs: Mapping[str, Array]) -> float:
    """The largest between two graphs, over all outputs."""
    left, right = outputs(one, inputs), outputs(other, inputs)
    assert left.keys() == right.keys()
    return max(float(np.abs(left[name].astype(np.float64) - right[name]).max()) for name in left)


def initializers(model: onnx.ModelProto) -> dict[str, Array]:
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}


def makers(model: onnx.ModelProto) -> dict[str, onnx.NodeProto]:
    """Value -> the node that puts it out."""
    return {name: found for found in model.graph.node for name in found.output}
