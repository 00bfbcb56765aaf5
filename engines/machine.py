"""What this machine is to an engine: its system, its GPUs, its driver, the libraries that are installed."""

import importlib
import platform
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from trt_anime.engines import flavours
from trt_anime.engines.targets import FlavourName, Target
from trt_anime.errors import MissingError


@dataclass(frozen=True)
class Gpu:
    """A GPU, in CUDA's order.

    Attributes:
        name: CUDA's, such as ``NVIDIA GeForce RTX 4090``.
        capability: such as 89 for compute capability 8.9.
        memory_bytes: None where it isn't told.
    """

    name: str
    capability: int
    memory_bytes: int | None = None


@dataclass(frozen=True)
class Machine:
    """What decides whether an engine runs.

    Attributes:
        system: operating system and processor, as in `Recipe.system`.
        driver: version of NVIDIA's driver; None where there is none, or it isn't told.
        flavours: version of each flavour; None where it isn't installed or doesn't load.
    """

    system: str
    gpus: tuple[Gpu, ...]
    driver: str | None
    flavours: Mapping[FlavourName, str | None]


def machine_here() -> Machine:
    """This machine, whatever it lacks."""
    return Machine(system_here(), gpus_here(), driver_here(), flavours_here(flavours.FLAVOURS))


def system_here() -> str:
    """Such as ``linux-x86_64``."""
    return f"{sys.platform}-{platform.machine().lower()}"


def flavours_here(names: Iterable[FlavourName]) -> dict[FlavourName, str | None]:
    """Version of each flavour named, loaded to know it; None where it isn't installed or does not load."""
    return {name: _version(name) for name in names}


def gpus_here() -> tuple[Gpu, ...]:
    """The GPUs that CUDA shows this process; none where cuda-python, driver or GPU lack."""
    try:
        devices = importlib.import_module("cuda.core").Device.get_all_devices()
        return tuple(_gpu(device) for device in devices)
    except Exception:  # cuda.core raises a class of its own for each thing that can be absent
        return ()


def driver_here() -> str | None:
    """Version of NVIDIA's driver, such as ``580.65.6``."""
    try:
        system = importlib.import_module("cuda.core").system
        return ".".join(map(str, system.get_kernel_mode_driver_version()))
    except Exception:  # as above, and NVML's own
        return None


def gpu_for(target: Target) -> Gpu | None:
    """The first GPU of this machine that runs engines for `target`."""
    return next((gpu for gpu in gpus_here() if gpu.capability == target.compute_capability), None)


def built_on(target: Target) -> str | None:
    """See `Manifest.built_on`, for a build that happens here."""
    gpu = gpu_for(target) if target.flavour == "trt" else None
    return chosen_on(gpu, driver_here()) if gpu else None


def chosen_on(gpu: Gpu, driver: str | None) -> str:
    """Such as ``NVIDIA H200, driver 580.65.6``."""
    return f"{gpu.name}, driver {driver or 'unknown'}"


def _gpu(device: Any) -> Gpu:
    major, minor = device.compute_capability
    try:
        memory_bytes = int(device.to_system_device().memory_info.total)
    except Exception:  # NVML may lack where CUDA works, and the GPU is as good without this number
        memory_bytes = None
    return Gpu(str(device.name), 10 * major + minor, memory_bytes)


def _version(name: FlavourName) -> str | None:
    try:
        return flavours.version(name)
    except MissingError:
        return None
