"""What the pipeline needs of a session."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from trt_anime.runtime.closing import Closing
from trt_anime.runtime.devices.api import Device, Shape, Stream, Tensor
from trt_anime.runtime.devices.cuda_driver import CudaInfo
from trt_anime.stage import StageInfo


@dataclass(frozen=True)
class Binding:
    """An input or output.

    Attributes:
        shape: a number where it is fixed, a name where it depends on the clip: ``batch``, ``height``,
            ``width``.
    """

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int | str, ...]


@dataclass(frozen=True)
class Origin:
    """What exactly runs, for `run.json` and for the ledger.

    Attributes:
        file: the stage graph (ONNX) or the engine.
        sha256: hex, of `file`.
        library: such as ``onnxruntime 1.32.0``.
        provider: what really runs it, such as ``CPUExecutionProvider`` or ``TensorRT-RTX``.
        precision: such as ``fp32``.
    """

    file: Path | None
    sha256: str
    library: str
    provider: str
    precision: str


class GpuDevice(Device, Protocol):
    """What a session asks of a CUDA device besides."""

    @property
    def ordinal(self) -> int:
        """CUDA's number of it."""
        ...

    @property
    def info(self) -> CudaInfo: ...

    def make_current(self) -> None:
        """Make the device's context the calling thread's. A library that works in it may be called then.

        Raises:
            EngineError: the device is closed or lost.
        """
        ...


class Session(Closing, Protocol):
    """One stage on one device. `enqueue` may be called from one thread at a time for each stream."""

    @property
    def info(self) -> StageInfo: ...

    @property
    def origin(self) -> Origin: ...

    @property
    def inputs(self) -> tuple[Binding, ...]: ...

    @property
    def outputs(self) -> tuple[Binding, ...]: ...

    @property
    def parallel(self) -> int:
        """How many runs at once, each on a stream of its own, give the best throughput."""
        ...

    @property
    def threads_per_run(self) -> int:
        """CPU threads that each run takes; 0 where that means nothing."""
        ...

    @property
    def why_not_captured(self) -> str | None:
        """None where `enqueue` can be captured into a graph; otherwise the reason.

        Run once with the same tensors and stream before capturing: sessions set themselves up then.
        """
        ...

    def shapes(self, inputs: Mapping[str, Shape]) -> dict[str, Shape]:
        """Shapes of all outputs for these inputs.

        Raises:
            InputError: the graph or the engine's optimization profile takes other shapes only.
        """
        ...

    def scratch_bytes(self, inputs: Mapping[str, Shape]) -> int:
        """Device memory that a run at these shapes needs from the caller; 0: it has its own."""
        ...

    def own_bytes(self, inputs: Mapping[str, Shape]) -> int:
        """Memory that each of the `parallel` runs takes by itself, estimated, for the memory plan."""
        ...

    def enqueue(self, tensors: Mapping[str, Tensor], *, stream: Stream, scratch: Tensor | None) -> None:
        """Put one run on `stream`: reads every input in `tensors`, writes every output in it.

        Args:
            tensors: all inputs and outputs by name, in device memory.
            scratch: at least `scratch_bytes`, free until the run has ended; None where that is 0.

        Raises:
            EngineError: the library refused. What fails later surfaces at `Device.synchronize`.
            InputError: shapes that the session doesn't take.
            ValueError: the tensors or the scratch memory aren't what the session asks for.
        """
        ...

    def close(self) -> None: ...
