"""An ONNX file written tensor by tensor: serialized at once, all of it would be in memory twice more."""

from pathlib import Path
from typing import BinaryIO

import onnx

from trt_anime.export.external import bare, copy_aside, is_aside, size_aside
from trt_anime.hollow import copy_field

GRAPH, INITIALIZER, _RAW_DATA = 7, 5, 9  # numbers of ModelProto's, GraphProto's, TensorProto's fields
_BYTES = 2  # how protobuf calls what has a length


def write_graph(model: onnx.ModelProto, path: Path) -> None:
    """What `onnx.save` writes, to the byte; weights that were put aside are in it. Raises OSError."""
    before, after = _around(model, GRAPH)
    first, last = _around(model.graph, INITIALIZER)
    sizes = [_size_of(tensor) for tensor in model.graph.initializer]
    heads = [field_head(INITIALIZER, size) for size in sizes]
    length = len(first) + sum(map(len, heads)) + sum(sizes) + len(last)
    with path.open("wb") as file:
        file.write(before + field_head(GRAPH, length) + first)
        for head, tensor in zip(heads, model.graph.initializer, strict=True):
            file.write(head)
            _write_tensor(tensor, file)
        file.write(last + after)


def _size_of(tensor: onnx.TensorProto) -> int:
    if not is_aside(tensor):
        return int(tensor.ByteSize())
    first, head, last = _around_values(tensor)
    return len(first) + len(head) + size_aside(tensor) + len(last)


def _write_tensor(tensor: onnx.TensorProto, file: BinaryIO) -> None:
    if not is_aside(tensor):
        file.write(tensor.SerializeToString())
        return
    first, head, last = _around_values(tensor)
    file.write(first + head)
    copy_aside(tensor, file)
    file.write(last)


def _around_values(tensor: onnx.TensorProto) -> tuple[bytes, bytes, bytes]:
    """What stands before the values of a tensor that is aside, once they are in it, and behind them."""
    first, last = _around(bare(tensor), _RAW_DATA)
    return first, field_head(_RAW_DATA, size_aside(tensor)), last


def _around(
    message: onnx.ModelProto | onnx.GraphProto | onnx.TensorProto, number: int
) -> tuple[bytes, bytes]:
    """The fields before and behind one of them, serialized: they are written in the order of numbers."""
    before, after = type(message)(), type(message)()
    for field, value in message.ListFields():
        if field.number != number:
            copy_field(before if field.number < number else after, field.name, value)
    return before.SerializeToString(), after.SerializeToString()


def field_head(number: int, length: int) -> bytes:
    """What stands before a message's field of so many bytes."""
    groups = [length >> shift & 0x7F for shift in range(0, max(length.bit_length(), 1), 7)]
    varint = bytes(group | 0x80 for group in groups[:-1]) + bytes(groups[-1:])
    return bytes([number << 3 | _BYTES]) + varint
