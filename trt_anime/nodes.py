"""Every node of a graph, those inside of If, Loop, Scan and of functions too."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import onnx

_SIZES = ("Shape", "Size")


@dataclass(frozen=True, eq=False)
class Placed:
    """A node and where it is.

    Attributes:
        constant: whether it computes on constants and sizes alone, so that it is folded away once the size
            of the frames is known.
        opset: version of ONNX's own operators that the node is written in; 0 where none is named.
    """

    node: onnx.NodeProto
    constant: bool
    opset: int


def walk(model: onnx.ModelProto) -> Iterator[Placed]:
    """Every node: before those of its subgraphs, in the graph's order; bodies of functions last."""
    yield from _in_graph(model.graph, {""}, opset_of(model))
    for function in model.functions:
        yield from _in_nodes(function.node, {""}, opset_of(function))


def opset_of(model: onnx.ModelProto | onnx.FunctionProto) -> int:
    """Version of ONNX's own operators that a model is written in; 0 where it names none."""
    return max((entry.version for entry in model.opset_import if is_own(entry.domain)), default=0)


def is_own(domain: str) -> bool:
    """Whether a domain is ONNX's own, which has two spellings."""
    return domain in ("", "ai.onnx")


def graphs_of(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    """A graph and all in it, at any depth."""
    yield graph
    for node in graph.node:
        for inner in _subgraphs(node):
            yield from graphs_of(inner)


def _in_graph(graph: onnx.GraphProto, known: set[str], opset: int) -> Iterator[Placed]:
    given = {value.name for value in graph.input}
    constants = {tensor.name for tensor in graph.initializer} - given
    return _in_nodes(graph.node, (known - given) | constants, opset)


def _in_nodes(nodes: Sequence[onnx.NodeProto], known: set[str], opset: int) -> Iterator[Placed]:
    for node in nodes:  # in topological order, as ONNX demands
        inner = list(_subgraphs(node))
        constant = node.op_type in _SIZES or (not inner and known.issuperset(node.input))
        if constant:
            known.update(node.output)
        yield Placed(node, constant, opset)
        for graph in inner:
            yield from _in_graph(graph, set(known), opset)


def _subgraphs(node: onnx.NodeProto) -> Iterator[onnx.GraphProto]:
    return chain.from_iterable(
        (attribute.g,) if attribute.type == onnx.AttributeProto.GRAPH else attribute.graphs
        for attribute in node.attribute
        if attribute.type in (onnx.AttributeProto.GRAPH, onnx.AttributeProto.GRAPHS)
    )
