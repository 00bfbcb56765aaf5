"""The door without PyTorch: the network cut out of MI-GAN's published .onnx file.

That file is a whole program: it crops a square around the hole, whose size depends on the data, and pastes
the result back. TensorRT has no such shapes, and our stage graph does all of that itself, so only the
generator is taken: its nodes are named ``/model/...``.
"""

from pathlib import Path

import onnx
from onnx import TensorProto, helper

from trt_anime.errors import CheckpointError
from trt_anime.export.catalogue import Model
from trt_anime.export.parts import IR_VERSION, check_valid, rename_value
from trt_anime.export.reading import read_graph
from trt_anime.export.recipes.inpaint import Inpainting
from trt_anime.export.slimming import slimmed
from trt_anime.hollow import hollow

_INSIDE = "/model/"


def network_from_onnx(path: Path, model: Model) -> onnx.ModelProto:
    """The generator of a published file: input ``image`` [batch,4,side,side], output ``fill``, opset 20.

    Raises:
        CheckpointError: not an ONNX file, or not one with such a generator in it.
    """
    side = model.recipe_as(Inpainting).size_rule.side
    try:
        network = slimmed(_cut(read_graph(path), side))
        check_valid(network)
        shape = _shape_of_output(network)
    except Exception as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise CheckpointError(
            f"{path}: no generator of {model.name} can be taken out of it ({reason}); "
            f"run `trt-anime models pull {model.name} --force`"
        ) from error
    if shape[1:] != [3, side, side]:
        raise CheckpointError(
            f"{path}: its generator gives {shape[1:]} instead of a picture of 3x{side}x{side}; "
            f"run `trt-anime models pull {model.name} --force`"
        )
    rename_value(network, network.graph.input[0].name, "image")
    rename_value(network, network.graph.output[0].name, "fill")
    del network.graph.value_info[:]
    return network


def _cut(model: onnx.ModelProto, side: int) -> onnx.ModelProto:
    """The nodes of the generator and what only constants make for them, batch free."""
    graph = model.graph
    inside = {name for node in graph.node if node.name.startswith(_INSIDE) for name in node.output}
    fed = _fed(graph)
    entries = {
        name
        for node in graph.node
        if node.name.startswith(_INSIDE)
        for name in node.input
        if name in fed - inside
    }
    outside = {name for node in graph.node if not node.name.startswith(_INSIDE) for name in node.input}
    exits = inside & fed & outside
    if len(entries) != 1 or len(exits) != 1:
        raise ValueError(
            f"{len(entries)} values go into the nodes named {_INSIDE} and {len(exits)} come out"
        )
    (entry,), (exit_,) = entries, exits
    nodes = _needed(graph, exit_, entry)
    read = {name for node in nodes for name in node.input}
    cut = helper.make_graph(
        nodes,
        "generator",
        [helper.make_tensor_value_info(entry, TensorProto.FLOAT, ["batch", 4, side, side])],
        [helper.make_tensor_value_info(exit_, TensorProto.FLOAT, None)],
        [tensor for tensor in graph.initializer if tensor.name in read],
    )
    return helper.make_model(cut, opset_imports=model.opset_import, ir_version=IR_VERSION)


def _fed(graph: onnx.GraphProto) -> set[str]:
    """Values that depend on the graph's inputs."""
    fed = {value.name for value in graph.input} - {tensor.name for tensor in graph.initializer}
    for node in graph.node:
        if not fed.isdisjoint(node.input):
            fed.update(node.output)
    return fed


def _needed(graph: onnx.GraphProto, target: str, start: str) -> list[onnx.NodeProto]:
    """The nodes between `start` and `target`, in the graph's order."""
    makers = {name: number for number, node in enumerate(graph.node) for name in node.output}
    numbers: set[int] = set()
    pending = [target]
    while pending:
        name = pending.pop()
        number = makers.get(name)
        if name != start and number is not None and number not in numbers:
            numbers.add(number)
            pending.extend(graph.node[number].input)
    return [graph.node[number] for number in sorted(numbers)]


def _shape_of_output(network: onnx.ModelProto) -> list[int]:
    inferred = onnx.shape_inference.infer_shapes(hollow(network), strict_mode=True).graph.output[0]
    network.graph.output[0].CopyFrom(inferred)
    dimensions = network.graph.output[0].type.tensor_type.shape.dim
    dimensions[0].Clear()
    dimensions[0].dim_param = "batch"
    return [dimension.dim_value for dimension in dimensions]
