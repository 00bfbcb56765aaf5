"""Which nodes compute where GridSample looks: they are told by name, as FP16 would round to pixels."""

from collections.abc import Iterator

import onnx

from trt_anime.stage import COORDINATES

_PRODUCTS = {"MatMul", "Gemm", "Conv"}


def with_positions_named(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same graph, `COORDINATES` in the names of the nodes between a product and GridSample's grid.

    Weights are multiplied in the network's precision; what becomes of the offsets that they give, isn't.
    Start before a lowering takes GridSample away. `model` is left unchanged.
    """
    result = onnx.ModelProto()
    result.CopyFrom(model)
    makers = {name: node for node in result.graph.node for name in node.output}
    for sampling in [node for node in result.graph.node if node.op_type == "GridSample"]:
        for node in _before(sampling.input[1], makers):
            if COORDINATES not in node.name:
                prefix, _, rest = node.name.rpartition("/")
                node.name = f"{prefix}{COORDINATES}{rest}"
    return result


def _before(value: str, makers: dict[str, onnx.NodeProto]) -> Iterator[onnx.NodeProto]:
    seen, waiting = set[str](), [value]
    while waiting:
        name = waiting.pop()
        node = makers.get(name)
        if name in seen or node is None or node.op_type in _PRODUCTS:
            continue
        seen.add(name)
        waiting += node.input
        yield node
