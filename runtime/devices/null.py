"""A device that does nothing and keeps time: what is left is our own overhead, or a prediction."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trt_anime.errors import EngineError, MissingError
from trt_anime.runtime.closing import Closing
from trt_anime.runtime.devices.api import Event, Graph, Memory, Place, Stream, Tensor
from trt_anime.runtime.devices.capturing import Captures
from trt_anime.runtime.devices.checks import own, require_same_size, too_little
from trt_anime.runtime.devices.clock import Clock, WallClock
from trt_anime.runtime.devices.hazards import HazardError
from trt_anime.runtime.devices.latencies import Direction, Latencies
from trt_anime.runtime.devices.ram import ram

# An array that was copied in, one that comes out.
Answer = Callable[[NDArray[Any], NDArray[Any]], None]


@dataclass(eq=False)
class NullBuffer:
    """Memory of a `NullDevice`.

    Attributes:
        array: uint8 [size_bytes] where it is pinned; device memory has no bytes.
        shows: the host's tensor that was copied into it last, or into what it was computed from.
    """

    device: NullDevice
    name: str
    place: Place
    size_bytes: int
    array: NDArray[np.uint8] | None
    shows: Tensor | None = None

    @property
    def pointer(self) -> int:
        return 0 if self.array is None else int(self.array.ctypes.data)

    def close(self) -> None:
        """Again is harmless."""
        self.device.free(self)


@dataclass(eq=False)
class NullStream:
    """`free_s`: when its work so far will have ended."""

    device: NullDevice
    name: str
    free_s: float = 0.0

    @property
    def handle(self) -> int:
        return 0


@dataclass(eq=False)
class NullEvent:
    """`at_s`: when its mark is reached; None: it was never recorded."""

    device: NullDevice
    name: str
    timing: bool
    at_s: float | None = None


class NullDevice(Closing):
    """Runs no work and copies nothing, but knows when it would have ended.

    There is one engine for copies in, one for copies out, and one for all else (more with
    `Latencies.concurrent_runs`). Each takes work in the order in which it was submitted, like one
    hardware queue: an operation that waits for an event keeps later ones on its engine waiting.
    Pinned memory is real: it holds what the host wrote last, at first zeros, or an answer that was made up.
    No order is checked.

    Args:
        latencies: how long work takes; None: no time at all.
        clock: None for the wall's.
        answer: given what was copied in and where to put what comes out, both arrays, fills the latter: an
            answer such as the work might have given. None leaves what is there.
    """

    name = "null"

    def __init__(
        self,
        latencies: Latencies | None = None,
        clock: Clock | None = None,
        answer: Answer | None = None,
    ) -> None:
        self.clock: Clock = WallClock() if clock is None else clock
        self._latencies = Latencies() if latencies is None else latencies
        # For each engine, when each of its units is free.
        self._engines: dict[Direction, list[float]] = {
            "in": [0.0],
            "out": [0.0],
            "within": [0.0] * self._latencies.concurrent_runs,
        }
        self._captures = Captures()
        self._answer = answer
        self._lock = threading.Lock()
        self._buffers: set[NullBuffer] = set()
        self._taken_bytes = 0
        self._ends_s = 0.0
        self._closed = False

    @property
    def title(self) -> str:
        return self._latencies.gpu

    def memory(self) -> Memory:
        total = self._latencies.memory_bytes
        return Memory(total - self._taken_bytes, total)

    def allocate(self, size_bytes: int, *, name: str) -> NullBuffer:
        self._captures.refuse(f"'{name}' can't be allocated")
        self._require_open()
        with self._lock:
            free = self._latencies.memory_bytes - self._taken_bytes
            if size_bytes > free:
                raise MissingError(too_little(name, size_bytes, free, device=self.title))
            self._taken_bytes += size_bytes
            return self._keep(NullBuffer(self, name, "device", size_bytes, None))

    def allocate_pinned(self, size_bytes: int, *, name: str) -> NullBuffer:
        self._captures.refuse(f"'{name}' can't be allocated")
        self._require_open()
        try:
            array = np.zeros(size_bytes, np.uint8)
        except MemoryError as error:
            raise MissingError(too_little(name, size_bytes, ram().free, device="cpu")) from error
        with self._lock:
            return self._keep(NullBuffer(self, name, "pinned", size_bytes, array))

    def require(self, name: str) -> None:
        """Raises InputError: the latencies don't tell of `name`."""
        self._latencies.run_s(name)

    def free(self, buffer: NullBuffer) -> None:
        """As `Buffer.close`."""
        with self._lock:
            if buffer in self._buffers:
                self._buffers.remove(buffer)
                buffer.array = None
                if buffer.place == "device":
                    self._taken_bytes -= buffer.size_bytes

    def stream(self, *, name: str) -> NullStream:
        self._require_open()
        return NullStream(self, name)

    def event(self, *, name: str, timing: bool = False) -> NullEvent:
        self._require_open()
        return NullEvent(self, name, timing)

    def copy(self, target: Tensor, source: Tensor, *, stream: Stream) -> None:
        require_same_size(target, source)
        to, of = own(target.buffer, NullBuffer, self), own(source.buffer, NullBuffer, self)
        direction: Direction = "within"
        if to.place != of.place:
            direction = "in" if to.place == "device" else "out"
        seconds = self._latencies.copy_s(target.size_bytes, direction)

        def effect() -> None:
            if direction == "in":
                to.shows = source
            elif direction == "within":
                to.shows = of.shows
            elif self._answer is not None and of.shows is not None:
                self._answer(self.view(of.shows), self.view(target))

        self._put(direction, seconds, f"copy of {of.name} to {to.name}", stream, effect)

    def run(
        self,
        work: Callable[[], None],
        *,
        reads: Sequence[Tensor],
        writes: Sequence[Tensor],
        stream: Stream,
        name: str,
    ) -> None:
        """As `CpuDevice.run`, but `work` is left out. Raises InputError: `name` isn't in the latencies."""
        given, made = ([own(one.buffer, NullBuffer, self) for one in each] for each in (reads, writes))

        def effect() -> None:
            for buffer in made:
                buffer.shows = given[0].shows if given else None

        self._put("within", self._latencies.run_s(name), name, stream, effect)

    def view(self, tensor: Tensor) -> NDArray[Any]:
        """As `CpuDevice.view`, of pinned memory. Raises HazardError: device memory has no bytes here."""
        buffer = own(tensor.buffer, NullBuffer, self)
        if buffer.array is None:
            raise HazardError(f"'{buffer.name}' has no bytes to look at, as device memory on '{self.name}'")
        array = buffer.array[tensor.offset_bytes : tensor.offset_bytes + tensor.size_bytes]
        return array.view(tensor.dtype).reshape(tensor.shape)

    def record(self, event: Event, *, stream: Stream) -> None:
        self._captures.refuse(f"event '{event.name}' can't be recorded", stream=stream)
        self._require_open()
        ours, line = own(event, NullEvent, self), own(stream, NullStream, self)
        with self._lock:
            ours.at_s = max(line.free_s, self.clock.now_s)

    def wait(self, event: Event, *, stream: Stream) -> None:
        self._captures.refuse(f"event '{event.name}' can't be waited for", stream=stream)
        self._require_open()
        line = own(stream, NullStream, self)
        with self._lock:
            line.free_s = max(line.free_s, self._mark_s(event))

    def synchronize(self, event: Event) -> None:
        self._captures.refuse(f"event '{event.name}' can't be synchronized on")
        self._require_open()
        self.clock.sleep_until(self._mark_s(event))

    def is_done(self, event: Event) -> bool:
        self._captures.refuse(f"event '{event.name}' can't be asked for")
        self._require_open()
        return self._mark_s(event) <= self.clock.now_s

    def elapsed_s(self, start: Event, end: Event) -> float:
        """As `Device.elapsed_s`. Raises HazardError: a mark isn't reached, or an event isn't for timing."""
        self._require_open()
        for event in (start, end):
            if not own(event, NullEvent, self).timing:
                raise HazardError(f"event '{event.name}' is timed, but was made without `timing`")
            if self._mark_s(event) > self.clock.now_s:
                raise HazardError(f"event '{event.name}' is timed before it is reached: synchronize first")
        return self._mark_s(end) - self._mark_s(start)

    def reading(self, tensor: Tensor) -> AbstractContextManager[NDArray[Any]]:
        return self._block(tensor, writes=False)

    def writing(self, tensor: Tensor) -> AbstractContextManager[NDArray[Any]]:
        return self._block(tensor, writes=True)

    def capture(self, *, stream: Stream) -> AbstractContextManager[Callable[[], Graph]]:
        """As `Device.capture`, for `copy` and `run`; events can't be captured here."""
        self._require_open()
        return self._captures.capture(own(stream, NullStream, self))

    def close(self) -> None:
        """As `Device.close`; again is harmless."""
        if self._closed:
            return
        self._closed = True
        self.clock.sleep_until(self._ends_s)
        for buffer in list(self._buffers):
            buffer.close()

    def _keep(self, buffer: NullBuffer) -> NullBuffer:
        self._buffers.add(buffer)
        return buffer

    def _put(
        self, engine: Direction, seconds: float, name: str, stream: Stream, effect: Callable[[], None]
    ) -> None:
        ours = own(stream, NullStream, self)
        if not self._captures.take(partial(self._submit, engine, seconds, effect), name, stream=ours):
            self._submit(engine, seconds, effect, ours)

    def _submit(
        self, engine: Direction, seconds: float, effect: Callable[[], None], stream: Stream
    ) -> None:
        """Effects come in the order of submission, which is one that streams and events allow."""
        self._require_open()
        effect()
        line = own(stream, NullStream, self)
        with self._lock:
            units = self._engines[engine]
            unit = units.index(min(units))
            start_s = max(line.free_s, units[unit], self.clock.now_s)
            line.free_s = units[unit] = start_s + seconds
            self._ends_s = max(self._ends_s, line.free_s)

    @contextmanager
    def _block(self, tensor: Tensor, *, writes: bool) -> Iterator[NDArray[Any]]:
        self._require_open()
        array = self.view(tensor)
        array.flags.writeable = writes
        yield array

    def _mark_s(self, event: Event) -> float:
        at_s = own(event, NullEvent, self).at_s
        if at_s is None:
            raise HazardError(f"event '{event.name}' is waited for, but was never recorded")
        return at_s

    def _require_open(self) -> None:
        if self._closed:
            raise EngineError(f"device '{self.name}' is closed")
