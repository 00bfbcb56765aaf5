"""The `cuda` device: memory, streams, events, copies and graphs of one NVIDIA GPU.

It works in the GPU's primary context, which ONNX Runtime, TensorRT, CuPy and PyTorch use too, so that
their pointers and streams are good here and ours there.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self, TypeVar

from numpy.typing import NDArray

from trt_anime.errors import EngineError, MissingError
from trt_anime.runtime.devices.api import Event, Graph, Memory, Stream, Tensor
from trt_anime.runtime.devices.checks import own, require_same_size, too_little
from trt_anime.runtime.devices.cuda_driver import (
    LOST,
    NOT_TO_HAVE,
    Driver,
    cuda_devices,
    device_info,
    load_driver,
)
from trt_anime.runtime.devices.cuda_resources import (
    Captured,
    CudaBuffer,
    CudaEvent,
    CudaGraph,
    CudaStream,
    array_at,
)

__all__ = ["CudaDevice", "cuda_devices"]

_Made = TypeVar("_Made")


class CudaDevice:
    """One GPU; keeps the rules of `Device`.

    Memory comes from cuMemAlloc, not from a stream-ordered pool: it is allocated once for a run, keeps
    its address, as captured graphs need it, and cuMemFree waits for work that may still use it.

    Calls leave the GPU's primary context current in their thread, as CUDA's own runtime does.
    """

    def __init__(self, ordinal: int = 0, *, driver: Driver | None = None) -> None:
        """Raises MissingError: no cuda-python, driver or GPU, none with this ordinal, or no place on it."""
        self.driver = driver or load_driver()
        self.name = f"cuda:{ordinal}"
        count = self.driver.call("cuDeviceGetCount", doing="counting GPUs")
        if not 0 <= ordinal < count:
            raise MissingError(
                f"{self.name}: isn't among the {count} GPUs here, which count from 0; choose another, or "
                "look at CUDA_VISIBLE_DEVICES"
            )
        self.info = device_info(self.driver, ordinal)
        self.title = self.info.name
        self._gpu = self.driver.call("cuDeviceGet", ordinal, doing=self.name)
        self._context = self._retained()
        # What frees each thing that was made here, in the order it was made.
        self._owned: dict[object, tuple[str, Any]] = {}
        self._lock = threading.Lock()
        self._closed = False
        self._lost = ""

    @property
    def ordinal(self) -> int:
        return self.info.ordinal

    def memory(self) -> Memory:
        free, total = self.call("cuMemGetInfo", doing="asking for free memory")
        return Memory(free=free, total=total)

    def allocate(self, size_bytes: int, *, name: str) -> CudaBuffer:
        self.make_current()
        # CUDA refuses to allocate nothing.
        code, pointer = self.driver.attempt("cuMemAlloc", max(size_bytes, 1))
        if code.name == "CUDA_ERROR_OUT_OF_MEMORY":
            raise MissingError(too_little(name, size_bytes, self.memory().free, device=self.name))
        self._check(code, f"allocating {name}")
        return self._own(CudaBuffer(self, name, "device", size_bytes, int(pointer)), "cuMemFree", pointer)

    def allocate_pinned(self, size_bytes: int, *, name: str) -> CudaBuffer:
        self.make_current()
        # Portable: pinned in the eyes of every GPU, not of this one alone.
        flags = self.driver.module.CU_MEMHOSTALLOC_PORTABLE
        code, pointer = self.driver.attempt("cuMemHostAlloc", max(size_bytes, 1), flags)
        if code.name == "CUDA_ERROR_OUT_OF_MEMORY":
            raise MissingError(
                f"{name}: the system doesn't pin {size_bytes:,} bytes of host memory for '{self.name}'; "
                "lower the batch size or close other programs"
            )
        self._check(code, f"pinning {name}")
        return self._own(
            CudaBuffer(self, name, "pinned", size_bytes, int(pointer)), "cuMemFreeHost", pointer
        )

    def stream(self, *, name: str) -> CudaStream:
        """A stream that never waits for the legacy default stream, whatever other libraries put there."""
        flags = int(self.driver.module.CUstream_flags.CU_STREAM_NON_BLOCKING)
        handle = self.call("cuStreamCreate", flags, doing=f"making stream {name}")
        return self._own(CudaStream(name, int(handle)), "cuStreamDestroy", handle)

    def event(self, *, name: str, timing: bool = False) -> CudaEvent:
        """An event; a thread that waits for it sleeps, which leaves its core to decoders and encoders."""
        kinds = self.driver.module.CUevent_flags
        flags = int(kinds.CU_EVENT_BLOCKING_SYNC)
        if not timing:
            flags |= int(kinds.CU_EVENT_DISABLE_TIMING)
        handle = self.call("cuEventCreate", flags, doing=f"making event {name}")
        return self._own(CudaEvent(self, name, int(handle), timing), "cuEventDestroy", handle)

    def copy(self, target: Tensor, source: Tensor, *, stream: Stream) -> None:
        """As in `Device`; CUDA infers the direction from the addresses."""
        require_same_size(target, source)
        if not source.size_bytes:
            return
        doing = f"copy of {source.buffer.name} to {target.buffer.name}"
        places = (target.pointer, source.pointer)
        self.call("cuMemcpyAsync", *places, source.size_bytes, stream.handle, doing=doing)

    def record(self, event: Event, *, stream: Stream) -> None:
        """As in `Device`. Within a capture it is an edge of the graph and marks nothing outside."""
        doing = f"recording {event.name} on {stream.name}"
        self.call("cuEventRecord", own(event, CudaEvent, self).handle, stream.handle, doing=doing)

    def wait(self, event: Event, *, stream: Stream) -> None:
        doing = f"waiting for {event.name} on {stream.name}"
        self.call("cuStreamWaitEvent", stream.handle, own(event, CudaEvent, self).handle, 0, doing=doing)

    def wait_stream(self, first: Stream, *, stream: Stream) -> None:
        """Work put on `stream` from now on begins after what is on `first` so far.

        Either may belong to another library. The host doesn't wait.
        """
        flags = int(self.driver.module.CUevent_flags.CU_EVENT_DISABLE_TIMING)
        doing = f"ordering {stream.name} after {first.name}"
        event = self.call("cuEventCreate", flags, doing=doing)
        try:
            self.call("cuEventRecord", event, first.handle, doing=doing)
            self.call("cuStreamWaitEvent", stream.handle, event, 0, doing=doing)
        finally:
            self.driver.attempt("cuEventDestroy", event)  # CUDA keeps it until the wait is over

    def synchronize(self, event: Event) -> None:
        """As in `Device`. Raises EngineError: work before the mark, or elsewhere on the GPU, failed."""
        self.call(
            "cuEventSynchronize", own(event, CudaEvent, self).handle, doing=f"waiting for {event.name}"
        )

    def is_done(self, event: Event) -> bool:
        self.make_current()
        code, _ = self.driver.attempt("cuEventQuery", own(event, CudaEvent, self).handle)
        if code.name == "CUDA_ERROR_NOT_READY":
            return False
        self._check(code, f"asking for {event.name}")
        return True

    def elapsed_s(self, start: Event, end: Event) -> float:
        """As in `Device`; CUDA's clock ticks every half microsecond.

        Raises:
            ValueError: an event was made without `timing`.
            EngineError: one of them isn't reached yet.
        """
        first, last = (own(event, CudaEvent, self) for event in (start, end))
        for event in (first, last):
            if not event.timing:
                raise ValueError(f"'{event.name}' was made without timing")
        doing = f"time from {first.name} to {last.name}"
        milliseconds = self.call("cuEventElapsedTime", first.handle, last.handle, doing=doing)
        return float(milliseconds) / 1000

    @contextmanager
    def reading(self, tensor: Tensor) -> Iterator[NDArray[Any]]:
        """As in `Device`; the array is read-only. Raises ValueError: not pinned."""
        array = self._host_array(tensor)
        array.flags.writeable = False
        yield array

    @contextmanager
    def writing(self, tensor: Tensor) -> Iterator[NDArray[Any]]:
        """As in `Device`. Raises ValueError: not pinned."""
        yield self._host_array(tensor)

    @contextmanager
    def capture(self, *, stream: Stream) -> Iterator[Callable[[], Graph]]:
        """As in `Device`; other streams that wait for an event from the block are collected too.

        They must be waited for again on `stream` before the block ends. Other threads may go on using
        the device meanwhile.
        """
        doing = f"capture on {stream.name}"
        # Thread-local: only this thread is held to what a capture forbids, such as allocating.
        mode = self.driver.module.CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL
        self.call("cuStreamBeginCapture", stream.handle, mode, doing=doing)
        captured = Captured(doing)
        try:
            yield captured
        except BaseException:
            self._abandon_capture(stream)
            raise
        graph = self.call("cuStreamEndCapture", stream.handle, doing=doing)
        if not int(graph):
            raise EngineError(f"{doing}: something in it can't be captured; run without CUDA graphs")
        try:
            runnable = self.call("cuGraphInstantiate", graph, 0, doing=doing)
        finally:
            self.driver.attempt("cuGraphDestroy", graph)
        made = CudaGraph(self, f"graph of {stream.name}", runnable)
        captured.graph = self._own(made, "cuGraphExecDestroy", runnable)

    def close(self) -> None:
        """As in `Device`; again is harmless. Everything is freed even where that raises.

        Raises:
            EngineError: work that was still under way failed; not again for what was raised before.
        """
        with self._lock:
            if self._closed:
                return
            self._closed = True
        told, attempt = bool(self._lost), self.driver.attempt
        codes = [attempt("cuCtxSetCurrent", self._context)[0], attempt("cuCtxSynchronize")[0]]
        codes += [attempt(function, handle)[0] for function, handle in reversed(self._owned.values())]
        self._owned.clear()
        # A thread must not be left with a context that ends here.
        codes += [attempt("cuCtxSetCurrent", None)[0], attempt("cuDevicePrimaryCtxRelease", self._gpu)[0]]
        if not told:
            for code in codes:
                self._check(code, "closing")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self.close()
        except EngineError:
            if error is None:  # the first error says more than what it left behind
                raise

    def call(self, function: str, *arguments: Any, doing: str) -> Any:
        """One function of `cuda.bindings.driver` in this GPU's context; its result.

        For what `Device` doesn't offer, such as launching a kernel.

        Raises:
            EngineError: any code but success, or the device is closed.
        """
        self.make_current()
        code, result = self.driver.attempt(function, *arguments)
        self._check(code, doing)
        return result

    def make_current(self) -> None:
        """Make this GPU's context the calling thread's, for libraries that work in whichever is current.

        Calls come from several threads, and other libraries change what is current in them.

        Raises:
            EngineError: the device is closed or lost.
        """
        self._require_usable()
        self.driver.call("cuCtxSetCurrent", self._context, doing=self.name)

    def owns(self, thing: object) -> bool:
        """Whether `thing` was made here and isn't freed."""
        return thing in self._owned

    def release(self, thing: CudaBuffer | CudaGraph) -> None:
        """Free `thing`; nothing where that is done already."""
        function, handle = self._owned.pop(thing, (None, None))
        if function is not None:
            self.call(function, handle, doing=f"freeing {thing.name}")

    def _retained(self) -> Any:
        code, context = self.driver.attempt("cuDevicePrimaryCtxRetain", self._gpu)
        if not self.driver.succeeded(code):
            kind = MissingError if code.name in NOT_TO_HAVE else EngineError
            raise kind(self.driver.sentence(code, self.name))
        return context

    def _own(self, thing: _Made, function: str, handle: Any) -> _Made:
        self._owned[thing] = (function, handle)
        return thing

    def _require_usable(self) -> None:
        if self._closed:
            raise EngineError(f"device '{self.name}' is closed")
        if self._lost:
            raise EngineError(self._lost)

    def _check(self, code: Any, doing: str) -> None:
        if self.driver.succeeded(code):
            return
        sentence = f"{self.name}: {self.driver.sentence(code, doing)}"
        if code.name in LOST:
            self._lost = self._lost or sentence
        raise EngineError(sentence)

    def _abandon_capture(self, stream: Stream) -> None:
        """Leave `stream` usable; the error under way says what went wrong."""
        _, graph = self.driver.attempt("cuStreamEndCapture", stream.handle)
        if graph and int(graph):
            self.driver.attempt("cuGraphDestroy", graph)

    def _host_array(self, tensor: Tensor) -> NDArray[Any]:
        if tensor.buffer.place != "pinned":
            raise ValueError(f"'{tensor.buffer.name}' is device memory; copy it to pinned memory first")
        self._require_usable()
        return array_at(tensor)
