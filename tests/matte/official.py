"""A file as they were published in 2020: opset 11, one frame, side outputs, folded sizes."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SIDES = 7


def official_like(side: int, *, seed: int = 0) -> onnx.ModelProto:
    """A U²-Net in small: `input.1` [1,3,side,side] -> seven maps [1,1,side,side], the first one fused."""
    rng = np.random.default_rng(seed)
    weights: list[onnx.TensorProto] = []
    nodes: list[onnx.NodeProto] = []

    def constant(name: str, value: np.ndarray) -> str:
        weights.append(numpy_helper.from_array(value, name))
        return name

    def node(kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        nodes.append(helper.make_node(kind, inputs, [output], name=f"{kind}_{len(nodes)}", **attributes))
        return output

    def convolved(source: str, output: str, channels: tuple[int, int]) -> str:
        shape = (channels[1], channels[0], 3, 3)
        kernel = constant(output + ".weight", rng.normal(0, 0.3, shape).astype(np.float32))
        bias = constant(output + ".bias", rng.normal(0, 0.5, channels[1]).astype(np.float32))
        return node("Conv", [source, kernel, bias], output, pads=[1, 1, 1, 1], kernel_shape=[3, 3])

    def enlarged(source: str, output: str, channels: int) -> str:
        empty = constant(output + ".roi", np.zeros(0, np.float32))
        sizes = constant(output + ".sizes", np.array([1, channels, side, side], np.int64))
        return node(
            "Resize",
            [source, empty, empty, sizes],
            output,
            mode="linear",
            coordinate_transformation_mode="pytorch_half_pixel",
            cubic_coeff_a=-0.75,
            nearest_mode="floor",
        )

    top = node("Relu", [convolved("input.1", "top", (3, 4))], "top.relu")
    small = node("MaxPool", [top], "small", kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1)
    deep = node("Relu", [convolved(small, "deep", (4, 4))], "deep.relu")
    wide = enlarged(deep, "wide", 4)
    maps = [convolved(node("Concat", [top, wide], "both", axis=1), "side0", (8, 1))]
    for number in range(1, SIDES - 1):
        maps.append(enlarged(convolved(deep, f"side{number}", (4, 1)), f"large{number}", 1))
    fused = convolved(node("Concat", maps, "all", axis=1), "fused", (SIDES - 1, 1))
    names = [node("Sigmoid", [name], str(1800 + number)) for number, name in enumerate([fused, *maps])]
    picture = helper.make_tensor_value_info("input.1", TensorProto.FLOAT, [1, 3, side, side])
    as_inputs = [helper.make_tensor_value_info(w.name, w.data_type, list(w.dims)) for w in weights]
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 1, side, side]) for name in names]
    graph = helper.make_graph(nodes, "torch-jit-export", [picture, *as_inputs], outputs, weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=6)
    model.producer_name = "pytorch"
    onnx.checker.check_model(model)
    return model


def saved(model: onnx.ModelProto, path: Path) -> Path:
    onnx.save(model, path)
    return path
