"""Which nodes of the network compute places in the picture: in FP16 they would be wrong by pixels."""

import onnx

from trt_anime.stage import COORDINATES

# Where places come from: products with weights, and what was looked at or chosen.
_SOURCES = {"MatMul", "Gemm", "Softmax", "TopK", "LayerNormalization"}
_WAVES = {"Sin", "Cos"}


def mark_coordinates(model: onnx.ModelProto, *, output: str = "shares") -> None:
    """Rename the nodes that lead from products of the network to a place: where something is sampled, what
    goes into a sine, and the boxes, the `output`. Changes `model`."""
    makers = {name: node for node in model.graph.node for name in node.output}
    pending = [output]
    for node in model.graph.node:
        if node.op_type == "GridSample":
            pending.append(node.input[1])
        elif node.op_type in _WAVES:
            pending.append(node.output[0])
    marked: dict[str, onnx.NodeProto] = {}
    while pending:
        node = makers.get(pending.pop())
        if node is not None and node.op_type not in _SOURCES and node.output[0] not in marked:
            marked[node.output[0]] = node
            pending.extend(node.input)
    for node in marked.values():
        node.name = f"places{COORDINATES}{node.name}"
