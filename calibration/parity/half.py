"""Half precision on a CPU, as a GPU computes it.

ONNX Runtime's CPU provider has hardly an FP16 kernel: it computes FP16 graphs in FP32 and leaves out the
casts that it put between their nodes. Nothing is rounded then but constants, and nothing overflows. Here
the rounding is written into the graph, as casts of its own, which stay.
"""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from trt_anime.calibration.operators import MOVES
from trt_anime.hollow import hollow


def has_half(model: onnx.ModelProto) -> bool:
    """Whether anything is computed in FP16."""
    return bool(_half_values(model))


def rounded_from_half(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same graph in FP32, every value that was FP16 rounded to FP16's values, infinity among them.

    Each node computes and accumulates in FP32 and rounds its result, as tensor cores do; what a GPU fuses
    is rounded less often there. Inputs and outputs keep their types. Nodes inside of If and Loop are left
    as they are. Weights that lie beside the graph are cast in it. `model` is left unchanged.
    """
    result = onnx.ModelProto()
    result.CopyFrom(model)
    graph = result.graph
    half = _half_values(model)
    beside = [tensor.name for tensor in graph.initializer if _is_half_beside(tensor)]
    for tensor in graph.initializer:
        if tensor.data_location != TensorProto.EXTERNAL:
            _to_single(tensor)
    ends = [(value, f"{value.name}/single") for value in (*graph.input, *graph.output)]
    inner = {value.name: name for value, name in ends if value.name in half}
    nodes = [
        _cast(value.name, inner[value.name], TensorProto.FLOAT)
        for value in graph.input
        if value.name in half
    ]
    inner |= {name: f"{name}/single" for name in beside}
    nodes += [_cast(name, inner[name], TensorProto.FLOAT) for name in beside]
    for node in graph.node:
        for attribute in node.attribute:
            _to_single(attribute.t)
        node.input[:] = [inner.get(name, name) for name in node.input]
        nodes += _rounding(node, half, inner)
    nodes += [
        _cast(inner[value.name], value.name, TensorProto.FLOAT16)
        for value in graph.output
        if value.name in half
    ]
    del graph.node[:], graph.value_info[:]
    graph.node.extend(nodes)
    return result


def _rounding(node: onnx.NodeProto, half: set[str], inner: dict[str, str]) -> list[onnx.NodeProto]:
    """The node, and casts behind each of its outputs that is to be rounded."""
    after = []
    for index, name in enumerate(node.output):
        if name not in half:
            continue
        single = inner.get(name, name)
        if node.op_type in MOVES:
            node.output[index] = single
            continue
        exact, rounded = f"{name}/exact", f"{name}/half"
        if node.op_type == "Cast":  # to FP16: the rounding itself
            node.output[index] = rounded
        else:
            node.output[index] = exact
            after.append(_cast(exact, rounded, TensorProto.FLOAT16))
        after.append(_cast(rounded, single, TensorProto.FLOAT))
    return [node, *after]


def _half_values(model: onnx.ModelProto) -> set[str]:
    graph = onnx.shape_inference.infer_shapes(hollow(model), data_prop=True).graph
    values = (*model.graph.input, *graph.value_info, *graph.output)
    return {value.name for value in values if value.type.tensor_type.elem_type == TensorProto.FLOAT16}


def _is_half_beside(tensor: TensorProto) -> bool:
    return tensor.data_type == TensorProto.FLOAT16 and tensor.data_location == TensorProto.EXTERNAL


def _to_single(tensor: TensorProto) -> None:
    if tensor.data_type == TensorProto.FLOAT16:
        values = numpy_helper.to_array(tensor).astype(np.float32)
        tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))


def _cast(source: str, target: str, kind: int) -> onnx.NodeProto:
    return helper.make_node("Cast", [source], [target], name=f"{target}/round", to=kind)
