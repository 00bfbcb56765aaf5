"""Layers as TensorRT's profiler tells them, described by its inspector.

Written against the documented interfaces (`IProfiler`, `IExecutionContext.profiler`, `IEngineInspector`);
not run on a GPU yet.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any, cast

from numpy.typing import NDArray

from trt_anime.errors import EngineError
from trt_anime.runtime.devices.api import Device
from trt_anime.runtime.profiling.layers import REPEATS, WARM_UP, Layer, medians, part_of
from trt_anime.runtime.sessions.api import Session
from trt_anime.runtime.sessions.running import Running
from trt_anime.runtime.sessions.tensorrt_engine import TensorRtSession

# Nodes of the stage graph that a compiled layer does the work of, in its metadata.
_NODE = re.compile(r"\[ONNX Layer: ([^\]]*)\]")
_MOST_NODES = 3
# A word of the library's for a type of elements -> ours, and the bytes of one. What it says besides, as in
# "Row major linear FP16 format", is the memory's layout.
_TYPES = {
    "float": ("float", 4.0),
    "fp32": ("float", 4.0),
    "half": ("float16", 2.0),
    "fp16": ("float16", 2.0),
    "bfloat16": ("bfloat16", 2.0),
    "bf16": ("bfloat16", 2.0),
    "fp8": ("float8", 1.0),
    "int8": ("int8", 1.0),
    "uint8": ("uint8", 1.0),
    "bool": ("bool", 1.0),
    "int32": ("int32", 4.0),
    "int64": ("int64", 8.0),
    "int4": ("int4", 0.5),
    "fp4": ("float4", 0.5),
}


@dataclass(frozen=True)
class Described:
    """A compiled layer, as far as the inspector tells.

    Attributes:
        kind: such as ``gemm``; empty where it isn't told, as the others.
        nodes: of the stage graph.
        inputs, outputs: such as ``float16 1x64x320x320``.
        bytes: read and written, weights among them; None where a shape or a type isn't told.
    """

    kind: str
    nodes: tuple[str, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    bytes: int | None

    def layer(self, name: str, ms: float) -> Layer:
        """`name` is the library's, which tells nothing where it compiled several nodes into one kernel."""
        shown = " + ".join(self.nodes[:_MOST_NODES]) or name
        if len(self.nodes) > _MOST_NODES:
            shown += f" and {len(self.nodes) - _MOST_NODES} more"
        part = part_of(" ".join((*self.nodes, name)))
        return Layer(shown, self.kind, part, ms, self.inputs, self.outputs, None, self.bytes)


_UNKNOWN = Described("", (), (), (), None)


class TensorRtTimer:
    """Runs the session that is open, without a CUDA graph, which would hide the layers."""

    def __init__(self, session: Session, device: Device) -> None:
        self._session, self._device = cast(TensorRtSession, session), device
        self.title = f"{session.origin.provider}'s profiler, one run at a time"

    def layers(self, inputs: Mapping[str, NDArray[Any]]) -> list[Layer]:
        """See `LayerTimer.layers`. The session can't be captured into a graph from then on."""
        self._session.why_not_captured = "its layers are timed"
        runs: list[list[tuple[str, float]]] = []
        shapes = {name: array.shape for name, array in inputs.items()}
        with Running(self._session, self._device, shapes) as running:
            running(inputs)  # makes the context that is then listened to
            described = described_by(self._session.layer_information())
            told: list[tuple[str, float]] = []
            self._session.report_layers(lambda name, ms: told.append((name, ms)))
            for _ in range(WARM_UP + REPEATS):
                told.clear()
                running.run()
                runs.append(list(told))
        if not runs[-1]:
            raise EngineError(f"{self._session.source}: the profiler reported no layer")
        return medians(
            [[described.get(name, _UNKNOWN).layer(name, ms) for name, ms in run] for run in runs[WARM_UP:]]
        )


def described_by(information: str) -> dict[str, Described]:
    """Layers by the library's name, where the engine was built with details; else nothing.

    Args:
        information: JSON of the inspector. Releases differ in whether a tensor's type is told with its
            format or by itself, and how they write that.
    """
    # Control characters stand between the nodes of a layer.
    listed = json.loads(information, strict=False).get("Layers", [])
    return {layer["Name"]: _described(layer) for layer in listed if isinstance(layer, dict)}


def _described(layer: Mapping[str, Any]) -> Described:
    sides = [[_tensor(one) for one in layer.get(side, ())] for side in ("Inputs", "Outputs", "Constants")]
    inputs, outputs = (tuple(words for words, _ in side if words) for side in sides[:2])
    return Described(
        kind=str(layer.get("LayerType", "")),
        nodes=tuple(dict.fromkeys(_NODE.findall(str(layer.get("Metadata", ""))))),
        inputs=inputs,
        outputs=outputs,
        bytes=_sum(size for side in sides for _, size in side),
    )


def _sum(sizes: Iterable[float | None]) -> int | None:
    given = list(sizes)
    known = [size for size in given if size is not None]
    return round(sum(known)) if known and len(known) == len(given) else None


def _tensor(told: Mapping[str, Any]) -> tuple[str, float | None]:
    """In words, and its bytes."""
    words = " ".join(str(value) for key, value in told.items() if key.lower().endswith("datatype"))
    types = [_TYPES[word] for word in re.findall(r"\w+", words.lower()) if word in _TYPES]
    kind, width = types[0] if types else ("", None)
    shape = told.get("Dimensions")
    if not isinstance(shape, list):
        return kind, None
    sides = "x".join("?" if side < 0 else str(side) for side in shape)
    size = None if width is None or min(shape, default=1) < 0 else prod(shape) * width
    return f"{kind} {sides}".strip(), size
