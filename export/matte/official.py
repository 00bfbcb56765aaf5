"""The door without PyTorch: an officially published .onnx file becomes a network to compose with.

Published files are opset 11, fixed to one frame, and carry side outputs that nobody reads.
"""

from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray

from trt_anime.errors import CheckpointError
from trt_anime.export.parts import rename_value
from trt_anime.export.reading import read_graph
from trt_anime.export.slimming import slimmed
from trt_anime.hollow import hollow


def network_from_onnx(path: Path) -> onnx.ModelProto:
    """Load a published matting network: input ``image``, output ``map``, batch free, opset 20.

    The first output is the matte in every published file; the others are dropped, with the nodes that
    only they need.

    Raises:
        CheckpointError: not an ONNX file, or not a network with one picture in and a map out.
    """
    try:
        model = read_graph(path)
        _check_interface(model, path)
        network = slimmed(_only_main_output(model))
    except CheckpointError:
        raise
    except Exception as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise CheckpointError(f"{path}: not a usable ONNX network ({reason}); download it again") from error
    _free_batch(network)
    rename_value(network, network.graph.input[0].name, "image")
    rename_value(network, network.graph.output[0].name, "map")
    return network


def _check_interface(model: onnx.ModelProto, path: Path) -> None:
    weights = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in weights]
    if len(inputs) != 1 or not _is_picture(inputs[0], channels=3):
        raise CheckpointError(
            f"{path}: the network must take one picture, float32 [N,3,H,W]; use a published matting file"
        )
    if not _is_picture(model.graph.output[0], channels=1):
        raise CheckpointError(
            f"{path}: the network must give a map first, float32 [N,1,H,W]; use a published matting file"
        )


def _is_picture(value: onnx.ValueInfoProto, *, channels: int) -> bool:
    """Whether it is float32 [N,channels,H,W]; lengths that the file leaves open are believed."""
    is_float = value.type.tensor_type.elem_type == onnx.TensorProto.FLOAT
    shape = _shape(value)
    return is_float and len(shape) == 4 and (shape[1] == channels or not isinstance(shape[1], int))


def _shape(value: onnx.ValueInfoProto) -> list[int | str]:
    return [
        d.dim_value if d.HasField("dim_value") else d.dim_param for d in value.type.tensor_type.shape.dim
    ]


def _only_main_output(model: onnx.ModelProto) -> onnx.ModelProto:
    del model.graph.output[1:]
    weights = {tensor.name for tensor in model.graph.initializer}
    for value in [value for value in model.graph.input if value.name in weights]:
        model.graph.input.remove(value)
    return model


def _free_batch(model: onnx.ModelProto) -> None:
    """Sizes that were folded as [1,C,h,w] become factors, or take N and C from what is resized."""
    graph = model.graph
    asked = {name for node in graph.node if node.op_type == "Resize" for name in node.input[3:]}
    constants = {t.name: onnx.numpy_helper.to_array(t) for t in graph.initializer if t.name in asked}
    inferred = onnx.shape_inference.infer_shapes(hollow(model)).graph
    shapes = {value.name: _shape(value) for value in [*inferred.value_info, *inferred.input]}
    nodes = list(graph.node)
    del graph.node[:]
    for number, node in enumerate(nodes):
        if node.op_type == "Resize" and len(node.input) == 4 and node.input[3] in constants:
            size = constants[node.input[3]][2:]
            if not _resize_by_factors(node, shapes.get(node.input[0], []), size, graph, number):
                graph.node.extend(_sizes_of_batch(node, size, graph, number))
        graph.node.append(node)
    for value in [*graph.input, *graph.output]:
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    del graph.value_info[:]
    _drop_unread_constants(graph)


def _resize_by_factors(
    node: onnx.NodeProto,
    source: list[int | str],
    size: NDArray[np.int64],
    graph: onnx.GraphProto,
    number: int,
) -> bool:
    """Write the size as constant factors where they are powers of two, so that nothing is rounded.

    ONNX Runtime keeps its blocked layout only across such a Resize; with sizes it reorders the maps
    before and after each, a tenth of U²-Net's time. Returns whether it was done.
    """
    known = [length for length in source[2:] if isinstance(length, int) and length > 0]
    if len(known) != 2 or size.min() < 2:  # of one pixel, the two coordinate modes differ
        return False
    factors = size / np.array(known)
    if not np.all(np.log2(factors) % 1 == 0):
        return False
    name = f"resize_{number}_factors"
    graph.initializer.append(onnx.numpy_helper.from_array(np.array([1, 1, *factors], np.float32), name))
    node.input[:] = [node.input[0], "", name]
    for attribute in node.attribute:
        if attribute.name == "coordinate_transformation_mode" and attribute.s == b"pytorch_half_pixel":
            attribute.s = b"half_pixel"
    return True


def _sizes_of_batch(
    node: onnx.NodeProto, size: NDArray[np.int64], graph: onnx.GraphProto, number: int
) -> list[onnx.NodeProto]:
    lead, tail, sizes = (f"resize_{number}_{part}" for part in ("lead", "tail", "sizes"))
    graph.initializer.append(onnx.numpy_helper.from_array(size.astype(np.int64), tail))
    before = [
        onnx.helper.make_node("Shape", [node.input[0]], [lead], name=lead, start=0, end=2),
        onnx.helper.make_node("Concat", [lead, tail], [sizes], name=sizes, axis=0),
    ]
    node.input[1], node.input[2], node.input[3] = "", "", sizes
    return before


def _drop_unread_constants(graph: onnx.GraphProto) -> None:
    read = {name for node in graph.node for name in node.input}
    for tensor in [tensor for tensor in graph.initializer if tensor.name not in read]:
        graph.initializer.remove(tensor)
