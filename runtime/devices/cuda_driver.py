"""NVIDIA's driver, called through cuda-python: the one place where its codes become our errors."""

import importlib
from dataclasses import dataclass
from typing import Any

from trt_anime.errors import EngineError, MissingError

_INSTALL = "pip install 'trt-anime[gpu]'"
_NEWER = "update the NVIDIA driver; `nvidia-smi` shows the CUDA version that it knows"
_LOST = "the GPU's memory is lost to this process: start it again"
_REPORT = f"{_LOST}, and report it with the engine and the clip"
_HARDWARE = f"{_LOST}; if it comes back, the card or its power needs care (`nvidia-smi -q` has counters)"
_DEVICE = "look with `nvidia-smi` whether the GPU answers, and restart the machine if it doesn't"
_CAPTURE = "run without CUDA graphs, or put only asynchronous work on captured streams"

# What to do, by CUDA's name for what went wrong.
CURES: dict[str, str] = {
    "CUDA_ERROR_OUT_OF_MEMORY": "lower the batch size or the slots, or free the GPU from other programs",
    "CUDA_ERROR_NO_DEVICE": "no NVIDIA GPU is visible; look at `nvidia-smi` and CUDA_VISIBLE_DEVICES",
    "CUDA_ERROR_INVALID_DEVICE": "choose one of the GPUs that `nvidia-smi` lists",
    "CUDA_ERROR_DEVICE_UNAVAILABLE": "another program has the GPU to itself; end it or choose another",
    "CUDA_ERROR_CALL_REQUIRES_NEWER_DRIVER": _NEWER,
    "CUDA_ERROR_FUNCTION_NOT_LOADED": _NEWER,
    "CUDA_ERROR_INSUFFICIENT_LOADER_VERSION": _NEWER,
    "CUDA_ERROR_UNSUPPORTED_PTX_VERSION": _NEWER,
    "CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE": _NEWER,
    "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH": "the driver was updated in part; restart the machine",
    "CUDA_ERROR_STUB_LIBRARY": "the toolkit's stub of libcuda was found first; take it off LD_LIBRARY_PATH",
    "CUDA_ERROR_SYSTEM_NOT_READY": "start the NVIDIA fabric manager, then try again",
    "CUDA_ERROR_FABRIC_NOT_READY": "start the NVIDIA fabric manager, then try again",
    "CUDA_ERROR_NOT_INITIALIZED": "CUDA doesn't survive a fork; start worker processes by spawn",
    "CUDA_ERROR_DEINITIALIZED": "the process is ending; close the device before its last line",
    "CUDA_ERROR_CONTEXT_IS_DESTROYED": "another library has reset the device; start the process again",
    "CUDA_ERROR_NOT_PERMITTED": "the container or the profiler's settings forbid it; ask for the GPU whole",
    "CUDA_ERROR_MPS_CONNECTION_FAILED": "restart the MPS server, or run without it",
    "CUDA_ERROR_MPS_SERVER_NOT_READY": "restart the MPS server, or run without it",
    "CUDA_ERROR_MPS_MAX_CLIENTS_REACHED": "end another program that uses the GPU through MPS",
    "CUDA_ERROR_NOT_READY": "synchronize with the events first",
    "CUDA_ERROR_CAPTURED_EVENT": "record the event again outside of the capture before asking for it",
    "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED": _CAPTURE,
    "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED": _CAPTURE,
    "CUDA_ERROR_STREAM_CAPTURE_MERGE": _CAPTURE,
    "CUDA_ERROR_STREAM_CAPTURE_UNMATCHED": _CAPTURE,
    "CUDA_ERROR_STREAM_CAPTURE_UNJOINED": "wait on the captured stream for every stream it was forked to",
    "CUDA_ERROR_STREAM_CAPTURE_ISOLATION": "wait only for events that were recorded within the capture",
    "CUDA_ERROR_STREAM_CAPTURE_IMPLICIT": _CAPTURE,
    "CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD": "end a capture in the thread that began it",
    "CUDA_ERROR_ILLEGAL_ADDRESS": _REPORT,
    "CUDA_ERROR_MISALIGNED_ADDRESS": _REPORT,
    "CUDA_ERROR_INVALID_ADDRESS_SPACE": _REPORT,
    "CUDA_ERROR_INVALID_PC": _REPORT,
    "CUDA_ERROR_ILLEGAL_INSTRUCTION": _REPORT,
    "CUDA_ERROR_ASSERT": _REPORT,
    "CUDA_ERROR_LAUNCH_FAILED": _REPORT,
    "CUDA_ERROR_HARDWARE_STACK_ERROR": _REPORT,
    "CUDA_ERROR_LAUNCH_TIMEOUT": f"{_LOST}; the GPU drives a display, whose watchdog ends long work",
    "CUDA_ERROR_ECC_UNCORRECTABLE": _HARDWARE,
    "CUDA_ERROR_NVLINK_UNCORRECTABLE": _HARDWARE,
    "CUDA_ERROR_CONTAINED": _HARDWARE,
    "CUDA_ERROR_EXTERNAL_DEVICE": _DEVICE,
    "CUDA_ERROR_UNKNOWN": _DEVICE,
}
_OTHERWISE = "report it with the command that you ran"

# After these the driver answers every call of the process with the same code.
LOST = frozenset(name for name, cure in CURES.items() if cure.startswith(_LOST))

# The GPU is in order, but other programs leave no place on it.
NOT_TO_HAVE = frozenset({"CUDA_ERROR_DEVICE_UNAVAILABLE", "CUDA_ERROR_OUT_OF_MEMORY"})


@dataclass(frozen=True)
class CudaInfo:
    """A GPU that CUDA lists.

    Attributes:
        ordinal: as in ``cuda:1``, counted within CUDA_VISIBLE_DEVICES.
        capability: such as 89 for compute capability 8.9.
    """

    ordinal: int
    name: str
    capability: int
    memory_bytes: int


class Driver:
    """Calls into `cuda.bindings.driver`, or into a module that keeps to its form.

    Every function there returns a tuple: the code, then its results.
    """

    def __init__(self, module: Any) -> None:
        self.module = module
        self._success = module.CUresult.CUDA_SUCCESS

    def attempt(self, function: str, *arguments: Any) -> tuple[Any, Any]:
        """The code, and the result: None, a value, or a tuple where there are several.

        Raises:
            MissingError: the driver is older than the function.
            EngineError: the driver is newer than cuda-python and has a code that it doesn't know.
        """
        try:
            code, *results = getattr(self.module, function)(*arguments)
        except RuntimeError as error:  # how cuda-python says that libcuda, or a function in it, isn't here
            raise MissingError(f"{function}: {error}; {_NEWER}") from error
        except ValueError as error:
            if "CUresult" not in str(error):
                raise
            raise EngineError(f"{function}: {error} to cuda-python; {_INSTALL} for a newer one") from error
        if len(results) > 1:
            return code, tuple(results)
        return code, results[0] if results else None

    def call(self, function: str, *arguments: Any, doing: str) -> Any:
        """The result alone. Raises EngineError naming `doing`: any code but success."""
        code, result = self.attempt(function, *arguments)
        if code != self._success:
            raise EngineError(self.sentence(code, doing))
        return result

    def succeeded(self, code: Any) -> bool:
        return bool(code == self._success)

    def sentence(self, code: Any, doing: str) -> str:
        """What went wrong with `doing`, in CUDA's name and words, and what to do."""
        _, text = self.attempt("cuGetErrorString", code)
        words = text.decode(errors="replace") if text else "no description"
        return f"{doing}: {code.name} ({words}); {CURES.get(code.name, _OTHERWISE)}"


def load_driver(module: Any = None) -> Driver:
    """The driver, initialised; again is harmless.

    Args:
        module: instead of `cuda.bindings.driver`.

    Raises:
        MissingError: no cuda-python, no driver, no GPU, or a driver that is too old.
    """
    if module is None:
        try:
            module = importlib.import_module("cuda.bindings.driver")
        except ImportError as error:
            raise MissingError(f"CUDA needs cuda-python ({error}); {_INSTALL}") from error
    driver = Driver(module)
    try:
        code, _ = driver.attempt("cuInit", 0)
    except MissingError as error:
        raise MissingError(
            "no NVIDIA driver answers on this machine; install one (version 580 or later), or in a "
            f"container start it with --gpus all ({error.__cause__})"
        ) from error
    if not driver.succeeded(code):
        raise MissingError(driver.sentence(code, "CUDA doesn't start"))
    return driver


def cuda_devices(driver: Driver | None = None) -> list[CudaInfo]:
    """The GPUs that CUDA lists; none where there is no cuda-python, driver or GPU."""
    try:
        driver = driver or load_driver()
    except MissingError:
        return []
    count = driver.call("cuDeviceGetCount", doing="counting GPUs")
    return [device_info(driver, ordinal) for ordinal in range(count)]


def supported_cuda(driver: Driver) -> int:
    """The newest CUDA that the driver supports, such as 13000 for 13.0."""
    return int(driver.call("cuDriverGetVersion", doing="asking for the driver's CUDA version"))


def device_info(driver: Driver, ordinal: int) -> CudaInfo:
    """Facts of one GPU; makes no context on it. Raises EngineError: there is no such one."""
    doing = f"cuda:{ordinal}"
    device = driver.call("cuDeviceGet", ordinal, doing=doing)
    attribute = driver.module.CUdevice_attribute
    major, minor = (
        driver.call("cuDeviceGetAttribute", wanted, device, doing=doing)
        for wanted in (
            attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR,
            attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR,
        )
    )
    name = driver.call("cuDeviceGetName", 256, device, doing=doing)
    return CudaInfo(
        ordinal=ordinal,
        name=name.partition(b"\0")[0].decode(errors="replace"),
        capability=10 * major + minor,
        memory_bytes=driver.call("cuDeviceTotalMem", device, doing=doing),
    )
