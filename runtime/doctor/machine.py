"""The machine without its GPU, and the Python packages that matter: looked up, nothing is loaded."""

import os
import platform
import shutil
from importlib import metadata
from pathlib import Path

from trt_anime import paths
from trt_anime.runtime.cores import usable_cores
from trt_anime.runtime.devices.ram import processor, ram
from trt_anime.runtime.doctor.facts import Machine

_CPUINFO = Path("/proc/cpuinfo")
_PCI = Path("/sys/bus/pci/devices")
_NVIDIA, _DISPLAY = "0x10de", "0x03"

# What the kernel calls an instruction set -> what people call it. Of two with one name, one is enough.
_FEATURES = {
    "avx2": "AVX2",
    "avx512f": "AVX-512",
    "avx512_vnni": "VNNI",
    "avx_vnni": "VNNI",
    "avx512_bf16": "BF16",
    "amx_int8": "AMX INT8",
    "amx_bf16": "AMX BF16",
    "asimddp": "DOTPROD",  # ARM, as the three below
    "i8mm": "I8MM",
    "bf16": "BF16",
    "sve": "SVE",
}

# Distribution names; of those in the second line any that begins so.
_PACKAGES = (
    *("onnxruntime", "onnxruntime-gpu", "openvino", "torch", "nvidia-modelopt", "pynvvideocodec"),
    *("cuda-python", "cuda-bindings", "tensorrt", "tensorrt-cu13", "tensorrt-rtx-cu13", "nvidia-ml-py"),
)
_CUDA_PARTS = ("cuda-runtime", "cuda-nvrtc", "cublas", "cudnn", "cufft", "curand")


def machine() -> Machine:
    """Raises OSError: the disk or the memory can't be looked at."""
    memory = ram()
    home = paths.home()
    place = _nearest(home)
    disk = shutil.disk_usage(place)
    return Machine(
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        python=platform.python_version(),
        processor=processor(),
        cores=usable_cores(),
        features=features(),
        memory_free_bytes=memory.free,
        memory_total_bytes=memory.total,
        home=str(home),
        home_is_writable=place.is_dir() and os.access(place, os.W_OK | os.X_OK),
        disk_free_bytes=disk.free,
        disk_total_bytes=disk.total,
    )


def features() -> tuple[str, ...] | None:
    """Instruction sets that inference profits from; None where the system doesn't list them."""
    if not _CPUINFO.exists():
        return None
    for line in _CPUINFO.read_text(encoding="utf-8", errors="replace").splitlines():
        name, _, words = line.partition(":")
        if name.strip() in ("flags", "Features"):
            known = {_FEATURES[word]: None for word in words.split() if word in _FEATURES}
            return tuple(name for name in dict.fromkeys(_FEATURES.values()) if name in known)
    return None


def gpus_on_bus() -> int | None:
    """NVIDIA display controllers on the PCI bus, whether a driver knows them or not; None: unknown."""
    if not _PCI.is_dir():
        return None
    return sum(
        _said(device / "vendor") == _NVIDIA and _said(device / "class").startswith(_DISPLAY)
        for device in _PCI.iterdir()
    )


def packages() -> dict[str, str]:
    """Installed distributions that matter here, by their normal name."""
    found = {name: version for name in _PACKAGES if (version := _version(name))}
    for part in _CUDA_PARTS:
        for name in (f"nvidia-{part}", f"nvidia-{part}-cu13", f"nvidia-{part}-cu12"):
            if version := _version(name):
                found[name] = version
    return found


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def _said(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _nearest(path: Path) -> Path:
    """The folder itself, or the first above it that exists."""
    return next(folder for folder in (path.absolute(), *path.absolute().parents) if folder.exists())
