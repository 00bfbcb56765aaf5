"""The device that the user asked for."""

import ctypes
import re
import sys
from pathlib import Path

from trt_anime.errors import InputError
from trt_anime.runtime.devices.api import Device

NAMES = "auto, cpu, cuda:0 (or another number), null"


def check_device(name: str, *, latencies: Path | None) -> None:
    """Raises InputError: no such device, or latencies for one that isn't `null`."""
    if name not in ("auto", "cpu", "null") and not re.fullmatch(r"cuda(:\d+)?", name):
        more = "one GPU at a time; " if name.startswith("cuda") else ""
        raise InputError(f"--device {name}: no such device; {more}use {NAMES}")
    if latencies and name != "null":
        raise InputError(f"--latencies {latencies}: goes with --device null only")


def candidates(name: str) -> list[str]:
    """Devices to try in turn: `auto` prefers a GPU, where there is a driver for one, to the CPU."""
    if name != "auto":
        return ["cuda:0" if name == "cuda" else name]
    return ["cuda:0", "cpu"] if _has_driver() else ["cpu"]


def open_device(name: str, *, latencies: Path | None = None) -> Device:
    """Open a device by its exact name.

    Raises:
        InputError: `latencies` can't be read.
        MissingError: it isn't here.
    """
    if name == "cpu":
        from trt_anime.runtime.devices.host import HostDevice

        return HostDevice()
    if name == "null":
        from trt_anime.runtime.devices.latencies import load_latencies
        from trt_anime.runtime.devices.null import NullDevice
        from trt_anime.runtime.made_up import Walk

        return NullDevice(load_latencies(latencies) if latencies else None, answer=Walk())
    from trt_anime.runtime.devices.cuda_device import CudaDevice

    return CudaDevice(int(name.partition(":")[2]))


def _has_driver() -> bool:
    """Whether NVIDIA's driver is installed; whatever else a GPU needs may still be missing."""
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    return True
