"""A stage as a compiled engine, on TensorRT or TensorRT-RTX."""

import hashlib
from collections.abc import Mapping
from threading import Lock
from typing import Any

import numpy as np

from trt_anime.engines import flavours
from trt_anime.engines.manifest import Manifest
from trt_anime.engines.store import Entry
from trt_anime.engines.targets import FlavourName
from trt_anime.errors import EngineError, InputError, MissingError
from trt_anime.runtime.devices.api import Shape, Stream, Tensor
from trt_anime.runtime.sessions.api import Binding, GpuDevice, Origin
from trt_anime.runtime.sessions.bindings import ANY, BoundSession
from trt_anime.runtime.sessions.rtx_cache import RuntimeCache

# TensorRT's demand on the address of its scratch memory.
SCRATCH_ALIGNMENT_BYTES = 256

_BUILD_AGAIN = "build it again with `trt-anime engines build`"


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
        flavour = flavour_of(entry)
        self.notices: list[str] = []
        self._device = device
        self._title = flavours.FLAVOURS[flavour].title
        self._trt = flavours.load(flavour)
        self._log = _logger(self._trt)
        self._file = entry.engine
        device.memory()  # makes the device's context current, which TensorRT works in
        self._runtime: Any = self._trt.Runtime(self._log)
        self._engine: Any = self._deserialized(entry)
        self._config: Any = self._required(self._engine.create_runtime_config(), "gave no configuration")
        self._config.set_execution_context_allocation_strategy(
            self._trt.ExecutionContextAllocationStrategy.USER_MANAGED
        )
        self._cache = self._runtime_cache(entry) if flavour == "rtx" else None
        self._stream = device.stream(name=f"{name} planning")
        self._contexts: dict[object, Any] = {}
        self._scratch_bytes: dict[object, int] = {}
        self._lock = Lock()
        super().__init__(
            name=name,
            source=str(entry.engine),
            info=entry.manifest.info,
            origin=Origin(
                entry.engine,
                entry.manifest.engine_sha256,
                f"{self._trt.__name__} {self._trt.__version__}",
                self._title,
                _precision(entry.manifest),
            ),
            inputs=self._bindings(self._trt.TensorIOMode.INPUT),
            outputs=self._bindings(self._trt.TensorIOMode.OUTPUT),
        )

    def shapes(self, inputs: Mapping[str, Shape]) -> dict[str, Shape]:
        """See `Session.shapes`."""
        found = super().shapes(inputs)
        for binding in self.inputs:
            least, _, most = self._engine.get_tensor_profile_shape(binding.name, 0)
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
                context = self._context(inputs, self._stream)
                self._scratch_bytes[key] = int(context.update_device_memory_size_for_shapes())
            return self._scratch_bytes[key]

    def own_bytes(self, inputs: Mapping[str, Shape]) -> int:
        """None: weights were loaded with the session, all else is the caller's scratch."""
        return 0

    def enqueue(self, tensors: Mapping[str, Tensor], *, stream: Stream, scratch: Tensor | None) -> None:
        """See `Session.enqueue`."""
        self.check_tensors(tensors)
        self._device.memory()  # makes the device's context current in this thread
        context = self._prepared(tensors, stream, scratch)
        if not context.execute_async_v3(stream.handle):
            raise self._error("could not run")

    def layer_information(self) -> str:
        """What the engine consists of, as the library's inspector tells it: JSON."""
        inspector = self._engine.create_engine_inspector()
        return str(inspector.get_engine_information(self._trt.LayerInformationFormat.JSON))

    def close(self) -> None:
        """Keep what was compiled, free the engine. Work that was put on streams must have ended."""
        if self._cache is not None:
            self._cache.save()
        # A context needs its engine, an engine its runtime, and that its logger, to the end.
        self._contexts.clear()
        self._cache = self._config = self._engine = self._runtime = None

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
                    self._required(context.set_tensor_address(name, tensor.pointer), f"refused `{name}`")
                self._contexts[key] = context
            return self._contexts[key]

    def _context(self, inputs: Mapping[str, Shape], stream: Stream) -> Any:
        context = self._required(self._engine.create_execution_context(self._config), "gave no context")
        self._required(context.set_optimization_profile_async(0, stream.handle), "refused its own profile")
        for name, shape in inputs.items():
            self._required(context.set_input_shape(name, shape), f"refused {list(shape)} for `{name}`")
        return context

    def _give_scratch(self, context: Any, scratch: Tensor | None) -> None:
        needed = int(context.update_device_memory_size_for_shapes())
        given = scratch.size_bytes if scratch else 0
        if given < needed:
            raise ValueError(f"{self.source}: needs {needed} bytes of scratch memory and got {given}")
        if scratch and scratch.pointer % SCRATCH_ALIGNMENT_BYTES:
            raise ValueError(
                f"{self.source}: scratch memory must be aligned to {SCRATCH_ALIGNMENT_BYTES} bytes"
            )
        if scratch and needed:
            context.set_device_memory(scratch.pointer, given)

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
        return self._required(
            self._runtime.deserialize_cuda_engine(plan), f"can't load it on {self._device.title}"
        )

    def _runtime_cache(self, entry: Entry) -> RuntimeCache:
        # Kernels that are exchanged for faster ones in mid-run would change last digits in mid-run.
        strategies = self._trt.DynamicShapesKernelSpecializationStrategy
        self._config.dynamic_shapes_kernel_specialization_strategy = strategies.EAGER
        cache = RuntimeCache(self._config, entry.folder)
        self.notices += [cache.notice] if cache.notice else []
        return cache

    def _bindings(self, mode: Any) -> list[Binding]:
        names = [self._engine.get_tensor_name(index) for index in range(self._engine.num_io_tensors)]
        return [
            Binding(
                name,
                np.dtype(self._trt.nptype(self._engine.get_tensor_dtype(name))),
                _symbolic(tuple(self._engine.get_tensor_shape(name))),
            )
            for name in names
            if self._engine.get_tensor_mode(name) == mode
        ]

    def _required(self, result: Any, what: str) -> Any:
        """The library says None or False where something went wrong, and tells its logger what."""
        if result is None or result is False:
            raise self._error(what)
        return result

    def _error(self, what: str) -> EngineError:
        said = " ".join(self._log.last_error.split()) or "it gave no reason"
        return EngineError(f"{self._file}: {self._title} {what} ({said[:300]}); {_BUILD_AGAIN}")


def flavour_of(entry: Entry) -> FlavourName:
    """Which library an engine is for."""
    return "rtx" if entry.manifest.recipe.target.startswith("rtx-") else "trt"


def _symbolic(shape: Shape) -> tuple[int | str, ...]:
    """Engines are built with every size fixed but the batch, and don't keep its name."""
    batch, *rest = shape
    return ("batch" if batch < 0 else batch, *(ANY if size < 0 else size for size in rest))


def _precision(manifest: Manifest) -> str:
    """As found: in the compiled layers where the builder listed them, else in the graph."""
    found = manifest.layer_precision or manifest.graph_precision
    return "fp16" if found.get("float16") else "fp32"


def _logger(trt: Any) -> Any:
    class Log(trt.ILogger):  # type: ignore[misc]
        """Keeps the last error for our own sentence."""

        def __init__(self) -> None:
            super().__init__()
            self.last_error = ""

        def log(self, severity: Any, message: str) -> None:
            if severity in (trt.ILogger.ERROR, trt.ILogger.INTERNAL_ERROR):
                self.last_error = message

    return Log()
