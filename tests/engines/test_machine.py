import sys
from types import SimpleNamespace
from typing import Any

import pytest

from trt_anime.engines import machine
from trt_anime.engines.machine import Gpu, Machine, machine_here
from trt_anime.engines.targets import Target


def fail(*arguments: object) -> Any:
    raise RuntimeError("NVML Shared Library Not Found")


class Device:
    """A GPU, as cuda.core tells of it."""

    def __init__(self, name: str, capability: tuple[int, int], total: int | None) -> None:
        self.name, self.compute_capability, self._total = name, capability, total

    def to_system_device(self) -> Any:
        return SimpleNamespace(memory_info=SimpleNamespace(total=self._total)) if self._total else fail()


@pytest.fixture
def two_gpus(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    devices = [Device("NVIDIA H200", (9, 0), 10**11), Device("NVIDIA L4", (8, 9), None)]
    core = SimpleNamespace(
        Device=SimpleNamespace(get_all_devices=lambda: devices),
        system=SimpleNamespace(get_kernel_mode_driver_version=lambda: (580, 65, 6)),
    )
    monkeypatch.setitem(sys.modules, "cuda.core", core)
    monkeypatch.setitem(sys.modules, "tensorrt", SimpleNamespace(__version__="11.4.0"))
    monkeypatch.setitem(sys.modules, "tensorrt_rtx", None)
    return core


def test_a_machine_with_gpus(two_gpus: SimpleNamespace) -> None:
    assert machine_here() == Machine(
        system=machine.system_here(),
        gpus=(Gpu("NVIDIA H200", 90, 10**11), Gpu("NVIDIA L4", 89, None)),
        driver="580.65.6",
        flavours={"rtx": None, "trt": "11.4.0"},
    )


def test_where_kernels_are_chosen(two_gpus: SimpleNamespace) -> None:
    assert machine.built_on(Target("trt", 90)) == "NVIDIA H200, driver 580.65.6"
    assert machine.built_on(Target("trt", 100)) is None
    assert machine.built_on(Target("rtx", 89)) is None  # on the GPU that runs it


def test_a_driver_that_is_not_told(two_gpus: SimpleNamespace) -> None:
    two_gpus.system.get_kernel_mode_driver_version = fail
    assert machine_here().driver is None
    assert machine.built_on(Target("trt", 90)) == "NVIDIA H200, driver unknown"


@pytest.mark.parametrize("core", [None, SimpleNamespace(Device=SimpleNamespace(get_all_devices=fail))])
def test_a_machine_without(core: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cuda.core", core)
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    monkeypatch.setitem(sys.modules, "tensorrt_rtx", None)
    nothing = Machine(machine.system_here(), (), None, {"rtx": None, "trt": None})
    assert machine_here() == nothing


def test_the_real_cuda_core_has_what_is_asked_of_it() -> None:
    core = pytest.importorskip("cuda.core")
    assert callable(core.Device.get_all_devices)
    for name in ("name", "compute_capability", "to_system_device"):
        assert hasattr(core.Device, name)
    assert callable(core.system.get_kernel_mode_driver_version)
    assert hasattr(core.system.Device, "memory_info")
