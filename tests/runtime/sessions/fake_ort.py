"""An ONNX Runtime with a CUDA provider, on a machine that has none."""

import weakref
from types import SimpleNamespace
from typing import Any

import onnxruntime

from tests.runtime.sessions.doubles import FakeGpu
from trt_anime.runtime.sessions import ort
from trt_anime.runtime.sessions.ort_cuda import CUDA


class Opened:
    """A session of its own, so that its end can be seen."""

    def __init__(self, fake: "FakeOrt") -> None:
        self._fake = fake

    def __getattr__(self, name: str) -> Any:
        return getattr(self._fake, name)


class FakeOrt:
    """The real ONNX Runtime, with a CUDA provider that it hasn't; runs are written down.

    Args:
        on_cpu: operators that CUDA can't run.
        starts: whether the provider's libraries load.

    Attributes:
        opened: gives the session that was opened last, while it is there.
    """

    opened: "weakref.ref[Opened]"

    def __init__(self, gpu: FakeGpu, *, on_cpu: tuple[str, ...] = (), starts: bool = True) -> None:
        self._gpu, self._on_cpu, self._starts = gpu, on_cpu, starts
        self.__version__ = onnxruntime.__version__
        self.RunOptions = onnxruntime.RunOptions
        self.SessionOptions = onnxruntime.SessionOptions
        self.GraphOptimizationLevel = onnxruntime.GraphOptimizationLevel
        self.set_default_logger_severity = onnxruntime.set_default_logger_severity
        self.preload_dlls = onnxruntime.preload_dlls
        self.providers: list[Any] = []
        self.bound: list[tuple[Any, ...]] = []
        self.run_options: Any = None
        self.fails = False

    def get_available_providers(self) -> list[str]:
        return [CUDA, ort.CPU]

    def InferenceSession(self, path: str, options: Any, *, providers: list[Any]) -> "Opened":  # noqa: N802
        assert options.get_session_config_entry("session.record_ep_graph_assignment_info") == "1"
        assert options.use_deterministic_compute
        self.providers = providers
        self._session = onnxruntime.InferenceSession(path, options, providers=[ort.CPU])
        self.get_modelmeta = self._session.get_modelmeta
        self.get_inputs, self.get_outputs = self._session.get_inputs, self._session.get_outputs
        opened = Opened(self)
        self.opened = weakref.ref(opened)
        return opened

    def get_providers(self) -> list[str]:
        return [CUDA, ort.CPU] if self._starts else [ort.CPU]

    def get_provider_graph_assignment_info(self) -> list[Any]:
        real = [
            node for part in self._session.get_provider_graph_assignment_info() for node in part.get_nodes()
        ]
        place = {True: ort.CPU, False: CUDA}
        return [
            SimpleNamespace(ep_name=place[node.op_type in self._on_cpu], get_nodes=lambda node=node: [node])
            for node in real
        ]

    def io_binding(self) -> "FakeOrt":
        self.bound = []
        return self

    def bind_input(self, *arguments: Any) -> None:
        self.bound.append(("in", *arguments))

    def bind_output(self, *arguments: Any) -> None:
        self.bound.append(("out", *arguments))

    def run_with_iobinding(self, binding: Any, options: Any) -> None:
        if self.fails:
            raise RuntimeError("[ONNXRuntimeError] : 1 : FAIL : CUDNN failure 4")
        self.run_options = options
        self._gpu.calls.append(("run",))
