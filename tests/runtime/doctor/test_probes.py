"""Each probe on a double of its library, and the real libraries as far as they are here."""

import importlib.machinery
import os
import sys
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.runtime.devices.cuda_fake import FakeDriver
from trt_anime.errors import MissingError
from trt_anime.runtime.devices import cuda_driver
from trt_anime.runtime.doctor import probes, providers
from trt_anime.runtime.doctor.facts import Cuda, Flavour, Gpu, OpenVino, Probed

# As ONNX Runtime 1.31.1 writes it on a machine without CUDA's libraries.
LOG = (
    "\x1b[1;31m2026-11-25 19:00:00.1 [E:onnxruntime:Default, provider_bridge_ort.cc:2390 TryGetProvider"
    "Info_CUDA] /onnxruntime_src/onnxruntime/core/session/provider_bridge_ort.cc:1933 onnxruntime::Provider"
    "& onnxruntime::ProviderLibrary::Get() [ONNXRuntimeError] : 1 : FAIL : Failed to load library "
    "/usr/lib/onnxruntime/capi/libonnxruntime_providers_cuda.so with error: libcudnn.so.9: cannot open "
    "shared object file: No such file or directory\x1b[m\n"
)
NO_CUDNN = (
    "Failed to load library libonnxruntime_providers_cuda.so with error: libcudnn.so.9: cannot open shared"
    " object file: No such file or directory"
)
CUDA = "CUDAExecutionProvider"
CPU = "CPUExecutionProvider"

Install = Callable[..., ModuleType]


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Install:
    """Put a double of a module in its place."""

    def put(name: str, **contents: Any) -> ModuleType:
        module = ModuleType(name)
        module.__spec__ = importlib.machinery.ModuleSpec(name, None)
        vars(module).update(contents)
        monkeypatch.setitem(sys.modules, name, module)
        return module

    return put


class NvmlError(Exception):
    def __init__(self, value: int, words: str) -> None:
        super().__init__(words)
        self.value = value


def fake_nvml(install: Install, *, init: Exception | None = None, shares_memory: bool = False) -> None:
    def start() -> None:
        if init:
            raise init

    def memory(handle: int) -> Any:
        if shares_memory:
            raise NvmlError(3, "Not Supported")
        return SimpleNamespace(free=20_000_000_000, total=24_000_000_000)

    install(
        "pynvml",
        NVMLError=NvmlError,
        NVML_ERROR_LIBRARY_NOT_FOUND=12,
        NVML_ERROR_DRIVER_NOT_LOADED=9,
        nvmlInit=start,
        nvmlSystemGetDriverVersion=lambda: "580.65.06",
        nvmlSystemGetCudaDriverVersion_v2=lambda: 13010,
        nvmlDeviceGetCount=lambda: 1,
        nvmlDeviceGetHandleByIndex=lambda index: index,
        nvmlDeviceGetCudaComputeCapability=lambda handle: (8, 9),
        nvmlDeviceGetName=lambda handle: "NVIDIA L4",
        nvmlDeviceGetMemoryInfo=memory,
    )


def test_nvml_lists_gpus(install: Install) -> None:
    fake_nvml(install)
    found = probes.management()
    assert (found.version, found.cuda, found.loads) == ("580.65.06", "13.1", True)
    assert found.gpus == (
        Gpu(
            index=0,
            name="NVIDIA L4",
            capability=89,
            memory_free_bytes=20_000_000_000,
            memory_total_bytes=24_000_000_000,
        ),
    )


def test_a_gpu_that_shares_the_memory(install: Install) -> None:
    fake_nvml(install, shares_memory=True)
    assert probes.management().gpus == (Gpu(index=0, name="NVIDIA L4", capability=89),)


@pytest.mark.parametrize(("code", "has_driver"), [(12, False), (9, False), (18, True), (999, True)])
def test_no_driver_or_a_broken_one(code: int, has_driver: bool, install: Install) -> None:
    fake_nvml(install, init=NvmlError(code, "words"))
    found = probes.management()
    assert (found.has_driver, found.reason, found.gpus) == (has_driver, "words", ())


@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("management", "pynvml"),
        ("tensorrt", "tensorrt"),
        ("tensorrt_rtx", "tensorrt_rtx"),
        ("onnxruntime", "onnxruntime"),
        ("openvino", "openvino"),
        ("nvdec", "PyNvVideoCodec"),
    ],
)
def test_what_is_not_installed(name: str, module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    found = probes.PROBES[name]()
    assert not found.installed and not found.loads and found.reason == ""


def test_cuda_as_a_run_starts_it(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("cuda.bindings.driver")
    real = cuda_driver.load_driver
    monkeypatch.setattr(probes, "load_driver", lambda: real(FakeDriver(gpus=2)))
    found = probes.cuda()
    assert found.loads and found.version == "13.0"
    assert [gpu.index for gpu in found.gpus] == [0, 1]


def test_cuda_that_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails() -> None:
        raise MissingError("CUDA doesn't start: CUDA_ERROR_X (words); do that")

    pytest.importorskip("cuda.bindings.driver")
    monkeypatch.setattr(probes, "load_driver", fails)
    assert Cuda(**probes.answer("cuda")).reason == "CUDA doesn't start: CUDA_ERROR_X (words); do that"  # type: ignore[arg-type]


def test_the_real_tensorrt_rtx() -> None:
    pytest.importorskip("tensorrt_rtx")
    found = probes.flavour("rtx")
    assert found.loads and found.version
    assert {75, 80, 86, 89, 120, 121} <= set(found.capabilities)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError("libnvinfer.so.11: cannot open\nmore"), "libnvinfer.so.11: cannot open"),
        (ImportError("bad ABI"), "bad ABI"),
        (SystemExit(4), "it wanted to end the process (4)"),
        (RuntimeError(), "RuntimeError"),
    ],
)
def test_a_flavour_that_does_not_load(
    error: BaseException, reason: str, install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(name: str) -> ModuleType:
        raise error

    install("tensorrt")
    monkeypatch.setattr("trt_anime.engines.flavours.importlib", SimpleNamespace(import_module=load))
    assert probes.answer("tensorrt") == {"reason": reason}


def test_tensorrt_builds_for_its_own_gpu_only(install: Install) -> None:
    install("tensorrt", __version__="11.4")
    assert probes.flavour("trt") == Flavour(version="11.4")


def test_openvino(install: Install) -> None:
    core = SimpleNamespace(available_devices=["CPU", "GPU.0"])
    install("openvino", __version__="2026.4.1-123-releases", Core=lambda: core)
    assert probes.openvino() == OpenVino(version="2026.4.1", devices=("CPU", "GPU.0"))


def test_nvdec(install: Install) -> None:
    install("PyNvVideoCodec", __version__="2.2.4", CreateDemuxer=1, CreateDecoder=1)
    assert probes.nvdec() == Probed(version="2.2.4")
    install("PyNvVideoCodec", __version__="1.0", CreateDemuxer=1)
    assert probes.nvdec() == Probed(version="1.0", reason="it has no CreateDecoder")


def fake_ort(install: Install, cuda: Callable[[], list[str]], result: float = 6) -> None:
    """An ONNX Runtime whose session has the providers that `cuda` gives."""

    class InferenceSession:
        def __init__(self, graph: bytes, options: Any, *, providers: list[str]) -> None:
            self._providers = cuda() if providers == [CUDA] else providers

        def disable_fallback(self) -> None: ...

        def run(self, names: None, inputs: dict[str, Any]) -> list[Any]:
            return [np.array([result], np.float32)]

        def get_providers(self) -> list[str]:
            return self._providers

    install(
        "onnxruntime",
        __version__="1.31.1",
        set_default_logger_severity=lambda level: None,
        preload_dlls=lambda: os.write(1, b"not found, but not needed\n"),
        get_available_providers=lambda: ["AzureExecutionProvider", "TensorrtExecutionProvider", CUDA, CPU],
        SessionOptions=SimpleNamespace,
        InferenceSession=InferenceSession,
    )


def test_the_real_onnxruntime_runs_on_the_cpu() -> None:
    found = providers.onnxruntime()
    cpu = found.provider(CPU)
    assert found.loads and cpu and cpu.runs


def test_a_provider_that_runs(install: Install, capfd: pytest.CaptureFixture[str]) -> None:
    fake_ort(install, lambda: [CUDA, CPU])
    assert [(provider.name, provider.runs) for provider in providers.onnxruntime().providers] == [
        (CUDA, True),
        (CPU, True),
    ]
    assert capfd.readouterr() == ("", "")


def test_a_provider_that_silently_gives_way(install: Install, capfd: pytest.CaptureFixture[str]) -> None:
    def falls_back() -> list[str]:
        os.write(2, LOG.encode())  # from C++, past sys.stderr
        return [CPU]

    fake_ort(install, falls_back)
    cuda = providers.onnxruntime().provider(CUDA)
    assert cuda and not cuda.runs and cuda.reason == NO_CUDNN
    assert capfd.readouterr() == ("", "")


def test_a_provider_that_gives_way_without_a_word(install: Install) -> None:
    fake_ort(install, lambda: [CPU])
    cuda = providers.onnxruntime().provider(CUDA)
    assert cuda and cuda.reason == f"ONNX Runtime silently ran on {CPU} instead"


def test_a_provider_that_raises(install: Install) -> None:
    def fails() -> list[str]:
        raise RuntimeError("[ONNXRuntimeError] : 1 : FAIL : CUDA failure 209: no kernel image")

    fake_ort(install, fails)
    cuda = providers.onnxruntime().provider(CUDA)
    assert cuda and not cuda.runs and cuda.reason == "CUDA failure 209: no kernel image"


def test_a_provider_that_computes_wrongly(install: Install) -> None:
    fake_ort(install, lambda: [CUDA, CPU], result=5)
    cuda = providers.onnxruntime().provider(CUDA)
    assert cuda and not cuda.runs and cuda.reason == "3 + 3 gave 5.0"
