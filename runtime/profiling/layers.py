"""What each operator of a stage takes, over ONNX Runtime's profile or TensorRT's profiler."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any, Protocol

from numpy.typing import NDArray

from trt_anime.runtime.devices.api import Device
from trt_anime.runtime.sessions.api import Session
from trt_anime.stage import NETWORK

# Start of a node's name -> the part of the stage graph that it belongs to.
PARTS = {"pre/": "pre", NETWORK: "net", "post/": "post"}
# What a library inserted and named itself, such as changes of memory layout around convolutions.
OTHER = "inserted"

WARM_UP = 1
REPEATS = 3


@dataclass(frozen=True)
class Layer:
    """An operator, as the library ran it.

    Attributes:
        kind: the operator, or what TensorRT calls the layer's type; empty where it isn't told.
        part: ``pre``, ``net``, ``post``, or ``inserted``.
        ms: of one run, the median of a few.
        inputs, outputs: such as ``float 1x64x320x320``.
        operations: see `costs`; None where shapes aren't told.
        bytes: read and written; None where shapes aren't told.
    """

    name: str
    kind: str
    part: str
    ms: float
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    operations: int | None
    bytes: int | None


class LayerTimer(Protocol):
    """Runs one stage by itself, warm, and tells what its layers took."""

    @property
    def title(self) -> str:
        """Whose figures they are, in words for people."""
        ...

    def layers(self, inputs: Mapping[str, NDArray[Any]]) -> list[Layer]:
        """In the order in which they ran.

        Raises:
            EngineError: the library failed.
        """
        ...


def timer_for(session: Session, device: Device, *, threads: int) -> LayerTimer | None:
    """What times the layers of a network; None where nothing can.

    Args:
        threads: CPU threads of one run.
    """
    origin = session.origin
    if origin.provider.startswith("TensorRT"):
        from trt_anime.runtime.profiling.layers_tensorrt import TensorRtTimer

        return TensorRtTimer(session, device)
    if origin.file is not None and origin.file.suffix == ".onnx":
        from trt_anime.runtime.profiling.layers_onnxruntime import OnnxRuntimeTimer

        return OnnxRuntimeTimer(origin.file, threads=threads, ran_on=origin.provider)
    return None


def part_of(name: str) -> str:
    """The part of the stage graph that a node's name tells."""
    found = [(name.find(start), part) for start, part in PARTS.items() if start in name]
    return min(found)[1] if found else OTHER


def medians(runs: list[list[Layer]]) -> list[Layer]:
    """The layers of the last run with their median times over all runs that have the same ones."""
    last = runs[-1]
    alike = [run for run in runs if [layer.name for layer in run] == [layer.name for layer in last]]
    return [
        Layer(**{**vars(layer), "ms": round(median(run[index].ms for run in alike), 4)})
        for index, layer in enumerate(last)
    ]
