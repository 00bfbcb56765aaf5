import sys
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest

from trt_anime.engines import flavours
from trt_anime.engines.compiler import compiled
from trt_anime.engines.manifest import Profile
from trt_anime.engines.targets import FlavourName, Target, targets_from_names
from trt_anime.errors import EngineError, MissingError

PROFILE = Profile(height=64, width=96, max_batch=4, opt_batch=2)


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with an H200, as cuda.core tells it."""
    device = SimpleNamespace(compute_capability=(9, 0))
    monkeypatch.setitem(sys.modules, "cuda.core", SimpleNamespace(Device=lambda index: device))


@pytest.fixture
def tensorrt(monkeypatch: pytest.MonkeyPatch) -> Any:
    """As much of TensorRT as `compiled` calls. What the real one does with it was not tried."""
    fake = MagicMock(ILogger=_Logger, IProgressMonitor=type("IProgressMonitor", (), {}), __version__="11.4")
    fake.NetworkDefinitionCreationFlag.STRONGLY_TYPED = 1
    network = fake.Builder.return_value.create_network.return_value
    network.num_inputs = 1
    network.get_input.return_value = SimpleNamespace(name="frame", shape=(-1, 64, 96, 3))
    fake.Builder.return_value.build_serialized_network.return_value = b"plan"
    monkeypatch.setitem(sys.modules, "tensorrt", fake)
    return fake


class _Logger:
    ERROR, INTERNAL_ERROR, WARNING, INFO = "error", "internal error", "warning", "info"


def test_native_is_tensorrt_on_the_gpu_that_is_here(gpu: None) -> None:
    assert targets_from_names("native") == (Target("trt", 90),)
    flavours.require_buildable(Target("trt", 90))


def test_native_without_cuda_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cuda.core", None)
    with pytest.raises(MissingError, match=r"needs an NVIDIA GPU and pip install 'trt-anime\[gpu\]'"):
        flavours.native_target()


def test_native_without_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_device(index: int) -> None:
        raise RuntimeError("CUDA_ERROR_NO_DEVICE")

    monkeypatch.setitem(sys.modules, "cuda.core", SimpleNamespace(Device=no_device))
    with pytest.raises(MissingError, match="needs an NVIDIA GPU, and none answers"):
        flavours.native_target()


def test_data_centre_gpu_from_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cuda.core", None)
    with pytest.raises(MissingError, match=r"trt-sm90: TensorRT-RTX has no target.*--gpu native"):
        flavours.require_buildable(Target("trt", 90))


def test_another_data_centre_gpu(gpu: None) -> None:
    with pytest.raises(MissingError, match="this machine has an sm90"):
        flavours.require_buildable(Target("trt", 100))


@pytest.mark.parametrize(("name", "extra"), [("rtx", "rtx"), ("trt", "gpu")])
def test_flavour_that_is_not_installed(
    name: FlavourName, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, flavours.FLAVOURS[name].module, None)
    with pytest.raises(MissingError, match=rf"needs pip install 'trt-anime\[{extra}\]'"):
        flavours.load(name)


def test_libraries_that_do_not_load(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str) -> ModuleType:
        raise OSError("libnvinfer.so.11: cannot open shared object file")

    monkeypatch.setattr("importlib.import_module", refuse)
    with pytest.raises(MissingError, match=r"libnvinfer\.so\.11"):
        flavours.load("trt")


def test_tensorrt_is_told_shapes_and_no_capability(tensorrt: Any) -> None:
    plan = compiled(b"graph", Target("trt", 90), PROFILE, report=lambda share: True)
    assert plan.engine == b"plan"
    assert plan.layer_precision is None
    builder = tensorrt.Builder.return_value
    builder.create_network.assert_called_once_with(1 << 1)
    shapes = builder.create_optimization_profile.return_value
    shapes.set_shape.assert_called_once_with("frame", (1, 64, 96, 3), (2, 64, 96, 3), (4, 64, 96, 3))
    builder.create_builder_config.return_value.set_compute_capability.assert_not_called()


def test_none_becomes_the_loggers_last_error(tensorrt: Any) -> None:
    def fail(network: Any, config: Any) -> None:
        log = tensorrt.Builder.call_args.args[0]
        log.log("error", "first")
        log.log(
            "internal error",
            "Cuda failure: out of memory (In alloc at /_src/x.cpp:12)\ncudaError 35: driver",
        )
        log.log("info", "not this")

    tensorrt.Builder.return_value.build_serialized_network.side_effect = fail
    with pytest.raises(EngineError) as raised:
        compiled(b"graph", Target("trt", 90), PROFILE, report=lambda share: True)
    assert str(raised.value) == (
        "trt-sm90: TensorRT built no engine (Cuda failure: out of memory); free memory, or lower"
        " --max-batch or --size"
    )
