"""The network inside a stage graph: taken out, changed, and put back.

Nodes of the network are told by their names (`trt_anime.stage.NETWORK`). What surrounds it works on whole
frames in FP32; typing the network alone is faster, and can't touch the rest.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import onnx

from trt_anime.errors import EngineError
from trt_anime.hollow import hollow
from trt_anime.stage import NETWORK


def network_of(stage: onnx.ModelProto) -> onnx.ModelProto:
    """The nodes named ``net/…`` as a model: what they read from outside is its input, what others read
    of them its output; names are kept, and so is the free batch. Constants that it reads are its own
    initializers, `Constant` nodes too. `stage` is left unchanged.

    Raises:
        EngineError: no node is named so, or the type of an input or output can't be inferred.
    """
    parts = _parts(stage.graph)
    results = _read(parts.outside).keys() | {value.name for value in stage.graph.output}
    return _model(
        stage,
        parts.inside,
        inputs=parts.inputs,
        outputs=[name for node in parts.inside for name in node.output if name in results],
        constants=parts.constants,
    )


def before_network(stage: onnx.ModelProto) -> onnx.ModelProto:
    """What gives the network's inputs: the stage's inputs in, the network's inputs out.

    A network in pieces, such as the products of an attention whose softmax isn't its own, reads what is
    made of its own results: then those pieces are in here, too.

    Raises:
        EngineError: as `network_of`.
    """
    parts = _parts(stage.graph)
    given = [value.name for value in stage.graph.input]
    nodes = _needed_for(parts.inputs, _in_order([*parts.before, *parts.inside, *parts.after]))
    return _model(stage, nodes, inputs=given, outputs=parts.inputs, constants=parts.constants)


def with_network(stage: onnx.ModelProto, network: onnx.ModelProto) -> onnx.ModelProto:
    """The stage graph with another network in place of its own; metadata and all other nodes are kept,
    `Constant` nodes as initializers. Both models given are left unchanged.

    `network` has the inputs and outputs of `network_of(stage)`, types included. Its nodes get names that
    begin with ``net/`` where they don't yet, its inner values other names where the stage uses theirs.

    Raises:
        EngineError: no node of `stage` is named ``net/…``, or `network` is written in another opset.
    """
    parts = _parts(stage.graph)
    inside = _own_names(network.graph, taken=parts.names_outside)
    read = _read(parts.outside).keys() | {value.name for value in stage.graph.output}
    result = hollow(stage)
    for field in ("node", "initializer", "value_info", "input"):
        result.graph.ClearField(field)
    result.graph.input.extend(stage.graph.input)
    result.graph.node.extend(_in_order([*parts.before, *inside.node, *parts.after]))
    result.graph.initializer.extend(tensor for name, tensor in parts.constants.items() if name in read)
    result.graph.initializer.extend(inside.initializer)
    _add_opsets(result, network)
    return result


@dataclass(frozen=True)
class _Parts:
    """A stage graph in pieces, each in order.

    Attributes:
        before, inside, after: nodes that the network may read of, its own, and those that read of it.
        inputs: what the network reads from outside.
        constants: of the whole graph, by name; there is no `Constant` node among the others.
    """

    before: list[onnx.NodeProto]
    inside: list[onnx.NodeProto]
    after: list[onnx.NodeProto]
    inputs: list[str]
    constants: dict[str, onnx.TensorProto]

    @property
    def outside(self) -> list[onnx.NodeProto]:
        return [*self.before, *self.after]

    @property
    def names_outside(self) -> set[str]:
        return {name for node in self.outside for name in (*node.input, *node.output)}


def _parts(graph: onnx.GraphProto) -> _Parts:
    before, inside, after = [], [], []
    constants = {tensor.name: tensor for tensor in graph.initializer}
    late: set[str] = set()
    for node in graph.node:
        if tensor := _constant(node):
            constants[tensor.name] = tensor
        elif node.name.startswith(NETWORK):
            inside.append(node)
            late.update(node.output)
        elif late.isdisjoint(node.input):
            before.append(node)
        else:
            after.append(node)
            late.update(node.output)
    if not inside:
        raise EngineError(f"the graph has no node named {NETWORK}…, so it isn't known what may be typed")
    made = {name for node in inside for name in node.output}
    inputs = [name for name in _read(inside) if name not in made and name not in constants]
    return _Parts(before, inside, after, inputs, constants)


def _in_order(nodes: Sequence[onnx.NodeProto]) -> list[onnx.NodeProto]:
    """Each behind what it reads, otherwise as they were."""
    missing = {name for node in nodes for name in node.output}
    result: list[onnx.NodeProto] = []
    rest = list(nodes)
    while rest:
        later = []
        for node in rest:
            if missing.isdisjoint(node.input):
                result.append(node)
                missing.difference_update(node.output)
            else:
                later.append(node)
        if len(later) == len(rest):
            raise EngineError(f"{rest[0].name} reads what is made of it; export the graph again")
        rest = later
    return result


def _needed_for(names: Iterable[str], nodes: Sequence[onnx.NodeProto]) -> list[onnx.NodeProto]:
    """Of nodes in order, those that make the values called so."""
    wanted, found = set(names), []
    for node in reversed(nodes):
        if not wanted.isdisjoint(node.output):
            found.append(node)
            wanted.update(node.input)
    return found[::-1]


def _constant(node: onnx.NodeProto) -> onnx.TensorProto | None:
    """What a `Constant` node puts out, as an initializer."""
    if node.op_type != "Constant" or node.attribute[0].name != "value":
        return None
    tensor = onnx.TensorProto()
    tensor.CopyFrom(node.attribute[0].t)
    tensor.name = node.output[0]
    return tensor


def _model(
    stage: onnx.ModelProto,
    nodes: list[onnx.NodeProto],
    *,
    inputs: list[str],
    outputs: list[str],
    constants: Mapping[str, onnx.TensorProto],
) -> onnx.ModelProto:
    inferred = onnx.shape_inference.infer_shapes(hollow(stage), data_prop=True).graph
    values = {value.name: value for value in (*inferred.input, *inferred.value_info, *inferred.output)}
    for name in (*inputs, *outputs):
        if name not in values:
            raise EngineError(f"the type of {name!r} can't be inferred; export the graph again")
    graph = onnx.helper.make_graph(
        nodes,
        stage.graph.name,
        inputs=[values[name] for name in inputs],
        outputs=[values[name] for name in outputs],
        initializer=[constants[name] for name in _read(nodes) if name in constants],
    )
    return onnx.helper.make_model(graph, opset_imports=stage.opset_import, ir_version=stage.ir_version)


def _own_names(network: onnx.GraphProto, *, taken: set[str]) -> onnx.GraphProto:
    """A copy whose nodes are named as the network's, and whose inner values are named as no other."""
    graph = onnx.GraphProto()
    graph.CopyFrom(network)
    ends = {value.name for value in (*graph.input, *graph.output)}
    made = [name for node in graph.node for name in node.output]
    inner = {*made, *(tensor.name for tensor in graph.initializer)} - ends
    names = {name: _free(name, taken | inner) for name in sorted(inner & taken)}
    for node in graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
        if not node.name.startswith(NETWORK):
            node.name = NETWORK + node.name
    for tensor in graph.initializer:
        tensor.name = names.get(tensor.name, tensor.name)
    return graph


def _free(name: str, taken: set[str]) -> str:
    while name in taken:
        name = NETWORK + name
    return name


def _read(nodes: Iterable[onnx.NodeProto]) -> dict[str, None]:
    """What they read, each name once, in order."""
    return {name: None for node in nodes for name in node.input if name}


def _add_opsets(result: onnx.ModelProto, network: onnx.ModelProto) -> None:
    versions = {entry.domain: entry.version for entry in result.opset_import}
    for entry in network.opset_import:
        if versions.setdefault(entry.domain, entry.version) != entry.version:
            raise EngineError(
                f"the network is in opset {entry.version}, its stage in {versions[entry.domain]};"
                " export the graph again"
            )
    result.ClearField("opset_import")
    result.opset_import.extend(onnx.helper.make_opsetid(*pair) for pair in versions.items())
