"""A stage graph on the CPU with ONNX Runtime."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from trt_anime.errors import EngineError
from trt_anime.runtime.devices.api import CpuDevice, Shape, Stream, Tensor
from trt_anime.runtime.sessions import cpu_runs, ort
from trt_anime.runtime.sessions.bindings import BoundSession

# Of what Winograd's method is for; smaller graphs are opened without reading them here.
SMALLEST_KERNEL_BYTES = 128 * 128 * 9 * 4
# Where weights in files of their own are looked for, as a graph from memory has no folder.
_WEIGHTS_BESIDE = "session.model_external_initializers_file_folder_path"


class OrtCpuSession(BoundSession):
    """ONNX Runtime on the CPU; reads and writes the device's memory in place.

    Args:
        threads: how many CPU cores inference may use in all.
        name: what its work is called on the device, such as ``2a``.
        at_once: most runs at once; fewer have more threads each.
    """

    why_not_captured: str | None = None

    def __init__(
        self,
        graph: Path,
        device: CpuDevice,
        *,
        threads: int,
        name: str,
        at_once: int = cpu_runs.MOST_PARALLEL_RUNS,
    ) -> None:
        """Raises InputError, MissingError, EngineError: see `open_session`."""
        self.parallel, self.threads_per_run = cpu_runs.split_threads(threads, most=at_once)
        loaded = _loaded(graph, self.threads_per_run)
        most = cpu_runs.most_runs(cpu_runs.network_bytes(loaded.info), free_bytes=device.memory().free)
        if most < self.parallel:
            self.parallel, self.threads_per_run = cpu_runs.split_threads(threads, most=most)
            del loaded  # both at once would take twice the memory, where it is short
            loaded = _loaded(graph, self.threads_per_run)
        super().__init__(
            name=name,
            source=str(graph),
            info=loaded.info,
            origin=loaded.origin,
            inputs=loaded.inputs,
            outputs=loaded.outputs,
        )
        self._device = device
        self._loaded: ort.Loaded | None = loaded

    def scratch_bytes(self, inputs: Mapping[str, Shape]) -> int:
        """ONNX Runtime allocates by itself."""
        return 0

    def own_bytes(self, inputs: Mapping[str, Shape]) -> int:
        """See `Session.own_bytes`."""
        return cpu_runs.run_bytes(self.info, inputs)

    def enqueue(self, tensors: Mapping[str, Tensor], *, stream: Stream, scratch: Tensor | None) -> None:
        """See `Session.enqueue`."""
        self.check_tensors(tensors)
        given = dict(tensors)
        self._device.run(
            lambda: self._run(given),
            reads=[tensors[binding.name] for binding in self.inputs],
            writes=[tensors[binding.name] for binding in self.outputs],
            stream=stream,
            name=self.name,
        )

    def close(self) -> None:
        """Free the graph's memory. Work that was put on streams must have ended."""
        self._loaded = None

    def _run(self, tensors: Mapping[str, Tensor]) -> None:
        loaded = self._loaded
        if loaded is None:
            raise EngineError(f"{self.source}: its session was closed before its work had ended")
        addresses = {name: self._device.view(tensor).ctypes.data for name, tensor in tensors.items()}
        try:
            binding = ort.binding_of(loaded, tensors, addresses, place="cpu", ordinal=0)
            loaded.session.run_with_iobinding(binding)
        except Exception as error:  # ONNX Runtime's classes share no base but Exception
            raise EngineError(f"{self.source}: ONNX Runtime failed ({ort.reason(error)})") from error


@dataclass(frozen=True)
class Prepared:
    """What ONNX Runtime is to load for a stage graph.

    Attributes:
        model: the file's path, or a graph in memory.
        options: with the weights of such a graph.
        weights: those; they have to stay here until the session is made, which copies them.
    """

    model: bytes | str
    options: Any
    weights: list[Any] = field(default_factory=list)

    def session(self) -> Any:
        """Raises what ONNX Runtime does; `ort.loaded` makes sentences of it."""
        module = ort.onnxruntime(extra="cpu")
        return module.InferenceSession(self.model, self.options, providers=[ort.CPU])


def as_written(graph: Path, *, threads: int) -> Prepared:
    """The file as it is, with the options of all sessions on the CPU."""
    module = ort.onnxruntime(extra="cpu")
    options = module.SessionOptions()
    options.graph_optimization_level = module.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # A pool that spins between operators takes the cores that decode and encode need.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return Prepared(str(graph), options)


def prepared(graph: Path, *, threads: int) -> Prepared:
    """As it is written, but for large convolutions, which are by Winograd's method.

    What can't be read is left for ONNX Runtime to complain of.
    """
    plain = as_written(graph, threads=threads)
    if not graph.is_file() or graph.stat().st_size < SMALLEST_KERNEL_BYTES:
        return plain
    import onnx

    from trt_anime.runtime.winograd import with_winograd

    try:
        model = onnx.load(graph, load_external_data=False)
    except Exception:  # protobuf's own, too
        return plain
    changed = with_winograd(model, graph.parent)
    if not changed:
        return plain
    options, value_of = plain.options, ort.onnxruntime(extra="cpu").OrtValue.ortvalue_from_numpy
    weights = [value_of(values) for values in changed.values()]
    options.add_external_initializers(list(changed), weights)
    options.add_session_config_entry(_WEIGHTS_BESIDE, str(graph.parent))
    return Prepared(model.SerializeToString(), options, weights)


def _loaded(graph: Path, threads: int) -> ort.Loaded:
    ready = prepared(graph, threads=threads)
    return ort.loaded(
        graph, ready.options, provider=ort.CPU, provider_options={}, extra="cpu", model=ready.model
    )
