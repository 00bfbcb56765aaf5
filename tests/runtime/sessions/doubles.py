"""A GPU and a TensorRT that aren't here: they keep the rules that sessions count on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from types import SimpleNamespace
from typing import Any
from weakref import WeakSet

import numpy as np

from trt_anime.errors import EngineError
from trt_anime.runtime.devices.api import Event, Memory, Place, Stream
from trt_anime.runtime.devices.cuda_driver import CudaInfo


@dataclass
class FakeBuffer:
    name: str
    size_bytes: int
    pointer: int
    place: Place = "device"

    def close(self) -> None: ...


@dataclass(frozen=True)
class FakeStream:
    name: str
    handle: int


@dataclass(frozen=True)
class FakeEvent:
    name: str


class FakeGpu:
    """As much of `CudaDevice` as sessions use.

    Attributes:
        calls: what was put on streams, in order.
        lost: whether it fails in all that it is asked.
    """

    def __init__(self, capability: int = 89) -> None:
        self.name, self.title, self.ordinal = "cuda:1", "RTX 4090", 1
        self.info = CudaInfo(1, self.title, capability, 24 * 10**9)
        self.calls: list[tuple[str, ...]] = []
        self.times_made_current = 0
        self.lost = False
        self._next = 0x10000

    def memory(self) -> Memory:
        return Memory(20 * 10**9, 24 * 10**9)

    def make_current(self) -> None:
        if self.lost:
            raise EngineError("cuda:1: is lost")
        self.times_made_current += 1

    def allocate(self, size_bytes: int, *, name: str) -> FakeBuffer:
        self._next += -(-size_bytes // 512) * 512
        return FakeBuffer(name, size_bytes, self._next)

    def stream(self, *, name: str) -> FakeStream:
        self._next += 1024
        return FakeStream(name, self._next)

    def event(self, *, name: str, timing: bool = False) -> FakeEvent:
        return FakeEvent(name)

    def record(self, event: Event, *, stream: Stream) -> None:
        self.calls.append(("record", event.name, stream.name))

    def wait(self, event: Event, *, stream: Stream) -> None:
        self.calls.append(("wait", event.name, stream.name))

    def synchronize(self, event: Event) -> None:
        self.calls.append(("synchronize", event.name))


# Layers as TensorRT-RTX 1.7.1 lists them when it builds, in the JSON that the inspector documents: they
# have names of its own, and the graph's nodes stand behind them, with a control character between.
REPORTED = ("__mye2305_0_myl0_0", "net/Conv_1_myl0_2", "__myl_Cast_myl0_3")
LAYERS = """{"Layers": [
{"Name": "__mye2305_0_myl0_0", "LayerType": "shape_call", "Inputs": [], "Constants": [], "Outputs": [],
 "TacticName": "", "StreamId": 0, "Metadata": ""},
{"Name": "net/Conv_1_myl0_2", "LayerType": "correlation",
 "Inputs": [{"Name": "a", "Dimensions": [-1,4,16,16], "Strides": [1024,1,64,4], "Datatype": "Half",
  "Format": "(NHWC) Channel major format"}],
 "Constants": [{"Name": "b", "Dimensions": [8,4,3,3], "Datatype": "Half"}],
 "Outputs": [{"Name": "c", "Dimensions": [-1,8,16,16], "Datatype": "Float"}],
 "TacticName": "", "Metadata": "[ONNX Layer: net/Conv_1]\x1f[ONNX Layer: net/Relu_2]"},
{"Name": "__myl_Cast_myl0_3", "LayerType": "kgen",
 "Inputs": [{"Name": "c", "Dimensions": [-1,8,16,16], "Format/Datatype": "Row major linear FP32 format"}],
 "Outputs": [{"Name": "rgba", "Dimensions": [-1,4,16,16], "DataType": "UInt8"}],
 "Metadata": "[ONNX Layer: post/Cast_0]"}],
"I/O Tensors": [{"Name": "frame", "IOMode": "Input", "DataType": "UInt8", "Dimensions": [-1,64,96,3]}]}"""


class Library:
    """TensorRT-RTX (or TensorRT) with one engine: `frame` u8 [batch,h,w,3] -> `rgba` u8 [batch,h,w,4].

    Attributes:
        contexts: all that were made.
        loads, runs, sizes, takes_scratch: whether deserializing, running, sizing and giving memory succeed.
        reason: what is logged where something fails.
        capturable: what a context says of itself.
        makes_cache, takes_cache, cache_fits: whether there is a runtime cache, it is used, and taken back.
        cache_bytes: what a runtime cache is serialized to; None: nothing; an error: that is raised.
        validity: what it says of an engine before it is loaded: a state, and bits.
        living: engines and contexts that weren't freed.
        loaded: the bytes of the engines that were, in order.
        layers: what the inspector says, with -1 for the batch; runs report `REPORTED`.
        computes: what a run does, given the stream's handle, the tensors' addresses and the inputs' shapes.
    """

    def __init__(self, *, height: int, width: int, most: int, needs_bytes: int = 4096) -> None:
        self.size, self.most, self.needs_bytes = (height, width), most, needs_bytes
        self.loads = self.runs = self.sizes = self.takes_scratch = self.capturable = True
        self.makes_cache = self.takes_cache = self.cache_fits = True
        self.reason = "nothing is right"
        self.validity: tuple[str, int] = ("valid", 0)
        self.cache_bytes: bytes | Exception | None = b"kernels"
        self.taken: list[bytes] = []
        self.contexts: list[Context] = []
        self.living: WeakSet[Any] = WeakSet()
        self.configs: list[Config] = []
        self.logger: Any = None
        self.loaded: list[bytes] = []
        self.layers = LAYERS
        self.computes: Callable[[int, dict[str, int], dict[str, Any]], None] | None = None

    def fail(self) -> None:
        self.logger.log(ILogger.INTERNAL_ERROR, self.reason)

    def module(self, name: str) -> Any:
        """What `import tensorrt_rtx` gives."""
        library = self

        class Runtime:
            def __init__(self, logger: Any) -> None:
                library.logger = logger

            def get_engine_validity(self, buffer: bytes) -> tuple[str, int]:
                return library.validity

            def deserialize_cuda_engine(self, serialized_engine: bytes) -> "Engine | None":
                if library.loads:
                    library.loaded.append(serialized_engine)
                    return Engine(library)
                logger = library.logger
                logger.log(ILogger.INFO, "loading")
                logger.log(ILogger.ERROR, "engine plan file is\nnot compatible")
                return None

        return SimpleNamespace(
            __name__=name,
            __version__="1.7.1",
            ILogger=ILogger,
            Runtime=Runtime,
            EngineValidity=SimpleNamespace(VALID="valid", SUBOPTIMAL="suboptimal", INVALID="invalid"),
            EngineInvalidityDiagnostics=Diagnostics,
            TensorIOMode=SimpleNamespace(INPUT="in", OUTPUT="out"),
            ExecutionContextAllocationStrategy=SimpleNamespace(USER_MANAGED="by the user"),
            DynamicShapesKernelSpecializationStrategy=SimpleNamespace(EAGER="eager"),
            LayerInformationFormat=SimpleNamespace(JSON="json"),
            IProfiler=IProfiler,
            nptype=lambda trt_type: {"u8": np.uint8}[trt_type],
        )


class Diagnostics(IntEnum):
    VERSION_MISMATCH, OLD_CUDA_DRIVER = 1, 4


class IProfiler:
    """Of the real one, a derived class must say what it does with a report."""

    def report_layer_time(self, layer_name: str, ms: float) -> None:
        raise NotImplementedError


class ILogger:
    ERROR, INTERNAL_ERROR, WARNING, INFO = "error", "internal error", "warning", "info"


class Engine:
    num_io_tensors = 2

    def __init__(self, library: Library) -> None:
        self._library = library
        library.living.add(self)

    def get_tensor_name(self, index: int) -> str:
        return ("frame", "rgba")[index]

    def get_tensor_mode(self, name: str) -> str:
        return {"frame": "in", "rgba": "out"}[name]

    def get_tensor_dtype(self, name: str) -> str:
        return "u8"

    def get_tensor_shape(self, name: str) -> Sequence[int]:
        return (-1, *self._library.size, {"frame": 3, "rgba": 4}[name])

    def get_tensor_profile_shape(self, name: str, profile_index: int) -> list[Sequence[int]]:
        return [(batch, *self._library.size, 3) for batch in (1, 1, self._library.most)]

    def create_runtime_config(self) -> "Config":
        self._library.configs.append(Config(self._library))
        return self._library.configs[-1]

    def create_execution_context(self, runtime_config: "Config") -> "Context":
        assert runtime_config._strategy == "by the user", "set before the first context"
        self._library.contexts.append(Context(self._library))
        return self._library.contexts[-1]

    def create_engine_inspector(self) -> "Inspector":
        return Inspector(self._library)


class Inspector:
    execution_context: "Context | None" = None

    def __init__(self, library: Library) -> None:
        self._library = library

    def get_engine_information(self, format: str) -> str:
        assert format == "json"
        batch = self.execution_context._shapes["frame"][0] if self.execution_context else -1
        return self._library.layers.replace("-1", str(batch))


class Config:
    def __init__(self, library: Library) -> None:
        self._library = library
        self._strategy = self._cache = None
        self.dynamic_shapes_kernel_specialization_strategy = "lazy"

    def set_execution_context_allocation_strategy(self, strategy: Any) -> None:
        self._strategy = strategy

    def create_runtime_cache(self) -> "Cache | None":
        return Cache(self._library) if self._library.makes_cache else None

    def set_runtime_cache(self, cache: Any) -> bool:
        self._cache = cache if self._library.takes_cache else None
        return self._library.takes_cache


class Cache:
    def __init__(self, library: Library) -> None:
        self._library = library

    def serialize(self) -> memoryview | None:
        given = self._library.cache_bytes
        if isinstance(given, Exception):
            raise given
        return None if given is None else memoryview(given)

    def deserialize(self, blob: bytes) -> bool:
        self._library.taken.append(bytes(blob))
        return self._library.cache_fits


class Context:
    """Demands what TensorRT demands before a run: profile, shapes, then memory, then addresses."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._shapes: dict[str, Any] = {}
        self._addresses: dict[str, int] = {}
        self._memory: tuple[int, int] | None = None
        self._profile: int | None = None
        self._streams: list[int] = []
        self._sized = False
        self.profiler: IProfiler | None = None
        library.living.add(self)

    def set_optimization_profile_async(self, profile_index: int, stream_handle: int) -> bool:
        self._profile = profile_index
        return bool(stream_handle)

    def set_input_shape(self, name: str, shape: Any) -> bool:
        self._shapes[name] = shape
        return self._profile == 0

    def update_device_memory_size_for_shapes(self) -> int:
        assert self._shapes
        self._sized = True
        if not self._library.sizes:
            self._library.fail()
            return 0
        return self._library.needs_bytes * int(self._shapes["frame"][0])

    def set_device_memory(self, memory: int, size: int) -> None:
        assert self._sized, "its size is known only once shapes are"
        if not self._library.takes_scratch:
            self._library.fail()
        self._memory = (memory, size)

    def set_tensor_address(self, name: str, memory: int) -> bool:
        self._addresses[name] = memory
        return True

    def execute_async_v3(self, stream_handle: int) -> bool:
        if not self._library.runs or (self._memory is None and self._library.needs_bytes):
            self._library.fail()
            return False
        self._streams.append(stream_handle)
        if self.profiler:
            for index, name in enumerate(REPORTED):
                self.profiler.report_layer_time(name, 0.25 + index)
        if self._library.computes:
            self._library.computes(stream_handle, self._addresses, self._shapes)
        return True

    def is_stream_capturable(self, stream: int) -> bool:
        assert self._streams, "it sets itself up in its first run"
        return self._library.capturable


# What stands here for which class of the real module.
STANDS_FOR: dict[str, type] = {
    "ICudaEngine": Engine,
    "EngineInspector": Inspector,
    "IRuntimeConfig": Config,
    "IRuntimeCache": Cache,
    "IExecutionContext": Context,
    "ILogger": ILogger,
    "IProfiler": IProfiler,
}
