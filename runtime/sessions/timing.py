"""One run of a session by itself, for measuring what it takes."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from trt_anime.runtime.devices.host import HostDevice
from trt_anime.runtime.sessions.api import Session
from trt_anime.runtime.sessions.openvino_cpu import OpenVinoSession
from trt_anime.runtime.sessions.ort_cpu import OrtCpuSession
from trt_anime.runtime.sessions.running import Running

_SESSIONS: dict[str, Callable[..., Session]] = {"onnxruntime": OrtCpuSession, "openvino": OpenVinoSession}


@contextmanager
def timed_session(
    graph: Path, provider: str, inputs: Mapping[str, NDArray[Any]]
) -> Iterator[Callable[[], None]]:
    """Yield a function that runs `graph` once on `inputs`, on one thread, and waits for it.

    Args:
        provider: ``onnxruntime`` or ``openvino``.
        inputs: of the graph, by name.

    Raises:
        InputError: not a stage graph, or one with other inputs.
        MissingError: the provider isn't installed.
        EngineError: the provider refuses the graph.
    """
    with (
        HostDevice() as device,
        _SESSIONS[provider](graph, device, threads=1, name="timing") as session,
        Running(session, device, {name: array.shape for name, array in inputs.items()}) as running,
    ):
        running(inputs)
        yield running.run
