"""Large weights beside the graph while it is put together: each step there copies all that it is given."""

import math
from collections.abc import Callable

import onnx

from trt_anime.stage import NETWORK

_LARGE = 1 << 16  # elements


def with_weights_aside(
    network: onnx.ModelProto, compose: Callable[[onnx.ModelProto], onnx.ModelProto]
) -> onnx.ModelProto:
    """What `compose` makes of the network, whose large weights are inputs meanwhile; it is left unchanged.

    `compose` must give inputs of the network that it doesn't feed the names that they had there.
    """
    large = [tensor for tensor in network.graph.initializer if math.prod(tensor.dims) > _LARGE]
    names = {tensor.name: NETWORK + tensor.name for tensor in large}
    whole = compose(_light(network, large))
    kept = [value for value in whole.graph.input if value.name not in names]
    del whole.graph.input[:]
    whole.graph.input.extend(kept)
    for node in whole.graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
    for tensor in large:
        added = whole.graph.initializer.add()
        added.CopyFrom(tensor)
        added.name = names[tensor.name]
    return whole


def _light(network: onnx.ModelProto, large: list[onnx.TensorProto]) -> onnx.ModelProto:
    names = {tensor.name for tensor in large}
    graph = onnx.helper.make_graph(
        network.graph.node,
        network.graph.name,
        [
            *network.graph.input,
            *(onnx.helper.make_tensor_value_info(one.name, one.data_type, one.dims) for one in large),
        ],
        network.graph.output,
        [tensor for tensor in network.graph.initializer if tensor.name not in names],
    )
    return onnx.helper.make_model(graph, opset_imports=network.opset_import, ir_version=network.ir_version)
