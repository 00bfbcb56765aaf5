"""One run of a session by itself, for measuring what it takes."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trt_anime.runtime.devices.api import Tensor
from trt_anime.runtime.devices.host import HostDevice
from trt_anime.runtime.sessions.openvino_cpu import OpenVinoSession
from trt_anime.runtime.sessions.ort_cpu import OrtCpuSession

_SESSIONS: dict[str, type[OrtCpuSession] | type[OpenVinoSession]] = {
    "onnxruntime": OrtCpuSession,
    "openvino": OpenVinoSession,
}


@contextmanager
def timed_session(graph: Path, provider: str, frame: NDArray[Any]) -> Iterator[Callable[[], None]]:
    """Yield a function that runs `graph` once on `frame`, on one thread, and waits for it.

    Args:
        provider: ``onnxruntime`` or ``openvino``.
        frame: the graph's input `frame`, uint8 [B,H,W,3].

    Raises:
        InputError: not a stage graph with one input.
        MissingError: the provider isn't installed.
        EngineError: the provider refuses the graph.
    """
    with HostDevice() as device, _SESSIONS[provider](graph, device, threads=1, name="timing") as session:
        shapes = {"frame": frame.shape}
        tensors = {
            binding.name: _tensor(device, binding.name, shape, binding.dtype)
            for bindings, known in ((session.inputs, shapes), (session.outputs, session.shapes(shapes)))
            for binding, shape in ((item, known[item.name]) for item in bindings)
        }
        with device.writing(tensors["frame"]) as array:
            array[:] = frame
        stream, done = device.stream(name="timing"), device.event(name="done")

        def run() -> None:
            session.enqueue(tensors, stream=stream, scratch=None)
            device.record(done, stream=stream)
            device.synchronize(done)

        yield run


def _tensor(device: HostDevice, name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Tensor:
    size_bytes = int(np.prod(shape)) * dtype.itemsize
    return Tensor(device.allocate_pinned(size_bytes, name=name), shape, dtype)
