"""What the pipeline needs of a device: memory, streams, events, copies, graphs.

The rules are CUDA's. Work put on one stream runs in order; work on two streams is ordered by events
only; a call that puts work on a stream returns at once. Three devices keep them: `cuda`, `host` (runs
on the CPU and fails where an event is missing) and `null` (does nothing, keeps time).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from math import prod
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from trt_anime.runtime.closing import Closing

Shape = tuple[int, ...]
Place = Literal["device", "pinned"]


class Buffer(Protocol):
    """A piece of memory. `close` is an error while work that isn't known to have ended may use it."""

    @property
    def name(self) -> str:
        """For messages and plans, such as ``slot 0 frame``."""
        ...

    @property
    def place(self) -> Place: ...

    @property
    def size_bytes(self) -> int: ...

    @property
    def pointer(self) -> int:
        """Address; on `null` it may be 0."""
        ...

    def close(self) -> None: ...


@dataclass(frozen=True)
class Tensor:
    """A typed, dense, row-major view of a buffer.

    Attributes:
        offset_bytes: where in `buffer` it begins.
    """

    buffer: Buffer
    shape: Shape
    dtype: np.dtype[Any]
    offset_bytes: int = 0

    def __post_init__(self) -> None:
        """Raises ValueError: it reaches past the buffer's end."""
        if self.offset_bytes < 0 or self.offset_bytes + self.size_bytes > self.buffer.size_bytes:
            raise ValueError(
                f"{self.buffer.name}: {self.size_bytes} bytes at {self.offset_bytes} reach past its "
                f"{self.buffer.size_bytes}"
            )

    @property
    def size_bytes(self) -> int:
        return prod(self.shape) * self.dtype.itemsize

    @property
    def pointer(self) -> int:
        return self.buffer.pointer + self.offset_bytes

    def rows(self, count: int) -> Tensor:
        """The first `count` along the first axis, such as the frames of a batch that isn't full."""
        return replace(self, shape=(count, *self.shape[1:]))

    def row(self, index: int) -> Tensor:
        """One item along the first axis, which it loses, such as one frame of a batch."""
        shape = self.shape[1:]
        offset_bytes = self.offset_bytes + index * prod(shape) * self.dtype.itemsize
        return replace(self, shape=shape, offset_bytes=offset_bytes)


class Stream(Protocol):
    """A line of work that runs in order."""

    @property
    def name(self) -> str: ...

    @property
    def handle(self) -> int:
        """The `cudaStream_t`; 0 on devices without one."""
        ...


class Event(Protocol):
    """A mark in a stream. Recorded again, it forgets its earlier mark."""

    @property
    def name(self) -> str: ...


class Graph(Protocol):
    """Work that was captured once and is launched as a whole."""

    def launch(self, *, stream: Stream) -> None: ...

    def close(self) -> None: ...


@dataclass(frozen=True)
class Memory:
    """Bytes on the device."""

    free: int
    total: int


class Device(Closing, Protocol):
    """One device. Calls may come from several threads.

    Errors of work already under way surface as EngineError at the next `synchronize`, and at every call
    after that.
    """

    @property
    def name(self) -> str:
        """Such as ``cuda:0``, ``cpu``, ``null``."""
        ...

    @property
    def title(self) -> str:
        """For people: the GPU's name, or the CPU's."""
        ...

    def memory(self) -> Memory: ...

    def allocate(self, size_bytes: int, *, name: str) -> Buffer:
        """Device memory. Raises MissingError: not enough; the message has both numbers."""
        ...

    def allocate_pinned(self, size_bytes: int, *, name: str) -> Buffer:
        """Host memory that copies run from and to without the host. Raises MissingError."""
        ...

    def stream(self, *, name: str) -> Stream: ...

    def event(self, *, name: str, timing: bool = False) -> Event: ...

    def copy(self, target: Tensor, source: Tensor, *, stream: Stream) -> None:
        """Put a copy on `stream`. Raises ValueError: the sizes differ."""
        ...

    def record(self, event: Event, *, stream: Stream) -> None: ...

    def wait(self, event: Event, *, stream: Stream) -> None:
        """Work put on `stream` from now on begins after `event`'s latest mark so far."""
        ...

    def synchronize(self, event: Event) -> None:
        """Block the calling thread until `event`'s latest mark is reached."""
        ...

    def is_done(self, event: Event) -> bool: ...

    def elapsed_s(self, start: Event, end: Event) -> float:
        """Seconds between two reached marks of events made with `timing`."""
        ...

    def reading(self, tensor: Tensor) -> AbstractContextManager[NDArray[Any]]:
        """The host's view of pinned memory, to read. Within the block no work may write there."""
        ...

    def writing(self, tensor: Tensor) -> AbstractContextManager[NDArray[Any]]:
        """The host's view of pinned memory, to write. Within the block no work may touch it."""
        ...

    def capture(self, *, stream: Stream) -> AbstractContextManager[Callable[[], Graph]]:
        """Collect what the block puts on `stream` instead of running it.

        Yields a callable that gives the graph once the block has ended. Within the block `stream` takes
        no synchronization, and nothing is allocated.

        Raises:
            EngineError: something in the block can't be captured; `stream` is usable again.
        """
        ...

    def close(self) -> None:
        """Wait for all work, then free everything that was made here."""
        ...


class CpuDevice(Device, Protocol):
    """A device that runs Python callables: `host`, and `null`, which leaves them out."""

    def run(
        self,
        work: Callable[[], None],
        *,
        reads: Sequence[Tensor],
        writes: Sequence[Tensor],
        stream: Stream,
        name: str,
    ) -> None:
        """Put `work` on `stream`; it touches only the memory that is named here.

        Within `work`, `view` gives arrays of device memory.
        """
        ...

    def view(self, tensor: Tensor) -> NDArray[Any]:
        """Array over device or pinned memory, for use inside `work` only: no order is checked."""
        ...
