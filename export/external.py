"""Weights in a file beside an ONNX graph."""

import onnx
from onnx import TensorProto

_LOCATION = "location"


def set_location(graph: onnx.ModelProto, name: str) -> None:
    """Say that the weights which lie in another file lie in `name`, beside the graph; changes the graph."""
    for tensor in graph.graph.initializer:
        if tensor.data_location == TensorProto.EXTERNAL:
            for entry in tensor.external_data:
                if entry.key == _LOCATION:
                    entry.value = name
