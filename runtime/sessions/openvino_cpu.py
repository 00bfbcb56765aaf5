"""A stage graph on the CPU with OpenVINO."""

import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Any

from trt_anime.errors import EngineError, MissingError
from trt_anime.files import sha256_of
from trt_anime.runtime.devices.api import CpuDevice, Shape, Stream, Tensor
from trt_anime.runtime.sessions import cpu_runs
from trt_anime.runtime.sessions.api import Origin
from trt_anime.runtime.sessions.bindings import BoundSession
from trt_anime.runtime.sessions.onnx_file import Description, description

_Shapes = tuple[tuple[str, Shape], ...]

# As many of the latest shapes keep the memory that runs work in, hundreds of MB each: whole batches and the
# one that isn't full take turns. XMem's memory, as it fills, is a new shape with each frame that is added.
_IN_MEMORY = 2


class OpenVinoSession(BoundSession):
    """OpenVINO on the CPU; reads and writes the device's memory in place.

    The graph is compiled for the shapes that come, once for each: about a second, and a tenth less work
    in every run than with free shapes. Shapes that didn't come for long give back what they ran in.

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
        module = _openvino()
        described = description(graph)
        most = cpu_runs.most_runs(cpu_runs.network_bytes(described.info), free_bytes=device.memory().free)
        self.parallel, self.threads_per_run = cpu_runs.split_threads(threads, most=min(most, at_once))
        version = module.__version__.partition("-")[0]
        super().__init__(
            name=name,
            source=str(graph),
            info=described.info,
            origin=Origin(
                graph, sha256_of(graph), f"openvino {version}", "OpenVINO CPU", described.info.precision
            ),
            inputs=described.inputs,
            outputs=described.outputs,
        )
        self._device = device
        self._module = module
        self._core = module.Core()
        self._model: Any = _model(self._core, graph, described)
        self._compiled: dict[_Shapes, Any] = {}
        self._idle: dict[_Shapes, list[Any]] = {}
        self._order: list[_Shapes] = []  # the one that came last at the end
        self._lock = Lock()

    def scratch_bytes(self, inputs: Mapping[str, Shape]) -> int:
        """OpenVINO allocates by itself."""
        return 0

    def own_bytes(self, inputs: Mapping[str, Shape]) -> int:
        """See `Session.own_bytes`. OpenVINO was measured at about half of this at 720p."""
        return cpu_runs.run_bytes(self.info, inputs)

    def enqueue(self, tensors: Mapping[str, Tensor], *, stream: Stream, scratch: Tensor | None) -> None:
        """See `Session.enqueue`. The first run of new shapes compiles the graph for them, here."""
        self.check_tensors(tensors)
        shapes = tuple((binding.name, tensors[binding.name].shape) for binding in self.inputs)
        with self._lock:
            self._compile(shapes)
            self._keep(shapes)
        given = dict(tensors)
        self._device.run(
            lambda: self._run(shapes, given),
            reads=[tensors[binding.name] for binding in self.inputs],
            writes=[tensors[binding.name] for binding in self.outputs],
            stream=stream,
            name=self.name,
        )

    def close(self) -> None:
        """Free the graph's memory. Work that was put on streams must have ended."""
        self._idle.clear()
        self._compiled.clear()
        self._order.clear()
        self._model = None

    def _compile(self, shapes: _Shapes) -> None:
        if shapes in self._compiled:
            return
        options = {
            "INFERENCE_PRECISION_HINT": "f32",  # else some CPUs compute in BF16
            "PERFORMANCE_HINT": "THROUGHPUT",
            "NUM_STREAMS": self.parallel,
            "INFERENCE_NUM_THREADS": self.parallel * self.threads_per_run,
            "ENABLE_CPU_PINNING": False,  # decoding and encoding want these cores too
        }
        try:
            model = self._model.clone()
            model.reshape({name: list(shape) for name, shape in shapes})
            self._compiled[shapes] = self._core.compile_model(model, "CPU", options)
        except Exception as error:  # OpenVINO raises RuntimeError and TypeError
            raise EngineError(
                f"{self.source}: OpenVINO can't compile it ({_reason(error)}); use --provider onnxruntime"
            ) from error
        self._idle[shapes] = []

    def _keep(self, shapes: _Shapes) -> None:
        """The memory of shapes that didn't come for long goes; their next run takes it again."""
        if shapes in self._order[-1:]:
            return
        self._order = [*(other for other in self._order if other != shapes), shapes]
        for other in self._order[:-_IN_MEMORY]:
            with suppress(RuntimeError):  # one is running
                self._compiled[other].release_memory()

    def _run(self, shapes: _Shapes, tensors: Mapping[str, Tensor]) -> None:
        arrays = {name: self._device.view(tensor) for name, tensor in tensors.items()}
        try:
            idle = self._idle[shapes]
            request = idle.pop() if idle else self._compiled[shapes].create_infer_request()
            for name, array in arrays.items():
                request.set_tensor(name, self._module.Tensor(array, shared_memory=True))
            request.infer()
        except Exception as error:  # OpenVINO raises RuntimeError and TypeError
            raise EngineError(f"{self.source}: OpenVINO failed ({_reason(error)})") from error
        idle.append(request)


def _openvino() -> Any:
    try:
        import openvino as module
    except ImportError as error:
        raise MissingError(
            "--provider openvino: OpenVINO is missing; it needs `pip install 'trt-anime[openvino]'`"
        ) from error
    return module


def _model(core: Any, graph: Path, described: Description) -> Any:
    try:
        return core.read_model(graph)
    except Exception as error:  # OpenVINO raises RuntimeError
        raise EngineError(
            f"{graph}: OpenVINO can't convert {_unconverted(str(error), described) or _reason(error)};"
            " use --provider onnxruntime"
        ) from error


def _unconverted(message: str, described: Description) -> str:
    """The nodes that OpenVINO's report of unknown operators is about, such as ``post/TopK_1 (TopK)``."""
    found = re.search(r"No conversion rule found for operations: (.*)", message)
    kinds = {name.strip().rpartition(".")[2] for name in found[1].split(",")} if found else set()
    return ", ".join(f"{name} ({kind})" for name, kind in described.nodes if kind in kinds)


def _reason(error: Exception) -> str:
    """The last line that says something: the others say where in OpenVINO it was found."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1][:200] if lines else type(error).__name__
