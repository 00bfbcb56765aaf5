"""A stage graph on a GPU with ONNX Runtime's CUDA provider, for GPUs that no engine was built for."""

import io
from collections.abc import Mapping
from contextlib import redirect_stdout
from pathlib import Path
from threading import Lock
from typing import Any

from trt_anime.errors import EngineError
from trt_anime.runtime.devices.api import Shape, Stream, Tensor
from trt_anime.runtime.sessions import cpu_runs, ort
from trt_anime.runtime.sessions.api import GpuDevice
from trt_anime.runtime.sessions.bindings import BoundSession, frames_cleared
from trt_anime.runtime.sessions.onnx_file import description

CUDA = "CUDAExecutionProvider"


class OrtCudaSession(BoundSession):
    """ONNX Runtime's CUDA provider on our device memory.

    ONNX Runtime binds a session to one stream when it loads the graph. So the session has a stream of its
    own, and events order it with whichever stream a run is put on.

    Args:
        name: what its work is called on the device, such as ``2a``.
        allow_cpu_nodes: whether nodes that CUDA has no kernel for may run on the CPU.
    """

    parallel = 1
    threads_per_run = 0
    why_not_captured: str | None = (
        "ONNX Runtime's CUDA provider runs on a stream of its own, and may allocate within a run"
    )

    def __init__(self, graph: Path, device: GpuDevice, *, name: str, allow_cpu_nodes: bool) -> None:
        """Raises InputError, MissingError, EngineError: see `open_session`."""
        self._device = device
        self._stream = device.stream(name=f"{name} session")
        self._before = device.event(name=f"{name} may begin")
        self._after = device.event(name=f"{name} has ended")
        self._lock = Lock()
        with frames_cleared():
            loaded = _loaded(
                graph, ordinal=device.ordinal, stream=self._stream, allow_cpu_nodes=allow_cpu_nodes
            )
        super().__init__(
            name=name,
            source=str(graph),
            info=loaded.info,
            origin=loaded.origin,
            inputs=loaded.inputs,
            outputs=loaded.outputs,
        )
        self._loaded: ort.Loaded | None = loaded
        self._options = _run_options()

    def scratch_bytes(self, inputs: Mapping[str, Shape]) -> int:
        """ONNX Runtime allocates by itself."""
        return 0

    def own_bytes(self, inputs: Mapping[str, Shape]) -> int:
        """See `Session.own_bytes`; measured on CPUs."""
        return cpu_runs.run_bytes(self.info, inputs)

    def enqueue(self, tensors: Mapping[str, Tensor], *, stream: Stream, scratch: Tensor | None) -> None:
        """See `Session.enqueue`. Runs on all streams follow one another."""
        self.check_tensors(tensors)
        if self._loaded is None:
            raise EngineError(f"{self.source}: its session is closed")
        with self._lock:
            self._device.record(self._before, stream=stream)
            self._device.wait(self._before, stream=self._stream)
            with frames_cleared():
                _run(self._loaded, tensors, self._options, ordinal=self._device.ordinal, source=self.source)
            self._device.record(self._after, stream=self._stream)
            self._device.wait(self._after, stream=stream)

    def close(self) -> None:
        """Free the graph's memory. Work that was put on streams must have ended."""
        self._loaded = None


def _loaded(graph: Path, *, ordinal: int, stream: Stream, allow_cpu_nodes: bool) -> ort.Loaded:
    module = ort.onnxruntime(extra="gpu")
    with redirect_stdout(io.StringIO()):  # it prints what it didn't find, which may not be needed
        module.preload_dlls()  # CUDA's libraries may have come as Python packages
    options = module.SessionOptions()
    options.graph_optimization_level = module.GraphOptimizationLevel.ORT_ENABLE_ALL
    # A run that was interrupted and resumed has to give the same bytes.
    options.use_deterministic_compute = True
    # Its own switch against nodes on the CPU also refuses those that ONNX Runtime puts there on purpose.
    options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    provider_options = {
        "device_id": str(ordinal),
        "user_compute_stream": str(stream.handle),
        "use_tf32": "0",  # a graph in FP32 is computed in FP32
        "cudnn_conv_algo_search": "HEURISTIC",  # the search by timing ends differently from run to run
        "arena_extend_strategy": "kSameAsRequested",
    }
    loaded = ort.loaded(graph, options, provider=CUDA, provider_options=provider_options, extra="gpu")
    if not allow_cpu_nodes:
        shape_nodes = description(graph).shape_nodes
        ort.require_provider(ort.nodes_of(loaded.session), CUDA, shape_nodes=shape_nodes, graph=graph)
    return loaded


def _run(
    loaded: ort.Loaded, tensors: Mapping[str, Tensor], options: Any, *, ordinal: int, source: str
) -> None:
    addresses = {name: tensor.pointer for name, tensor in tensors.items()}
    try:
        binding = ort.binding_of(loaded, tensors, addresses, place="cuda", ordinal=ordinal)
        loaded.session.run_with_iobinding(binding, options)
    except Exception as error:  # ONNX Runtime's classes share no base but Exception
        raise EngineError(f"{source}: ONNX Runtime failed ({ort.reason(error)})") from error


def _run_options() -> Any:
    options = ort.onnxruntime(extra="gpu").RunOptions()
    options.add_run_config_entry("disable_synchronize_execution_providers", "1")
    return options
