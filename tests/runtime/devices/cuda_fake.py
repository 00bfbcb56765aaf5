"""A driver without a GPU: the functions of `cuda.bindings.driver` that we call, with CUDA's rules.

Work is done at once, in host memory. A call that CUDA would refuse is refused: without a context in its
thread, with a handle that isn't, or by a capture.
"""

# ruff: noqa: N801, N802, N803 - the names are CUDA's

import ctypes
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from trt_anime.runtime.devices.cuda_driver import CURES

TOTAL_BYTES = 1 << 20
CONTEXT = 0xC0DE
LEGACY = 1

_CODES = [
    "CUDA_SUCCESS",
    "CUDA_ERROR_INVALID_VALUE",
    "CUDA_ERROR_INVALID_HANDLE",
    "CUDA_ERROR_INVALID_CONTEXT",
    *CURES,
]
# The real numbers are of no account, but for success.
_ENUM: Any = IntEnum
_CODE = _ENUM("CUresult", {name: number for number, name in enumerate(_CODES)})
SUCCESS = _CODE.CUDA_SUCCESS


@dataclass(eq=False)
class _Stream:
    handle: int
    capture: "_Capture | None" = None


@dataclass(eq=False)
class _Capture:
    origin: int
    thread: int
    work: list[Callable[[], None]] = field(default_factory=list)
    broken: bool = False
    members: set[int] = field(default_factory=set)
    joined: set[int] = field(default_factory=set)


@dataclass(eq=False)
class _Event:
    flags: int
    at: int | None = None
    capture: _Capture | None = None
    of_stream: int = 0


class FakeDriver:
    """Stands for the module; one method for each function.

    Attributes:
        calls: every call's function and arguments, in order.
        answers: function -> codes to answer its next calls with instead of doing anything.
        contexts: thread -> what is current in it.
        gpu_of_memory: which GPU all memory is said to be on.
    """

    CUresult = _CODE
    CU_MEMHOSTALLOC_PORTABLE = 1

    class CUdevice_attribute:
        CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR = 75
        CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR = 76

    class CUpointer_attribute:
        CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL = 9

    class CUstream_flags:
        CU_STREAM_NON_BLOCKING = 1

    class CUevent_flags:
        CU_EVENT_BLOCKING_SYNC = 1
        CU_EVENT_DISABLE_TIMING = 2

    class CUstreamCaptureMode:
        CU_STREAM_CAPTURE_MODE_THREAD_LOCAL = 1

    def __init__(self, *, gpus: int = 1, memory_bytes: int = TOTAL_BYTES) -> None:
        self.memory_bytes = memory_bytes
        self.gpus = gpus
        self.gpu_of_memory = 0
        self.calls: list[tuple[str, tuple[Any, ...]]] = []
        self.answers: dict[str, list[str]] = {}
        self.contexts: dict[int, int | None] = {}
        self.retained = 0
        self.memory: dict[int, tuple[str, Any]] = {}
        self.streams: dict[int, _Stream] = {LEGACY: _Stream(LEGACY)}
        self.events: dict[int, _Event] = {}
        self.graphs: dict[int, list[Callable[[], None]]] = {}
        self.runnable: dict[int, list[Callable[[], None]]] = {}
        self._next = 100
        self.clock = 0

    @property
    def left(self) -> int:
        """How many things are not freed."""
        made: list[dict[int, Any]] = [self.memory, self.events, self.graphs, self.runnable]
        return sum(len(things) for things in made) + len(self.streams) - 1

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        return self._called(name, found) if name.startswith("cu") else found

    def _called(self, name: str, function: Callable[..., Any]) -> Callable[..., tuple[Any, ...]]:
        def call(*arguments: Any) -> tuple[Any, ...]:
            self.calls.append((name, arguments))
            if planned := self.answers.get(name):
                code = planned.pop(0)
                if code != "CUDA_SUCCESS":
                    return _CODE[code], None
            try:
                if name not in _WITHOUT_CONTEXT and not self.contexts.get(threading.get_ident()):
                    raise _Refusal("CUDA_ERROR_INVALID_CONTEXT")
                results = function(*arguments)
            except _Refusal as refusal:
                return _CODE[refusal.code], *[None] * refusal.results
            return SUCCESS, *(results if isinstance(results, tuple) else [results][: results is not None])

        return call

    # The process and its devices.

    def cuInit(self, Flags: int) -> None:
        if not self.gpus:
            raise _Refusal("CUDA_ERROR_NO_DEVICE")

    def cuDriverGetVersion(self) -> int:
        return 13000

    def cuGetErrorString(self, error: IntEnum) -> bytes:
        return f"words for {error.name}".encode()

    def cuDeviceGetCount(self) -> int:
        return self.gpus

    def cuDeviceGet(self, ordinal: int) -> int:
        if ordinal >= self.gpus:
            raise _Refusal("CUDA_ERROR_INVALID_DEVICE")
        return ordinal

    def cuDeviceGetName(self, length: int, dev: int) -> bytes:
        return f"GPU {dev}".encode().ljust(length, b"\0")

    def cuDeviceGetAttribute(self, attrib: int, dev: int) -> int:
        return {75: 8, 76: 9}[attrib]

    def cuDeviceTotalMem(self, dev: int) -> int:
        return self.memory_bytes

    def cuDevicePrimaryCtxRetain(self, dev: int) -> int:
        self.retained += 1
        return CONTEXT + dev

    def cuDevicePrimaryCtxRelease(self, dev: int) -> None:
        self.retained -= 1

    def cuCtxSetCurrent(self, ctx: int | None) -> None:
        self.contexts[threading.get_ident()] = ctx

    def cuCtxSynchronize(self) -> None:
        self._forbidden_while_capturing()

    # Memory.

    def cuMemGetInfo(self) -> tuple[int, int]:
        return self._free_bytes(), self.memory_bytes

    def cuMemAlloc(self, bytesize: int) -> int:
        return self._allocate("device", bytesize)

    def cuMemHostAlloc(self, bytesize: int, Flags: int) -> int:
        return self._allocate("pinned", bytesize)

    def cuMemFree(self, dptr: int) -> None:
        self._free("device", dptr)

    def cuMemFreeHost(self, p: int) -> None:
        self._free("pinned", p)

    def cuMemcpyAsync(self, dst: int, src: int, ByteCount: int, hStream: int) -> None:
        for begin in (dst, src):
            if not any(p <= begin and begin + ByteCount <= p + len(m) for p, (_, m) in self.memory.items()):
                raise _Refusal("CUDA_ERROR_INVALID_VALUE")
        self.put(hStream, lambda: ctypes.memmove(dst, src, ByteCount))

    def cuPointerGetAttribute(self, attribute: int, ptr: int) -> int:
        if ptr not in self.memory:
            raise _Refusal("CUDA_ERROR_INVALID_VALUE")
        return self.gpu_of_memory

    # Streams and events.

    def cuStreamCreate(self, Flags: int) -> int:
        handle = self._handle()
        self.streams[handle] = _Stream(handle)
        return handle

    def cuStreamDestroy(self, hStream: int) -> None:
        self._stream(hStream)
        del self.streams[hStream]

    def cuStreamWaitEvent(self, hStream: int, hEvent: int, Flags: int) -> None:
        stream, event = self._stream(hStream), self._event(hEvent)
        if event.capture is None:
            if stream.capture:
                stream.capture.broken = True
                raise _Refusal("CUDA_ERROR_STREAM_CAPTURE_ISOLATION")
            return
        if stream.capture is None:
            stream.capture = event.capture
            event.capture.members.add(hStream)
        if hStream == event.capture.origin:
            event.capture.joined.add(event.of_stream)

    def cuEventCreate(self, Flags: int) -> int:
        handle = self._handle()
        self.events[handle] = _Event(Flags)
        return handle

    def cuEventDestroy(self, hEvent: int) -> None:
        self._event(hEvent)
        del self.events[hEvent]

    def cuEventRecord(self, hEvent: int, hStream: int) -> None:
        event, stream = self._event(hEvent), self._stream(hStream)
        self.clock += 1
        event.at, event.capture, event.of_stream = self.clock, stream.capture, hStream
        if stream.capture:
            stream.capture.joined.discard(hStream)

    def cuEventQuery(self, hEvent: int) -> None:
        self._event(hEvent)

    def cuEventSynchronize(self, hEvent: int) -> None:
        if self._event(hEvent).capture:
            raise _Refusal("CUDA_ERROR_CAPTURED_EVENT")
        self._forbidden_while_capturing()

    def cuEventElapsedTime(self, hStart: int, hEnd: int) -> float:
        start, end = self._event(hStart), self._event(hEnd)
        if (start.flags | end.flags) & 2 or start.at is None or end.at is None:
            raise _Refusal("CUDA_ERROR_INVALID_HANDLE", 1)
        return float(end.at - start.at)

    # Graphs.

    def cuStreamBeginCapture(self, hStream: int, mode: int) -> None:
        stream = self._stream(hStream)
        if hStream == LEGACY or stream.capture:
            raise _Refusal("CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED")
        stream.capture = _Capture(hStream, threading.get_ident(), members={hStream}, joined={hStream})

    def cuStreamEndCapture(self, hStream: int) -> int:
        capture = self._stream(hStream).capture
        if capture is None:
            raise _Refusal("CUDA_ERROR_STREAM_CAPTURE_UNMATCHED", 1)
        if capture.thread != threading.get_ident():
            raise _Refusal("CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD", 1)
        for member in capture.members:
            self.streams[member].capture = None
        if capture.broken:
            raise _Refusal("CUDA_ERROR_STREAM_CAPTURE_INVALIDATED", 1)
        if capture.members - capture.joined - {capture.origin}:
            raise _Refusal("CUDA_ERROR_STREAM_CAPTURE_UNJOINED", 1)
        handle = self._handle()
        self.graphs[handle] = capture.work
        return handle

    def cuGraphInstantiate(self, hGraph: int, flags: int) -> int:
        handle = self._handle()
        self.runnable[handle] = self.graphs[hGraph]
        return handle

    def cuGraphLaunch(self, hGraphExec: int, hStream: int) -> None:
        for work in self.runnable[hGraphExec]:
            self.put(hStream, work)

    def cuGraphDestroy(self, hGraph: int) -> None:
        del self.graphs[hGraph]

    def cuGraphExecDestroy(self, hGraphExec: int) -> None:
        del self.runnable[hGraphExec]

    def _handle(self) -> int:
        self._next += 1
        return self._next

    def _stream(self, handle: int) -> _Stream:
        if handle not in self.streams:
            raise _Refusal("CUDA_ERROR_INVALID_HANDLE")
        return self.streams[handle]

    def _event(self, handle: int) -> _Event:
        if handle not in self.events:
            raise _Refusal("CUDA_ERROR_INVALID_HANDLE")
        return self.events[handle]

    def put(self, handle: int, work: Callable[[], object]) -> None:
        capture = self._stream(handle).capture
        if capture is None:
            work()
        else:
            capture.work.append(lambda: (work(), None)[1])

    def _allocate(self, kind: str, size_bytes: int) -> int:
        if not size_bytes:
            raise _Refusal("CUDA_ERROR_INVALID_VALUE", 1)
        self._forbidden_while_capturing()
        if size_bytes > self._free_bytes():
            raise _Refusal("CUDA_ERROR_OUT_OF_MEMORY", 1)
        memory = (ctypes.c_ubyte * size_bytes)()
        self.memory[ctypes.addressof(memory)] = (kind, memory)
        return ctypes.addressof(memory)

    def _free_bytes(self) -> int:
        return self.memory_bytes - sum(len(memory) for _, memory in self.memory.values())

    def _free(self, kind: str, pointer: int) -> None:
        if pointer not in self.memory or self.memory[pointer][0] != kind:
            raise _Refusal("CUDA_ERROR_INVALID_VALUE")
        del self.memory[pointer]

    def _forbidden_while_capturing(self) -> None:
        """Thread-local captures hold the thread that captures to asynchronous calls."""
        for stream in self.streams.values():
            if stream.capture and stream.capture.thread == threading.get_ident():
                stream.capture.broken = True
                raise _Refusal("CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED", 1)

    @contextmanager
    def answering(self, function: str, *codes: str) -> Iterator[None]:
        """Within the block `function` answers with `codes`, one call each, then as ever."""
        self.answers[function] = list(codes)
        yield
        assert not self.answers.pop(function), f"{function} wasn't called that often"


class _Refusal(Exception):  # noqa: N818 - a code on its way to the caller  # noqa: N818 - a code on its way to the caller
    def __init__(self, code: str, results: int = 0) -> None:
        self.code, self.results = code, results


_WITHOUT_CONTEXT = {
    "cuInit",
    "cuDriverGetVersion",
    "cuGetErrorString",
    "cuDeviceGetCount",
    "cuDeviceGet",
    "cuDeviceGetName",
    "cuDeviceGetAttribute",
    "cuDeviceTotalMem",
    "cuDevicePrimaryCtxRetain",
    "cuDevicePrimaryCtxRelease",
    "cuCtxSetCurrent",
}
