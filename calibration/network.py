"""The network inside a stage graph: taken out, changed, and put back.

Nodes of the network are told by their names (`trt_anime.stage.NETWORK`). What surrounds it works on whole
frames in FP32; typing the network alone is faster, and can't touch the rest.
"""

from collections.abc import Iterable, Mapping

import onnx

from trt_anime.errors import EngineError
from trt_anime.stage import NETWORK


def network_of(stage: onnx.ModelProto) -> onnx.ModelProto:
    """The nodes named ``net/…`` as a model: what they read from outside is its input, what others read
    of them its output; names are kept, and so is the free batch. `stage` is left unchanged.

    Raises:
        EngineError: no node is named so.
    """
    inside = [node for node in stage.graph.node if node.name.startswith(NETWORK)]
    if not inside:
        raise EngineError(f"the graph has no node named {NETWORK}…, so it isn't known what may be typed")
    weights = {tensor.name for tensor in stage.graph.initializer}
    made = {name for node in inside for name in node.output}
    read = _names(node.input for node in inside)
    outside = _names(node.input for node in stage.graph.node if not node.name.startswith(NETWORK))
    results = outside.keys() | {value.name for value in stage.graph.output}
    values = _values(stage)
    graph = onnx.helper.make_graph(
        inside,
        stage.graph.name,
        inputs=[values[name] for name in read if name not in made and name not in weights],
        outputs=[values[name] for name in _names(node.output for node in inside) if name in results],
        initializer=[tensor for tensor in stage.graph.initializer if tensor.name in read],
    )
    return onnx.helper.make_model(graph, opset_imports=stage.opset_import, ir_version=stage.ir_version)


def before_network(stage: onnx.ModelProto) -> onnx.ModelProto:
    """What gives the network's inputs: the stage's inputs in, the network's inputs out."""
    network = network_of(stage)
    before, _ = _around(stage.graph)
    made = {name for node in before for name in node.output}
    read = _names(node.input for node in before)
    given = {value.name: value for value in stage.graph.input}
    outputs = [value for value in network.graph.input if value.name in made]
    graph = onnx.helper.make_graph(
        before,
        stage.graph.name,
        inputs=list(given.values()),
        outputs=outputs,
        initializer=[tensor for tensor in stage.graph.initializer if tensor.name in read],
    )
    return onnx.helper.make_model(graph, opset_imports=stage.opset_import, ir_version=stage.ir_version)


def with_network(stage: onnx.ModelProto, network: onnx.ModelProto) -> onnx.ModelProto:
    """The stage graph with another network in place of its own; metadata and all other nodes are kept.

    `network` has the inputs and outputs of `network_of(stage)`, types included. Its nodes get names that
    begin with ``net/`` where they don't yet.
    """
    result = onnx.ModelProto()
    result.CopyFrom(stage)
    before, after = _around(stage.graph)
    inside = _named(network.graph.node)
    weights = {tensor.name: tensor for tensor in network.graph.initializer}
    read = _names(node.input for node in (*before, *after))
    kept = [t for t in stage.graph.initializer if t.name in read and t.name not in weights]
    result.graph.ClearField("node")
    result.graph.ClearField("initializer")
    result.graph.ClearField("value_info")
    result.graph.node.extend((*before, *inside, *after))
    result.graph.initializer.extend((*kept, *weights.values()))
    result.ClearField("opset_import")
    result.opset_import.extend(network.opset_import)
    return result


def _around(graph: onnx.GraphProto) -> tuple[list[onnx.NodeProto], list[onnx.NodeProto]]:
    """The nodes that the network may read of, and those that read of the network, each in order."""
    before, after = [], []
    late: set[str] = set()
    for node in graph.node:
        if node.name.startswith(NETWORK):
            late.update(node.output)
        elif late.isdisjoint(node.input):
            before.append(node)
        else:
            late.update(node.output)
            after.append(node)
    return before, after


def _named(nodes: Iterable[onnx.NodeProto]) -> list[onnx.NodeProto]:
    named = []
    for node in nodes:
        copy = onnx.NodeProto()
        copy.CopyFrom(node)
        copy.name = node.name if node.name.startswith(NETWORK) else NETWORK + node.name
        named.append(copy)
    return named


def _names(groups: Iterable[Iterable[str]]) -> dict[str, None]:
    """Each name once, in order."""
    return {name: None for group in groups for name in group if name}


def _values(model: onnx.ModelProto) -> Mapping[str, onnx.ValueInfoProto]:
    graph = onnx.shape_inference.infer_shapes(model).graph
    return {value.name: value for value in (*graph.input, *graph.value_info, *graph.output)}
