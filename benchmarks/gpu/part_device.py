"""What the device and its sessions must do, and what streams, graphs and pinned memory are worth."""

from collections.abc import Callable
from functools import partial

from benchmarks.gpu.checks import CHECKS, Check
from benchmarks.gpu.findings import Seen, Table
from benchmarks.gpu.measures import MEASURES
from benchmarks.gpu.running import Context, Step
from benchmarks.gpu.session import engine_on_cuda, polygraphy_on_cuda, session_on_cuda
from trt_anime.runtime.devices.cuda_device import CudaDevice


def steps(context: Context) -> list[Step]:
    """All on one device. Raises MissingError: CUDA gives none."""
    device = context.stack.enter_context(CudaDevice(0))
    return [
        *(Step(name, partial(_checked, check, device)) for name, check in on_device().items()),
        *(Step(name, partial(_measured, measure, device)) for name, measure in MEASURES.items()),
        Step("closing", partial(_closed, device)),
    ]


def on_device() -> dict[str, Check]:
    """The checks by name."""
    return {
        **CHECKS,
        "session": session_on_cuda,
        "TensorRT engine": partial(engine_on_cuda, flavour="trt"),
        "TensorRT engine by Polygraphy": polygraphy_on_cuda,
        "TensorRT-RTX engine": partial(engine_on_cuda, flavour="rtx"),
    }


def _checked(check: Check, device: CudaDevice) -> Seen:
    return Seen(check(device))


def _measured(measure: Callable[[CudaDevice], Table], device: CudaDevice) -> Seen:
    return Seen("see below", (measure(device),))


def _closed(device: CudaDevice) -> Seen:
    device.close()
    return Seen("everything freed")
