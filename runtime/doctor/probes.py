"""One library each, asked in a process of its own: `asking` runs this module.

Whatever a library prints goes to stderr, so that stdout holds the answer alone.
"""

import importlib
import importlib.util
import json
import os
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

from trt_anime.engines import flavours
from trt_anime.engines.targets import FlavourName
from trt_anime.errors import MissingError
from trt_anime.runtime.devices.cuda_driver import cuda_devices, load_driver, supported_cuda
from trt_anime.runtime.doctor.facts import Cuda, Flavour, Gpu, Management, OpenVino, Probed
from trt_anime.runtime.doctor.providers import onnxruntime


def management() -> Management:
    """The driver and its GPUs. Raises what NVML raises."""
    if not is_installed("pynvml"):
        return Management(installed=False, has_driver=False)
    nvml = importlib.import_module("pynvml")
    try:
        nvml.nvmlInit()
    except nvml.NVMLError as error:
        absent = (nvml.NVML_ERROR_LIBRARY_NOT_FOUND, nvml.NVML_ERROR_DRIVER_NOT_LOADED)
        return Management(has_driver=error.value not in absent, reason=str(error))
    return Management(
        version=nvml.nvmlSystemGetDriverVersion(),
        cuda=_cuda_version(nvml.nvmlSystemGetCudaDriverVersion_v2()),
        gpus=tuple(_gpu(nvml, index) for index in range(nvml.nvmlDeviceGetCount())),
    )


def cuda() -> Cuda:
    """CUDA as a run would start it."""
    if not is_installed("cuda.bindings"):
        return Cuda(installed=False)
    driver = load_driver()
    gpus = tuple(
        Gpu(
            index=info.ordinal,
            name=info.name,
            capability=info.capability,
            memory_total_bytes=info.memory_bytes,
        )
        for info in cuda_devices(driver)
    )
    return Cuda(version=_cuda_version(supported_cuda(driver)), gpus=gpus)


def flavour(name: FlavourName) -> Flavour:
    if not is_installed(flavours.FLAVOURS[name].module):
        return Flavour(installed=False)
    module = flavours.load(name)
    # Only TensorRT-RTX has the enumeration: TensorRT builds for the GPU in the machine.
    targets = getattr(module, "ComputeCapability", None)
    codes = [code.removeprefix("SM") for code in targets.__members__] if targets else []
    return Flavour(
        version=str(module.__version__), capabilities=tuple(int(code) for code in codes if code.isdigit())
    )


def openvino() -> OpenVino:
    if not is_installed("openvino"):
        return OpenVino(installed=False)
    module: Any = importlib.import_module("openvino")
    return OpenVino(
        version=str(module.__version__).partition("-")[0], devices=tuple(module.Core().available_devices)
    )


def nvdec() -> Probed:
    if not is_installed("PyNvVideoCodec"):
        return Probed(installed=False)
    module = importlib.import_module("PyNvVideoCodec")
    lacking = [name for name in ("CreateDemuxer", "CreateDecoder") if not hasattr(module, name)]
    return Probed(
        version=str(getattr(module, "__version__", "")),
        reason=f"it has no {' and no '.join(lacking)}" if lacking else "",
    )


PROBES: dict[str, Callable[[], Probed]] = {
    "management": management,
    "cuda": cuda,
    "tensorrt": lambda: flavour("trt"),
    "tensorrt_rtx": lambda: flavour("rtx"),
    "onnxruntime": onnxruntime,
    "openvino": openvino,
    "nvdec": nvdec,
}


def is_installed(module: str) -> bool:
    """Whether Python finds a module; it isn't imported, its parent package is."""
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def _cuda_version(number: int) -> str:
    """Such as ``13.0`` of 13000."""
    return f"{number // 1000}.{number % 1000 // 10}"


def reason_of(error: BaseException) -> str:
    """The first line of an error's own words, without what we would add to them."""
    if isinstance(error, MissingError) and isinstance(error.__cause__, ImportError | OSError):
        error = error.__cause__
    words = next(iter(str(error).strip().splitlines()), "") or type(error).__name__
    return f"it wanted to end the process ({words})" if isinstance(error, SystemExit) else words


def answer(name: str) -> dict[str, object]:
    """What a probe found, or `reason` alone where it raised."""
    try:
        return asdict(PROBES[name]())
    except BaseException as error:
        return {"reason": reason_of(error)}


def _gpu(nvml: Any, index: int) -> Gpu:
    handle = nvml.nvmlDeviceGetHandleByIndex(index)
    major, minor = nvml.nvmlDeviceGetCudaComputeCapability(handle)
    gpu = Gpu(index=index, name=nvml.nvmlDeviceGetName(handle), capability=10 * major + minor)
    try:
        memory = nvml.nvmlDeviceGetMemoryInfo(handle)
    except nvml.NVMLError:  # GPUs that share the machine's memory don't tell
        return gpu
    return replace(gpu, memory_free_bytes=memory.free, memory_total_bytes=memory.total)


def main(name: str) -> None:
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as out:
        os.dup2(2, 1)
        json.dump(answer(name), out)
        out.flush()
        os._exit(0)  # a library's own clean-up may crash, and the answer is given


if __name__ == "__main__":
    main(sys.argv[1])
