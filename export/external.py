"""Weights in a file beside an ONNX graph."""

from collections.abc import Iterable
from pathlib import Path

import onnx
from onnx import TensorProto

PAGE = 4096  # weights that begin at a page's start can be mapped into memory

_LOCATION = "location"


def set_location(graph: onnx.ModelProto, name: str) -> None:
    """Say that the weights which lie in another file lie in `name`, beside the graph; changes the graph."""
    for tensor in graph.graph.initializer:
        if tensor.data_location == TensorProto.EXTERNAL:
            for entry in tensor.external_data:
                if entry.key == _LOCATION:
                    entry.value = name


def named_in_file(
    name: str, dims: Iterable[int], data_type: int, *, location: str, offset: int, length: int
) -> TensorProto:
    """The initializer whose `length` bytes are in a file of the name `location`, beside the graph."""
    tensor = TensorProto(name=name, dims=dims, data_type=data_type, data_location=TensorProto.EXTERNAL)
    for key, value in {_LOCATION: location, "offset": offset, "length": length}.items():
        tensor.external_data.add(key=key, value=str(value))
    return tensor


def weights_in_file(weights: Iterable[TensorProto], path: Path) -> list[TensorProto]:
    """Write the values of `weights`, one in memory at a time, and give what stands for them."""
    named = []
    with path.open("wb") as file:
        for tensor in weights:
            data = onnx.numpy_helper.to_array(tensor).tobytes()
            file.seek(-(-file.tell() // PAGE) * PAGE)
            stand_in = named_in_file(
                tensor.name,
                tensor.dims,
                tensor.data_type,
                location=path.name,
                offset=file.tell(),
                length=len(data),
            )
            named.append(stand_in)
            file.write(data)
    return named
