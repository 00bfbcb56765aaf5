"""The CPU as a device: CUDA's rules, and an error wherever they leave the order of two accesses open."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from trt_anime.errors import EngineError, MissingError, TrtAnimeError
from trt_anime.runtime.devices.api import Event, Graph, Memory, Place, Stream, Tensor
from trt_anime.runtime.devices.capturing import Captures
from trt_anime.runtime.devices.checks import own, require_same_size, too_little
from trt_anime.runtime.devices.hazards import Checker, HazardError, Line, Region, Span
from trt_anime.runtime.devices.ram import processor, ram
from trt_anime.runtime.devices.schedule import Mark, Schedule, Step, Threads

ALIGNMENT_BYTES = 64  # a cache line, and the widest vector register


@dataclass(eq=False)
class HostBuffer:
    """Memory of a `HostDevice`.

    Attributes:
        array: uint8 [size_bytes]; empty once closed.
    """

    device: HostDevice
    name: str
    place: Place
    size_bytes: int
    array: NDArray[np.uint8]
    region: Region

    @property
    def pointer(self) -> int:
        return int(self.array.ctypes.data)

    def close(self) -> None:
        """Again is harmless. Raises HazardError: work that isn't known to have ended may use it."""
        self.device.free(self)


@dataclass(eq=False)
class HostStream:
    device: HostDevice
    name: str
    line: Line
    lane: int

    @property
    def handle(self) -> int:
        return 0


@dataclass(eq=False)
class HostEvent:
    device: HostDevice
    name: str
    timing: bool
    mark: Mark | None = None


@dataclass(frozen=True, slots=True)
class _Operation:
    name: str
    work: Callable[[], object]
    reads: list[Span]
    writes: list[Span]


class _Doing(threading.local):
    """What this thread is running."""

    operation: _Operation | None = None


class HostDevice:
    """Runs on the CPU, one thread for each stream.

    Every access is checked when it is submitted: by operations, and by the host in `reading` and
    `writing`. Raises HazardError naming both sides where no event orders two accesses that conflict,
    where bytes are read that nobody wrote, and where a buffer is closed too early. What `work` does to
    memory that it did not name can only be seen where it asks `view` for it.

    Args:
        schedule: how work gets run; None for threads.
    """

    name = "cpu"

    def __init__(self, schedule: Schedule | None = None) -> None:
        self._schedule = Threads() if schedule is None else schedule
        self._checker = Checker()
        self._captures = Captures()
        self._lock = threading.Lock()
        self._buffers: set[HostBuffer] = set()
        self._taken_bytes = 0
        self._free_at_first = ram().free
        self._doing = _Doing()
        self._surfaced = False
        self._closed = False

    @property
    def title(self) -> str:
        return processor()

    def memory(self) -> Memory:
        """RAM. A page is only taken when it is touched; here, what was allocated counts as taken."""
        now = ram()
        return Memory(max(0, min(now.free, self._free_at_first - self._taken_bytes)), now.total)

    def allocate(self, size_bytes: int, *, name: str) -> HostBuffer:
        return self._allocate(size_bytes, name, "device")

    def allocate_pinned(self, size_bytes: int, *, name: str) -> HostBuffer:
        return self._allocate(size_bytes, name, "pinned")

    def free(self, buffer: HostBuffer) -> None:
        """As `Buffer.close`."""
        with self._lock:
            if buffer not in self._buffers:
                return
            # After a failure no more work runs, and whoever cleans up should see that failure instead.
            if self._schedule.failure is None:
                self._checker.require_unused(buffer.region)
            self._forget(buffer)

    def stream(self, *, name: str) -> HostStream:
        self._require_sound()
        with self._lock:
            return HostStream(self, name, self._checker.line(name), self._schedule.lane(name))

    def event(self, *, name: str, timing: bool = False) -> HostEvent:
        self._require_sound()
        return HostEvent(self, name, timing)

    def copy(self, target: Tensor, source: Tensor, *, stream: Stream) -> None:
        require_same_size(target, source)
        work = partial(np.copyto, self._bytes(target), self._bytes(source))
        name = f"copy of {source.buffer.name} to {target.buffer.name}"
        self._put(_Operation(name, work, self._spans((source,)), self._spans((target,))), stream)

    def run(
        self,
        work: Callable[[], None],
        *,
        reads: Sequence[Tensor],
        writes: Sequence[Tensor],
        stream: Stream,
        name: str,
    ) -> None:
        """As `CpuDevice.run`. What `work` raises surfaces as an EngineError; a TrtAnimeError as itself."""
        self._put(_Operation(name, work, self._spans(reads), self._spans(writes)), stream)

    def view(self, tensor: Tensor) -> NDArray[Any]:
        """As `CpuDevice.view`. Raises HazardError: the operation that asks did not name this memory."""
        operation = self._doing.operation
        if operation is not None:
            for region, start, end in self._spans((tensor,)):
                if not any(
                    span.region is region and span.start <= start and end <= span.end
                    for span in (*operation.reads, *operation.writes)
                ):
                    raise HazardError(
                        f"'{operation.name}' looks at bytes {start} to {end} of '{region.name}', which it "
                        "named neither in reads nor in writes"
                    )
        return self._bytes(tensor).view(tensor.dtype).reshape(tensor.shape)

    def record(self, event: Event, *, stream: Stream) -> None:
        self._captures.refuse(f"event '{event.name}' can't be recorded", stream=stream)
        self._require_sound()
        ours, line = own(event, HostEvent, self), own(stream, HostStream, self)
        with self._lock:
            mark = Mark(ours.name, self._checker.mark(line.line))
            self._schedule.submit(line.lane, Step(ours.name, mark=mark))
            ours.mark = mark

    def wait(self, event: Event, *, stream: Stream) -> None:
        self._captures.refuse(f"event '{event.name}' can't be waited for", stream=stream)
        self._require_sound()
        line = own(stream, HostStream, self)
        with self._lock:
            mark = self._mark(event, f"stream '{line.name}' waits for")
            self._checker.wait(line.line, mark.clock)
            self._schedule.submit(line.lane, Step(mark.name, needs=mark))

    def synchronize(self, event: Event) -> None:
        self._captures.refuse(f"event '{event.name}' can't be synchronized on")
        self._require_sound()
        mark = self._mark(event, "the host synchronizes on")
        self._schedule.finish(mark)
        self._surface()
        self._host_knows(mark)

    def is_done(self, event: Event) -> bool:
        self._captures.refuse(f"event '{event.name}' can't be asked for")
        self._require_sound()
        mark = self._mark(event, "the host asks for")
        if not self._schedule.poll(mark):
            return False
        self._surface()
        self._host_knows(mark)
        return True

    def elapsed_s(self, start: Event, end: Event) -> float:
        """As `Device.elapsed_s`. Raises HazardError: a mark isn't reached, or an event isn't for timing."""
        self._require_sound()
        marks = [self._mark(event, "the host times") for event in (start, end)]
        for event, mark in zip((start, end), marks, strict=True):
            if not own(event, HostEvent, self).timing:
                raise HazardError(f"event '{event.name}' is timed, but was made without `timing`")
            if not self._schedule.poll(mark):
                raise HazardError(f"event '{event.name}' is timed before it is reached: synchronize first")
            self._host_knows(mark)
        return marks[1].at_s - marks[0].at_s

    def reading(self, tensor: Tensor) -> AbstractContextManager[NDArray[Any]]:
        return self._block(tensor, writes=False)

    def writing(self, tensor: Tensor) -> AbstractContextManager[NDArray[Any]]:
        """As `Device.writing`. After an error in the block, its bytes count as unwritten if they were."""
        return self._block(tensor, writes=True)

    def capture(self, *, stream: Stream) -> AbstractContextManager[Callable[[], Graph]]:
        """As `Device.capture`, for `copy` and `run`; events can't be captured here."""
        self._require_sound()
        return self._captures.capture(own(stream, HostStream, self))

    def close(self) -> None:
        """As `Device.close`; again is harmless. Raises what failed, if that hasn't surfaced before."""
        if self._closed:
            return
        self._closed = True
        self._schedule.close()
        with self._lock:
            for buffer in list(self._buffers):
                self._forget(buffer)
        if not self._surfaced:
            self._surface()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            self._surfaced = True  # the block's own error is the one to see
        self.close()

    def _allocate(self, size_bytes: int, name: str, place: Place) -> HostBuffer:
        self._captures.refuse(f"'{name}' can't be allocated")
        self._require_sound()
        free = self.memory().free
        try:
            if size_bytes > free:
                raise MemoryError
            padded = np.empty(size_bytes + ALIGNMENT_BYTES, np.uint8)
        except MemoryError as error:
            raise MissingError(too_little(name, size_bytes, free, device=self.name)) from error
        start = -padded.ctypes.data % ALIGNMENT_BYTES
        array = padded[start : start + size_bytes]
        buffer = HostBuffer(self, name, place, size_bytes, array, Region(name))
        with self._lock:
            self._buffers.add(buffer)
            self._taken_bytes += size_bytes
        return buffer

    def _forget(self, buffer: HostBuffer) -> None:
        buffer.region.closed = True
        buffer.array = np.empty(0, np.uint8)
        self._buffers.remove(buffer)
        self._taken_bytes -= buffer.size_bytes

    def _put(self, operation: _Operation, stream: Stream) -> None:
        ours = own(stream, HostStream, self)
        if not self._captures.take(partial(self._submit, operation), operation.name, stream=ours):
            self._submit(operation, ours)

    def _submit(self, operation: _Operation, stream: Stream) -> None:
        self._require_sound()
        ours = own(stream, HostStream, self)
        with self._lock:
            self._checker.submit(ours.line, operation.name, operation.reads, operation.writes)
            step = Step(operation.name, work=partial(self._perform, operation, ours.name))
            self._schedule.submit(ours.lane, step)

    def _perform(self, operation: _Operation, stream: str) -> None:
        self._doing.operation = operation
        try:
            operation.work()
        except TrtAnimeError:
            raise
        except BaseException as error:
            what = f"'{operation.name}' failed on stream '{stream}'"
            raise EngineError(f"{what} ({type(error).__name__}: {error})") from error
        finally:
            self._doing.operation = None

    @contextmanager
    def _block(self, tensor: Tensor, *, writes: bool) -> Iterator[NDArray[Any]]:
        self._require_sound()
        buffer = own(tensor.buffer, HostBuffer, self)
        if buffer.place != "pinned":
            raise HazardError(f"the host looks at '{buffer.name}', which is device memory: copy it first")
        with self._lock:
            blocks = [self._checker.open(span, writes=writes) for span in self._spans((tensor,))]
        filled = False
        try:
            array = self._bytes(tensor).view(tensor.dtype).reshape(tensor.shape)
            array.flags.writeable = writes
            yield array
            filled = True
        finally:
            with self._lock:
                for block in blocks:
                    self._checker.end(block, filled=filled)

    def _bytes(self, tensor: Tensor) -> NDArray[np.uint8]:
        buffer = own(tensor.buffer, HostBuffer, self)
        if buffer.region.closed:
            raise HazardError(f"'{buffer.name}' is used after it was closed")
        return buffer.array[tensor.offset_bytes : tensor.offset_bytes + tensor.size_bytes]

    def _spans(self, tensors: Sequence[Tensor]) -> list[Span]:
        return [
            Span(
                own(tensor.buffer, HostBuffer, self).region,
                tensor.offset_bytes,
                tensor.offset_bytes + tensor.size_bytes,
            )
            for tensor in tensors
            if tensor.size_bytes
        ]

    def _mark(self, event: Event, doing: str) -> Mark:
        mark = own(event, HostEvent, self).mark
        if mark is None:
            raise HazardError(f"{doing} event '{event.name}', which was never recorded")
        return mark

    def _host_knows(self, mark: Mark) -> None:
        with self._lock:
            self._checker.host_knows(mark.clock)

    def _surface(self) -> None:
        if self._schedule.failure is not None:
            self._surfaced = True
            raise self._schedule.failure

    def _require_sound(self) -> None:
        if self._closed:
            raise EngineError(f"device '{self.name}' is closed")
        if self._surfaced:
            self._surface()
