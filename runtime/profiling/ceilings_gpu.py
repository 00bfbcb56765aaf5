"""What a GPU can do at best, measured on the spot by its own events."""

import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from trt_anime.errors import EngineError, MissingError
from trt_anime.runtime.devices.api import Buffer, Device, Tensor
from trt_anime.runtime.profiling.ceilings import GPU, IR, OPSET, Ceiling
from trt_anime.runtime.sessions.api import GpuDevice, Session
from trt_anime.runtime.sessions.running import Running
from trt_anime.stage import StageInfo

Opened = Callable[[Path], AbstractContextManager[Session]]

_COPY_BYTES = 256 << 20  # far more than caches hold
_SHARE = 8  # of the free memory, that a copy takes at most
_SIDE = 4096
_ROUNDS = 5
_WARM_UP, _REPEATS = 3, 10
_BYTE = np.dtype(np.uint8)
# Precision -> the operator that multiplies in it, NumPy's type, and ONNX's numbers of what goes in and out.
_PRODUCTS: dict[str, tuple[str, Any, int, int]] = {
    "fp32": ("MatMul", np.float32, 1, 1),
    "fp16": ("MatMul", np.float16, 10, 10),
    "int8": ("MatMulInteger", np.int8, 3, 6),
}


def gpu_ceilings(
    device: Device, opened: Opened, *, side: int = _SIDE, copy_bytes: int = _COPY_BYTES
) -> tuple[list[Ceiling], list[str]]:
    """Copies within the GPU, to it and from it; matrix products in each precision.

    Args:
        opened: gives a session of a stage graph on the device.
        side: of the square matrices.
        copy_bytes: less is taken where memory is short.

    Returns:
        What could be measured, and a sentence for each that couldn't.
    """
    found, notices = copy_ceilings(device, min(copy_bytes, device.memory().free // _SHARE)), []
    for precision in _PRODUCTS:
        try:
            found.append(_product(device, opened, precision, side))
        except (MissingError, EngineError) as error:
            notices.append(f"the GPU's rate of {precision} products could not be measured ({error})")
    return found, notices


def on_gpu(device: GpuDevice) -> Opened:
    """By ONNX Runtime's CUDA provider, with every node on the GPU. Raises MissingError: it isn't here."""

    def opened(graph: Path) -> AbstractContextManager[Session]:
        from trt_anime.runtime.sessions.ort_cuda import OrtCudaSession

        return OrtCudaSession(graph, device, name="ceiling", allow_cpu_nodes=False)

    return opened


def copy_ceilings(device: Device, size_bytes: int) -> list[Ceiling]:
    """The best of a few rounds each. Within the GPU a byte is read and written, and counted twice."""
    with ExitStack() as stack:

        def taken(buffer: Buffer) -> Tensor:
            stack.callback(buffer.close)
            return Tensor(buffer, (size_bytes,), _BYTE)

        one, other = (taken(device.allocate(size_bytes, name=f"copy {n}")) for n in range(2))
        host = taken(device.allocate_pinned(size_bytes, name="copy"))
        with device.writing(host) as array:
            array[:] = 1
        ways = (("copy in", one, host, 1), ("copy", other, one, 2), ("copy out", host, other, 1))
        return [
            Ceiling(name, "bytes/s", times * size_bytes / _copy_s(device, to, of), GPU)
            for name, to, of, times in ways
        ]


def _copy_s(device: Device, target: Tensor, source: Tensor) -> float:
    stream = device.stream(name="copies")
    start, end = (device.event(name=name, timing=True) for name in ("start", "end"))
    times = []
    for _ in range(1 + _ROUNDS):
        device.record(start, stream=stream)
        device.copy(target, source, stream=stream)
        device.record(end, stream=stream)
        device.synchronize(end)
        times.append(device.elapsed_s(start, end))
    return min(times[1:])


def _product(device: Device, opened: Opened, precision: str, side: int) -> Ceiling:
    """Raises MissingError, EngineError: it can't be run here."""
    kind, dtype, takes, gives = _PRODUCTS[precision]
    rng = np.random.default_rng(0)
    inputs = {name: rng.integers(-3, 4, (side, side)).astype(dtype) for name in ("left", "right")}
    shapes = {name: array.shape for name, array in inputs.items()}
    with tempfile.TemporaryDirectory() as folder:
        graph = Path(folder) / "product.onnx"
        graph.write_bytes(_graph(kind, takes, gives, side))
        with opened(graph) as session, Running(session, device, shapes) as running:
            running(inputs)
            seconds = running.seconds(warm_up=_WARM_UP, repeats=_REPEATS)
    return Ceiling("matmul", "operations/s", 2.0 * side**3 / seconds, GPU, precision)


def _graph(kind: str, takes: int, gives: int, side: int) -> bytes:
    """A stage graph of one product. Its matrices come from outside, so that nothing is known of them."""
    from onnx import helper

    left, right = (helper.make_tensor_value_info(name, takes, (side, side)) for name in ("left", "right"))
    out = helper.make_tensor_value_info("out", gives, (side, side))
    node = helper.make_node(kind, ["left", "right"], ["out"], name="product")
    model = helper.make_model(
        helper.make_graph([node], "ceiling", [left, right], [out]),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR,
    )
    info = StageInfo("ceiling", "product", "0" * 64, "none", "none", {})
    helper.set_model_props(model, info.to_metadata())
    return bytes(model.SerializeToString())
