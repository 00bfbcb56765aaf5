"""Weights in a file beside an ONNX graph, or aside while a graph is made."""

import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto

from trt_anime.files import output_error

PAGE = 4096  # weights that begin at a page's start can be mapped into memory

_LOCATION, _OFFSET, _LENGTH = "location", "offset", "length"
_BLOCK_BYTES = 1 << 20

_aside: ContextVar[Path | None] = ContextVar("aside", default=None)


@contextmanager
def weights_aside(folder: Path) -> Iterator[None]:
    """Meanwhile, networks that are exported have their large weights in files in `folder`.

    So whatever copies a graph, joins or checks it handles names, and gigabytes are in memory nowhere. What
    reads values asks `held`.
    """
    token = _aside.set(folder)
    try:
        yield
    finally:
        _aside.reset(token)


def folder_aside() -> Path | None:
    """Where weights are put aside; None: they stay in their graph."""
    return _aside.get()


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
    for key, value in {_LOCATION: location, _OFFSET: offset, _LENGTH: length}.items():
        tensor.external_data.add(key=key, value=str(value))
    return tensor


def weights_in_file(weights: Iterable[TensorProto], path: Path) -> list[TensorProto]:
    """Write the values of `weights`, one in memory at a time, and give what stands for them."""
    named = []
    with path.open("wb") as file:
        for tensor in weights:
            offset = to_next_page(file)
            file.write(onnx.numpy_helper.to_array(tensor).reshape(-1).view(np.uint8).data)  # not copied
            stand_in = named_in_file(
                tensor.name,
                tensor.dims,
                tensor.data_type,
                location=path.name,
                offset=offset,
                length=file.tell() - offset,
            )
            named.append(stand_in)
    return named


def put_aside(tensors: Iterable[TensorProto]) -> list[TensorProto]:
    """What stands for them, their values where `weights_aside` says, one in memory at a time.

    Where nothing is put aside, the tensors themselves. Raises OutputError.
    """
    folder = folder_aside()
    if folder is None:
        return list(tensors)
    path = folder / f"{secrets.token_hex(6)}.weights"
    try:
        return weights_in_file(tensors, path)
    except OSError as error:
        raise output_error(path, error) from error


def to_next_page(file: BinaryIO) -> int:
    """Go on at the next page's start; where that is."""
    return file.seek(-(-file.tell() // PAGE) * PAGE)


def is_aside(tensor: TensorProto) -> bool:
    """Whether the tensor's values are in a file of `weights_aside`."""
    if tensor.data_location != TensorProto.EXTERNAL or folder_aside() is None:
        return False
    return _place_of(tensor)[0].is_file()


def held(tensor: TensorProto) -> TensorProto:
    """The tensor with its values in it, from wherever they are."""
    if not is_aside(tensor):
        return tensor
    path, offset, length = _place_of(tensor)
    with path.open("rb") as file:
        file.seek(offset)
        found = bare(tensor)
        found.raw_data = file.read(length)
    return found


def array_of(tensor: TensorProto) -> NDArray[Any]:
    """The values, from wherever they are; those that are aside are mapped, so nobody may change them."""
    if not is_aside(tensor):
        return onnx.numpy_helper.to_array(tensor)
    path, offset, _ = _place_of(tensor)
    kind = onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type)
    return np.memmap(path, kind, "r", offset, tuple(tensor.dims))


def copy_aside(tensor: TensorProto, target: BinaryIO) -> None:
    """Copy the values of a tensor that `is_aside`, little by little."""
    path, offset, left = _place_of(tensor)
    with path.open("rb") as file:
        file.seek(offset)
        while left:
            block = file.read(min(left, _BLOCK_BYTES))
            if not block:
                raise OSError(f"{path} ends early")
            target.write(block)
            left -= len(block)


def size_aside(tensor: TensorProto) -> int:
    """Bytes of the values of a tensor that `is_aside`."""
    return _place_of(tensor)[2]


def bare(tensor: TensorProto) -> TensorProto:
    """A copy that says nothing of where the values are."""
    copied = TensorProto()
    copied.CopyFrom(tensor)
    copied.ClearField("external_data")
    copied.ClearField("data_location")
    return copied


def _place_of(tensor: TensorProto) -> tuple[Path, int, int]:
    """File, offset and length."""
    said = {entry.key: entry.value for entry in tensor.external_data}
    folder = folder_aside()
    assert folder is not None
    return folder / said[_LOCATION], int(said[_OFFSET]), int(said[_LENGTH])
