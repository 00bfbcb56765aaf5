"""A stage as a compiled engine, on TensorRT or TensorRT-RTX."""

import hashlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from threading import Lock
from typing import Any

import numpy as np

from trt_anime.engines import store
from trt_anime.engines.library import Library
from trt_anime.engines.manifest import Manifest
from trt_anime.engines.preflight import flavour_of, validity
from trt_anime.engines.store import Entry
from trt_anime.errors import EngineError, InputError, MissingError
from trt_anime.runtime.devices.api import Shape, Stream, Tensor
from trt_anime.runtime.sessions.api import Binding, GpuDevice, Origin
from trt_anime.runtime.sessions.bindings import ANY, BoundSession, frames_cleared
from trt_anime.runtime.sessions.rtx_cache import RuntimeCache

# TensorRT's demand on the address of its scratch memory.
SCRATCH_ALIGNMENT_BYTES = 256

_NOT_DESCRIBED = "does not describe its inputs and outputs"
_BUILD_AGAIN = "build it again with `trt-anime engines build`"
# The library's words -> what to do about it.
_ADVICE = {
    r"(?i)out.?of.?memory|cudaErrorMemoryAllocation": "close other programs that use the GPU, or lower"
    " --batch-size",
}


class TensorRtSession(BoundSession):
    """An engine from the store; scratch memory comes from the caller.

    Every stream with its addresses and shapes has an execution context of its own, as a context must not
    change once a CUDA graph was captured from it. A context sets itself up in its first run: capture the
    second.

    Args:
        name: what its work is called on the device, such as ``2a``.

    Attributes:
        notices: sentences for the user.
    """

    parallel = 1
    threads_per_run = 0
    why_not_captured: str | None = None

    def __init__(self, entry: Entry, device: GpuDevice, *, name: str) -> None:
        """Raises EngineError, MissingError: see `open_session`."""
        flavour = flavour_of(entry.manifest.recipe)
        self.notices: list[str] = []
        self._device = device
        self._library = Library(flavour, subject=str(entry.engine), advice=_ADVICE, otherwise=_BUILD_AGAIN)
        self._trt, self._asked, self._heard = self._library.trt, self._library.asked, self._library.heard
        self._runtime: Any = None
        self._engine: Any = None
        self._config: Any = None
        self._cache: RuntimeCache | None = None
        self._profiler: Any = None
        self._contexts: dict[object, Any] = {}
        self._scratch_bytes: dict[object, int] = {}
        self._lock = Lock()
        self._stream = device.stream(name=f"{name} planning")
        self._planned = device.event(name=f"{name} planned")
        device.make_current()
        try:
            with frames_cleared():
                self._load(entry, cached=flavour == "rtx")
                inputs = self._bindings(self._trt.TensorIOMode.INPUT)
                outputs = self._bindings(self._trt.TensorIOMode.OUTPUT)
            super().__init__(
                name=name,
                source=str(entry.engine),
                info=entry.manifest.info,
                origin=Origin(
                    entry.engine,
                    entry.manifest.engine_sha256,
                    f"{self._trt.__name__} {self._trt.__version__}",
                    self._library.title,
                    _precision(entry.manifest),
                ),
                inputs=inputs,
                outputs=outputs,
            )
        except BaseException:
            self._release()  # the error's traceback keeps this object, while the device is closed
            raise

    def shapes(self, inputs: Mapping[str, Shape]) -> dict[str, Shape]:
        """See `Session.shapes`."""
        found = super().shapes(inputs)
        for binding in self.inputs:
            least, _, most = self._profile_of(binding.name)
            sizes = zip(least, inputs[binding.name], most, strict=True)
            if not all(low <= size <= high for low, size, high in sizes):
                raise InputError(
                    f"{self.source}: takes `{binding.name}` from {list(least)} to {list(most)}, but here it"
                    f" is {list(inputs[binding.name])}; build an engine for this size and --max-batch"
                )
        return found

    def scratch_bytes(self, inputs: Mapping[str, Shape]) -> int:
        """See `Session.scratch_bytes`."""
        self.shapes(inputs)
        key = tuple(sorted(inputs.items()))
        with self._lock:
            if key not in self._scratch_bytes:
                self._device.make_current()
                with frames_cleared():
                    self._scratch_bytes[key] = self._planned_bytes(inputs)
            return self._scratch_bytes[key]

    def own_bytes(self, inputs: Mapping[str, Shape]) -> int:
        """None that is known: weights came with the session, and scratch is the caller's.

        What an execution context keeps for itself besides, the library doesn't tell.
        """
        return 0

    def enqueue(self, tensors: Mapping[str, Tensor], *, stream: Stream, scratch: Tensor | None) -> None:
        """See `Session.enqueue`."""
        self.check_tensors(tensors)
        self._device.make_current()
        with frames_cleared():
            self._run(tensors, stream, scratch)

    def layer_information(self) -> str:
        """What the engine consists of, as the library's inspector tells it: JSON.

        After a run, shapes are those of that; before, -1 stands where the engine takes several.
        """
        with self._lock, frames_cleared():
            inspector = self._asked("gave no inspector", self._engine.create_engine_inspector)
            for context in list(self._contexts.values())[:1]:
                self._heard("can't look at a context", setattr, inspector, "execution_context", context)
            layers = self._trt.LayerInformationFormat.JSON
            return str(self._asked("lists no layers", inspector.get_engine_information, layers))

    def report_layers(self, report: Callable[[str, float], None]) -> None:
        """From now on, runs with tensors that were used before report (layer, milliseconds) to `report`.

        Such runs are waited for in `enqueue`, and can't be captured.
        """

        class Profiler(self._trt.IProfiler):  # type: ignore[misc, name-defined]  # chosen at run time
            def report_layer_time(self, layer_name: str, ms: float) -> None:
                report(layer_name, ms)

        with self._lock, frames_cleared():
            self._profiler = Profiler()  # contexts don't keep it alive
            for context in self._contexts.values():
                self._heard("takes no profiler", setattr, context, "profiler", self._profiler)

    def close(self) -> None:
        """Keep what was compiled, free the engine. Work that was put on streams must have ended."""
        try:
            with suppress(EngineError):  # the device is lost, which was told where it was found out
                self._device.make_current()
                if self._cache is not None:
                    self._cache.save()
        finally:
            self._release()

    def _release(self) -> None:
        # A context needs its engine, an engine its runtime, and that its logger, to the end.
        self._contexts.clear()
        self._cache = None
        self._config = None
        self._engine = None
        self._runtime = None

    def _load(self, entry: Entry, *, cached: bool) -> None:
        self._runtime = self._asked("doesn't start", self._trt.Runtime, self._library.log)
        self._engine = self._deserialized(entry)
        config = self._config = self._asked("gave no configuration", self._engine.create_runtime_config)
        strategy = self._trt.ExecutionContextAllocationStrategy.USER_MANAGED
        self._heard("takes no scratch memory", config.set_execution_context_allocation_strategy, strategy)
        if cached:
            # Kernels that are exchanged for faster ones in mid-run would change last digits in mid-run.
            eager = self._trt.DynamicShapesKernelSpecializationStrategy.EAGER
            name = "dynamic_shapes_kernel_specialization_strategy"
            self._heard("can't compile kernels beforehand", setattr, config, name, eager)
            self._cache = RuntimeCache(self._library, config, entry, gpu=self._device.info.name)
            self.notices += [self._cache.notice] if self._cache.notice else []
        store.used(entry)

    def _profile_of(self, name: str) -> list[Shape]:
        """Least, optimal and largest shape of an input."""
        what = f"doesn't know the shapes of `{name}`"
        with frames_cleared():
            profile = self._asked(what, self._engine.get_tensor_profile_shape, name, 0)
            if not profile:  # as it is for a name that is none
                raise self._library.error(what)
        return [tuple(shape) for shape in profile]

    def _planned_bytes(self, inputs: Mapping[str, Shape]) -> int:
        context = self._context(inputs, self._stream)
        size_bytes = self._needed_bytes(context)
        # The context goes with this call: what it put on the stream must be done.
        self._device.record(self._planned, stream=self._stream)
        self._device.synchronize(self._planned)
        return size_bytes

    def _run(self, tensors: Mapping[str, Tensor], stream: Stream, scratch: Tensor | None) -> None:
        is_first = not self._contexts
        context = self._prepared(tensors, stream, scratch)
        self._asked("could not run", context.execute_async_v3, stream.handle)
        # TensorRT-RTX can be asked; after the first run, in which a context sets itself up.
        told = getattr(context, "is_stream_capturable", None)
        if is_first and told is not None and not told(stream.handle):
            self.why_not_captured = f"{self._library.title} says that this engine can't be captured"

    def _prepared(self, tensors: Mapping[str, Tensor], stream: Stream, scratch: Tensor | None) -> Any:
        places = tuple(sorted((name, tensor.pointer, tensor.shape) for name, tensor in tensors.items()))
        key = (stream.handle, scratch and (scratch.pointer, scratch.size_bytes), places)
        with self._lock:
            if key not in self._contexts:
                context = self._context(
                    {item.name: tensors[item.name].shape for item in self.inputs}, stream
                )
                self._give_scratch(context, scratch)
                for name, tensor in tensors.items():
                    self._asked(f"refused `{name}`", context.set_tensor_address, name, tensor.pointer)
                self._contexts[key] = context
            return self._contexts[key]

    def _context(self, inputs: Mapping[str, Shape], stream: Stream) -> Any:
        context = self._asked("gave no context", self._engine.create_execution_context, self._config)
        self._asked("refused its own profile", context.set_optimization_profile_async, 0, stream.handle)
        for name, shape in inputs.items():
            self._asked(f"refused {list(shape)} for `{name}`", context.set_input_shape, name, shape)
        return context

    def _needed_bytes(self, context: Any) -> int:
        """Scratch memory for the context's shapes; the library says 0 where there is none and on errors."""
        what = "could not size its scratch memory"
        size_bytes = int(self._asked(what, context.update_device_memory_size_for_shapes))
        if not size_bytes and self._library.log.errors:
            raise self._library.error(what)
        return size_bytes

    def _give_scratch(self, context: Any, scratch: Tensor | None) -> None:
        needed = self._needed_bytes(context)
        given = scratch.size_bytes if scratch else 0
        if given < needed:
            raise ValueError(f"{self.source}: needs {needed} bytes of scratch memory and got {given}")
        if scratch and scratch.pointer % SCRATCH_ALIGNMENT_BYTES:
            raise ValueError(
                f"{self.source}: scratch memory must be aligned to {SCRATCH_ALIGNMENT_BYTES} bytes"
            )
        if scratch and needed:
            self._heard("refused its scratch memory", context.set_device_memory, scratch.pointer, given)

    def _deserialized(self, entry: Entry) -> Any:
        try:
            plan = entry.engine.read_bytes()
        except OSError as error:
            raise MissingError(
                f"{entry.engine}: can't be read ({error.strerror or error}); {_BUILD_AGAIN}"
            ) from error
        if hashlib.sha256(plan).hexdigest() != entry.manifest.engine_sha256:
            raise EngineError(
                f"{entry.engine}: is not the file that its manifest describes; {_BUILD_AGAIN}"
            )
        if word := validity(self._library, self._runtime, plan):
            sentence = f"{entry.engine}: {word.reason}; {word.cure}"
            if word.state == "rebuild":
                raise EngineError(sentence)
            self.notices.append(sentence)
        what = f"can't load it on {self._device.title}"
        return self._asked(what, self._runtime.deserialize_cuda_engine, plan)

    def _bindings(self, mode: Any) -> list[Binding]:
        # No local variable holds the engine: a comprehension's function would keep it when all is cleared.
        names = [
            self._asked(_NOT_DESCRIBED, self._engine.get_tensor_name, index)
            for index in range(self._engine.num_io_tensors)
        ]
        return [
            self._binding(name)
            for name in names
            if self._heard(_NOT_DESCRIBED, self._engine.get_tensor_mode, name) == mode
        ]

    def _binding(self, name: str) -> Binding:
        kind = self._heard(_NOT_DESCRIBED, self._engine.get_tensor_dtype, name)
        shape = self._heard(_NOT_DESCRIBED, self._engine.get_tensor_shape, name)
        dtype = np.dtype(self._asked(_NOT_DESCRIBED, self._trt.nptype, kind))
        return Binding(name, dtype, _symbolic(tuple(shape)))


def _symbolic(shape: Shape) -> tuple[int | str, ...]:
    """Engines are built with every size fixed but the batch, and don't keep its name."""
    batch, *rest = shape
    return ("batch" if batch < 0 else batch, *(ANY if size < 0 else size for size in rest))


def _precision(manifest: Manifest) -> str:
    """As found: what products compute in where the builder listed that, else what is in the graph."""
    found = manifest.product_precision or manifest.graph_precision
    names = {"int8": "int8", "float8": "fp8", "float16": "fp16"}
    return next((name for kind, name in names.items() if found.get(kind)), "fp32")
