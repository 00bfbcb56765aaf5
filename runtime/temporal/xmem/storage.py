"""The tensors that XMem's graphs read and write: made once, for the most objects there may be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trt_anime.runtime.devices.api import Buffer, Device, Place, Shape, Stream, Tensor
from trt_anime.runtime.sessions.api import Binding, Session

_BLOCK_BYTES = 1 << 22


class Storage:
    """One tensor for each name that a binding has; those in `elsewhere` are the caller's.

    All are zero at first: cells that hold nothing are multiplied by zero, which NaN would survive.
    """

    def __init__(
        self,
        device: Device,
        sessions: Iterable[Session],
        *,
        objects: int,
        elsewhere: frozenset[str],
        stream: Stream,
    ) -> None:
        """Raises MissingError: not enough memory."""
        self._device, self._stream, self._most = device, stream, objects
        self._buffers: list[Buffer] = []
        shapes = {
            binding.name: (self._most_of(binding, session), binding.dtype)
            for session in sessions
            for binding in (*session.inputs, *session.outputs)
            if binding.name not in elsewhere
        }
        self.tensors = {name: self._allocated(name, *kind, "device") for name, kind in shapes.items()}
        self._clear()

    def pinned(self, name: str, *, rows: int | None = None) -> Tensor:
        """Host memory of the shape of `name`, which stays as it is; or that many times."""
        like = self.tensors[name]
        shape = like.shape if rows is None else (rows, *like.shape)
        return self._allocated(f"pinned {name}", shape, like.dtype, "pinned")

    def swap(self, name: str) -> None:
        """What a graph wrote as ``new_…`` is what the next one reads."""
        tensors, new = self.tensors, f"new_{name}"
        tensors[name], tensors[new] = tensors[new], tensors[name]

    def upload(self, target: Tensor, pinned: Tensor, values: NDArray[Any]) -> None:
        """`values` to the device; `pinned` isn't in use."""
        with self._device.writing(pinned) as array:
            array[...] = values
        self.copy(target, pinned)

    def copy(self, target: Tensor, source: Tensor) -> None:
        self._device.copy(target, source, stream=self._stream)

    def zeros(self, target: Tensor) -> None:
        """Put zeros into `target`."""
        whole, rest = divmod(target.size_bytes, self._blank.size_bytes)
        sizes = [*[self._blank.size_bytes] * whole, *([rest] if rest else [])]
        offset = target.offset_bytes
        for size in sizes:
            self.copy(Tensor(target.buffer, (size,), np.dtype(np.uint8), offset), self._blank.rows(size))
            offset += size

    def bound(
        self, session: Session, first: int, count: int, own: Mapping[str, Tensor], *, reach: int = 0
    ) -> dict[str, Tensor]:
        """Everything that `session` binds, for the objects `first` to `first + count`.

        Args:
            reach: how many of the memory's first rows, where the session leaves that open.
        """
        tensors = {**self.tensors, **own}
        for binding in (*session.inputs, *session.outputs):
            if _is_of_cells(binding, session):
                tensors[binding.name] = tensors[binding.name].rows(reach)
            elif _is_of_objects(binding, session):
                tensors[binding.name] = span(tensors[binding.name], first, count)
        return {binding.name: tensors[binding.name] for binding in (*session.inputs, *session.outputs)}

    def scratch(self, sessions: Iterable[Session], shapes: Mapping[str, Shape]) -> Tensor | None:
        """Memory for whichever of them runs; `shapes` has the callers' tensors."""
        known = {**shapes, **{name: tensor.shape for name, tensor in self.tensors.items()}}
        size = max(
            session.scratch_bytes({b.name: known[b.name] for b in session.inputs}) for session in sessions
        )
        return self._allocated("scratch", (size,), np.dtype(np.uint8), "device") if size else None

    def close(self) -> None:
        """Give all memory back, scratch and pinned as well. No work may use it any more."""
        while self._buffers:
            self._buffers.pop().close()

    def _clear(self) -> None:
        largest = max(tensor.size_bytes for tensor in self.tensors.values())
        shape = (min(largest, _BLOCK_BYTES),)
        pinned = self._allocated("pinned zeros", shape, np.dtype(np.uint8), "pinned")
        self._blank = self._allocated("zeros", shape, np.dtype(np.uint8), "device")
        self.upload(self._blank, pinned, np.zeros(shape, np.uint8))
        for tensor in self.tensors.values():
            self.zeros(tensor)

    def _most_of(self, binding: Binding, session: Session) -> Shape:
        first = binding.shape[0]
        if isinstance(first, str):
            first = session.info.capacity.get(first, self._most)
        return tuple(int(size) for size in (first, *binding.shape[1:]))

    def _allocated(self, name: str, shape: Shape, dtype: np.dtype[Any], place: Place) -> Tensor:
        make = self._device.allocate if place == "device" else self._device.allocate_pinned
        buffer = make(prod(shape) * dtype.itemsize, name=f"xmem {name}")
        self._buffers.append(buffer)
        return Tensor(buffer, shape, dtype)


def _is_of_cells(binding: Binding, session: Session) -> bool:
    """Whether its first axis is the memory's rows, and how many of them is free: of engines it isn't."""
    return binding.shape[0] in session.info.capacity


def _is_of_objects(binding: Binding, session: Session) -> bool:
    """Whether its first axis is free otherwise: the number of objects, whatever the library calls it."""
    return isinstance(binding.shape[0], str) and not _is_of_cells(binding, session)


def span(tensor: Tensor, first: int, count: int) -> Tensor:
    """`count` rows from `first` on."""
    row_bytes = prod(tensor.shape[1:]) * tensor.dtype.itemsize
    start = tensor.offset_bytes + first * row_bytes
    return replace(tensor, shape=(count, *tensor.shape[1:]), offset_bytes=start)
