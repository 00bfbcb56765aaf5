"""What a CUDA device hands out: buffers, streams, events, graphs."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from trt_anime.errors import EngineError
from trt_anime.runtime.devices.api import Graph, Place, Stream, Tensor


class Owner(Protocol):
    """The side of `CudaDevice` that its things need."""

    def call(self, function: str, *arguments: Any, doing: str) -> Any: ...

    def owns(self, thing: object) -> bool: ...

    def release(self, thing: CudaBuffer | CudaGraph) -> None: ...


@dataclass(eq=False)
class CudaBuffer:
    """Device or pinned memory; `close` waits for work on the device."""

    device: Owner = field(repr=False)
    name: str
    place: Place
    size_bytes: int
    address: int

    @property
    def pointer(self) -> int:
        """Raises EngineError: closed."""
        if not self.device.owns(self):
            raise EngineError(f"'{self.name}' is used after it was closed")
        return self.address

    def close(self) -> None:
        """Free it; again is harmless. Raises EngineError: earlier work on the device failed."""
        self.device.release(self)


@dataclass(eq=False)
class CudaStream:
    name: str
    handle: int


@dataclass(eq=False)
class CudaEvent:
    device: Owner = field(repr=False)
    name: str
    handle: int
    timing: bool


@dataclass(eq=False)
class CudaGraph:
    device: Owner = field(repr=False)
    name: str
    handle: Any

    def launch(self, *, stream: Stream) -> None:
        """As in `Graph`. Raises EngineError: closed, or CUDA refused."""
        if not self.device.owns(self):
            raise EngineError(f"'{self.name}' is used after it was closed")
        self.device.call("cuGraphLaunch", self.handle, stream.handle, doing=f"launch of {self.name}")

    def close(self) -> None:
        """Free it; again is harmless. A launch under way is finished first."""
        self.device.release(self)


@dataclass
class Captured:
    doing: str
    graph: CudaGraph | None = None

    def __call__(self) -> Graph:
        if self.graph is None:
            raise EngineError(f"{self.doing} has no graph before its block has ended well")
        return self.graph


def array_at(tensor: Tensor) -> NDArray[Any]:
    """Array over pinned memory. It doesn't keep the memory, and no order is checked."""
    memory = (ctypes.c_ubyte * tensor.size_bytes).from_address(tensor.pointer)
    return np.ndarray(tensor.shape, tensor.dtype, buffer=memoryview(memory))
