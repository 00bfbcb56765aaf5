"""An ONNX file read tensor by tensor: `onnx.load` has all of it in memory twice."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import onnx
from onnx import TensorProto

from trt_anime.export.external import folder_aside, is_aside, put_aside
from trt_anime.export.writing import GRAPH, INITIALIZER, field_head
from trt_anime.hollow import LARGE_BYTES

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5  # how protobuf calls the ways of writing a field


def read_graph(path: Path) -> onnx.ModelProto:
    """What `onnx.load` reads, the values of large initializers where `weights_aside` says.

    Raises OSError, OutputError, ValueError and what protobuf raises at a damaged file.
    """
    if folder_aside() is None:
        return onnx.load(path)
    with path.open("rb") as file:
        parts = []
        for field in _fields(file, 0, path.stat().st_size):
            if field.number == GRAPH:
                parts += _graph(file, field)
            else:
                parts.append(_read(file, field.start, field.end))
    model = onnx.ModelProto.FromString(b"".join(parts))
    external = [t for t in model.graph.initializer if t.data_location == TensorProto.EXTERNAL]
    return model if all(map(is_aside, external)) else onnx.load(path)


@dataclass(frozen=True)
class _Field:
    """Of a message: where it is in the file, and where its content begins."""

    number: int
    start: int
    content: int
    end: int


def _graph(file: BinaryIO, graph: _Field) -> list[bytes]:
    """The field, its large initializers' values put aside."""
    fields = list(_fields(file, graph.content, graph.end))
    large = [
        field for field in fields if field.number == INITIALIZER and field.end - field.content > LARGE_BYTES
    ]
    tensors = (TensorProto.FromString(_read(file, field.content, field.end)) for field in large)
    named = dict(zip(large, put_aside(tensors), strict=True))
    parts = []
    for field in fields:
        if field in named:
            content = named[field].SerializeToString()
            parts += [field_head(INITIALIZER, len(content)), content]
        else:
            parts.append(_read(file, field.start, field.end))
    return [field_head(GRAPH, sum(map(len, parts))), *parts]


def _fields(file: BinaryIO, start: int, end: int) -> Iterator[_Field]:
    """The fields of the message there. Raises ValueError where it isn't one."""
    while start < end:
        file.seek(start)
        number, kind = divmod(_varint(file), 8)
        sizes = {_FIXED64: 8, _FIXED32: 4}
        if kind in (_VARINT, _BYTES):
            sizes[_VARINT], sizes[_BYTES] = 0, _varint(file)
        content = file.tell()
        stop = content + sizes.get(kind, end)
        if stop > end:
            raise ValueError("it is damaged or cut short")
        yield _Field(number, start, content, stop)
        start = stop


def _varint(file: BinaryIO) -> int:
    value = shift = 0
    while True:
        [byte] = file.read(1) or [0]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value
        shift += 7


def _read(file: BinaryIO, start: int, end: int) -> bytes:
    file.seek(start)
    return file.read(end - start)
