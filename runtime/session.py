"""A stage graph ready to run: one protocol, ONNX Runtime on the CPU behind it."""

import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from trt_anime.errors import EngineError, InputError, MissingError
from trt_anime.files import sha256_of
from trt_anime.stage import StageInfo

Array = NDArray[np.uint8]

# What ONNX Runtime raises for a file that isn't a graph, against one that it can't run.
_NOT_A_GRAPH = ("InvalidProtobuf", "InvalidGraph", "InvalidArgument")

# Each run at once holds activations of its own, about 4 KB for each pixel that the network sees:
# 400 MB for u2netp at 320x320, ten times that at 1024x1024.
_MOST_PARALLEL_RUNS = 4


class Session(Protocol):
    """One stage graph on one device. `run` may be called from `parallel` threads at once."""

    @property
    def info(self) -> StageInfo: ...

    @property
    def graph(self) -> Path:
        """The ONNX file."""
        ...

    @property
    def graph_sha256(self) -> str: ...

    @property
    def provider(self) -> str:
        """What really runs it, such as ``CPUExecutionProvider``."""
        ...

    @property
    def parallel(self) -> int:
        """How many calls of `run` at once give the best throughput."""
        ...

    @property
    def threads_per_run(self) -> int: ...

    def check_frames(self, *, batch: int, height: int, width: int) -> None:
        """Raises InputError: the graph is fixed to another batch or frame size."""
        ...

    def run(self, frames: Array) -> Mapping[str, Array]:
        """Outputs by name.

        Args:
            frames: uint8 [batch, height, width, 3], RGB.

        Raises:
            EngineError: the device failed.
        """
        ...

    def close(self) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


def open_session(graph: Path, *, device: str, threads: int) -> Session:
    """Load a stage graph.

    Args:
        graph: ONNX file that `trt-anime export` wrote.
        device: ``auto`` or ``cpu``.
        threads: how many CPU cores inference may use in all.

    Raises:
        InputError: not a stage graph, or no such device name.
        MissingError: the device or ONNX Runtime is not here.
        EngineError: ONNX Runtime refuses the graph.
    """
    check_device(device)
    return OrtSession(graph, threads=threads)


def check_device(device: str) -> None:
    """Raises InputError or MissingError: see `open_session`."""
    if device.startswith("cuda"):
        raise MissingError(f"device {device}: GPU execution is not in this release; use cpu")
    if device not in ("auto", "cpu"):
        raise InputError(f"device {device}: no such device; use auto or cpu")


def usable_cores() -> int:
    """Cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class OrtSession:
    """ONNX Runtime on the CPU."""

    def __init__(self, graph: Path, *, threads: int) -> None:
        """Raises InputError, MissingError, EngineError: see `open_session`."""
        self.graph = graph
        self.parallel, self.threads_per_run = _split(threads)
        self._session: Any = _loaded(graph, self.threads_per_run)
        self.info = StageInfo.from_metadata(self._session.get_modelmeta().custom_metadata_map, source=graph)
        self.graph_sha256 = sha256_of(graph)
        self.provider: str = self._session.get_providers()[0]
        self._frame_shape = _check_contract(self._session, graph)

    def check_frames(self, *, batch: int, height: int, width: int) -> None:
        for name, fixed, actual in zip(
            ("batch size", "height", "width"), self._frame_shape, (batch, height, width), strict=False
        ):
            if isinstance(fixed, int) and fixed != actual:
                raise InputError(f"{self.graph}: takes {name} {fixed} only, but here it is {actual}")

    def run(self, frames: Array) -> Mapping[str, Array]:
        names = [output.name for output in self._session.get_outputs()]
        try:
            values = self._session.run(names, {"frame": frames})
        except Exception as error:  # ONNX Runtime's classes share no base but Exception
            raise EngineError(f"{self.graph}: ONNX Runtime failed ({_reason(error)})") from error
        return dict(zip(names, values, strict=True))

    def close(self) -> None:
        """Free the graph's memory; `run` is over."""
        self._session = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _split(threads: int) -> tuple[int, int]:
    """(runs at once, threads in each): single-threaded runs up to a bound, then more threads for each.

    Two runs of one thread beat one run of two, as no thread waits for another between operators. With
    u2netp on 2 cores, 720p film to PNG: 267 against 324 ms a frame, and 13 to 22 % less CPU time. One
    session shared by both threads is as fast as two, and smaller.
    """
    parallel = min(threads, _MOST_PARALLEL_RUNS)
    return parallel, threads // parallel


def _loaded(graph: Path, threads: int) -> Any:
    ort = _onnxruntime()
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # A pool that spins between operators takes the cores that decode and encode need.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return _session(graph, options)


def _onnxruntime() -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingError("ONNX Runtime is missing; it needs `pip install 'trt-anime[cpu]'`") from error
    onnxruntime.set_default_logger_severity(4)  # its log lines would stand beside our one sentence
    return onnxruntime


def _session(graph: Path, options: Any) -> Any:
    try:
        return _onnxruntime().InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's classes share no base but Exception
        raise _load_error(graph, error) from error


def _load_error(graph: Path, error: Exception) -> InputError | EngineError:
    if not graph.is_file():
        return InputError(f"{graph}: no such file; run `trt-anime export` to make a stage graph")
    if type(error).__name__ in _NOT_A_GRAPH:
        return InputError(f"{graph}: is not an ONNX graph that can be read ({_reason(error)})")
    return EngineError(f"{graph}: ONNX Runtime refused it ({_reason(error)})")


def _check_contract(session: Any, graph: Path) -> list[int | str | None]:
    """The shape of `frame`, after both ends are found to be what a matte stage has."""
    inputs = {value.name: value for value in session.get_inputs()}
    outputs = {value.name: value for value in session.get_outputs()}
    frame, rgba = inputs.get("frame"), outputs.get("rgba")
    if not (len(inputs) == 1 and frame and rgba and _is_image(frame, 3) and _is_image(rgba, 4)):
        raise InputError(
            f"{graph}: does not turn `frame` uint8 [batch,height,width,3] into "
            "`rgba` uint8 [batch,height,width,4]; export it again for stage 2a"
        )
    shape: list[int | str | None] = frame.shape
    return shape


def _is_image(value: Any, channels: int) -> bool:
    return value.type == "tensor(uint8)" and len(value.shape) == 4 and value.shape[3] in (channels, None)


def _reason(error: Exception) -> str:
    """The part of ONNX Runtime's message after its codes, on one line and not too long."""
    text = " ".join(str(error).split())
    text = text.split(" : ", 3)[-1] if text.startswith("[ONNXRuntimeError]") else text
    return text if len(text) <= 200 else text[:197] + "..."
