"""Layers as ONNX Runtime's own profile tells them.

Weights that it packs before the run have no shape in the profile. So times are those of a session as the
stage has it, and shapes those of one more run in a session that packs none: its nodes are the same.
"""

import json
import tempfile
from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from trt_anime.errors import EngineError
from trt_anime.runtime.devices.api import Shape
from trt_anime.runtime.operations import operations
from trt_anime.runtime.profiling.layers import REPEATS, WARM_UP, Layer, medians, part_of
from trt_anime.runtime.sessions import ort
from trt_anime.runtime.sessions.ort_cpu import as_written, prepared

_TIMED = "_kernel_time"
_REBUILT = "_nchwc"  # in another memory layout
_MOST_FUSED = 4
# ONNX Runtime's names of types that numpy calls otherwise, with their bytes.
_BYTES = {"float": 4, "double": 8, "bool": 1, "string": 0}


class OnnxRuntimeTimer:
    """A session of its own with the profile switched on, on the CPU.

    Args:
        threads: CPU threads of one run.
        ran_on: the provider that ran the stage; on another than the CPU, shapes are its and times are not.
    """

    def __init__(self, graph: Path, *, threads: int, ran_on: str) -> None:
        self._graph, self._threads, self._ran_on = graph, threads, ran_on
        words = "ONNX Runtime on the CPU, one run at a time"
        self.title = words if ran_on == ort.CPU else f"{words}; the stage itself ran on {ran_on}"

    def layers(self, inputs: Mapping[str, NDArray[Any]]) -> list[Layer]:
        """See `LayerTimer.layers`."""
        runs = _runs(self._events(inputs, runs=WARM_UP + REPEATS))[WARM_UP:]
        [shown] = _runs(self._events(inputs, runs=1, packed=False))
        makers, shapes = _makers(self._graph), {event["name"]: event["args"] for event in shown}
        return medians([[_layer(event, makers, shapes) for event in run] for run in runs])

    def _events(
        self, inputs: Mapping[str, NDArray[Any]], *, runs: int, packed: bool = True
    ) -> list[dict[str, Any]]:
        prepare = prepared if self._ran_on == ort.CPU else as_written
        ready = prepare(self._graph, threads=self._threads)
        options = ready.options
        options.enable_profiling = True
        if not packed:
            options.add_session_config_entry("session.disable_prepacking", "1")
        with tempfile.TemporaryDirectory() as folder:
            options.profile_file_prefix = str(Path(folder) / "profile")
            try:
                session = ready.session()
                for _ in range(runs):
                    session.run(None, dict(inputs))
                path = Path(session.end_profiling())
            except Exception as error:  # ONNX Runtime's classes share no base but Exception
                raise EngineError(f"{self._graph}: ONNX Runtime failed ({ort.reason(error)})") from error
            events: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
        return events


def _runs(events: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """The timed nodes of each run, in order."""
    ends = sorted(event["ts"] + event["dur"] for event in events if event["name"] == "model_run")
    nodes = [event for event in events if event["cat"] == "Node" and event["name"].endswith(_TIMED)]
    runs: list[list[dict[str, Any]]] = [[] for _ in ends]
    for event in sorted(nodes, key=lambda event: float(event["ts"])):
        place = int(np.searchsorted(ends, event["ts"]))
        if place < len(ends):
            runs[place].append(event)
    return runs


class _Maker(NamedTuple):
    """The node that makes a value."""

    name: str
    kind: str
    source: str


def _makers(graph: Path) -> dict[str, _Maker]:
    """By the value's name."""
    import onnx

    nodes = onnx.load(graph, load_external_data=False).graph.node
    return {
        value: _Maker(node.name, node.op_type, node.input[0] if node.input else "")
        for node in nodes
        for value in node.output
    }


def _own_name(name: str, kind: str, makers: Mapping[str, _Maker]) -> str:
    """The graph's name of a node. Those that ONNX Runtime fuses, it calls by the value that comes out."""
    value = name.removesuffix(_REBUILT)
    for _ in range(_MOST_FUSED):
        maker = makers.get(value)
        if maker is None:
            return name
        if maker.kind == kind:
            return maker.name or name
        value = maker.source
    return name


def _layer(
    event: dict[str, Any], makers: Mapping[str, _Maker], shapes: Mapping[str, dict[str, Any]]
) -> Layer:
    told = shapes.get(event["name"], event["args"])
    name = _own_name(event["name"].removesuffix(_TIMED), told["op_name"], makers)
    inputs, outputs = (_typed(told.get(f"{side}_type_shape", [])) for side in ("input", "output"))
    sizes = [[shape for _, shape in side] for side in (inputs, outputs)]
    return Layer(
        name=name,
        kind=told["op_name"],
        part=part_of(name),
        ms=event["dur"] / 1000,
        inputs=tuple(_words(*one) for one in inputs),
        outputs=tuple(_words(*one) for one in outputs),
        operations=operations(told["op_name"], *sizes) if outputs else None,
        bytes=sum(_size(*one) for one in (*inputs, *outputs)) if outputs else None,
    )


def _typed(told: list[dict[str, list[int]]]) -> list[tuple[str, Shape]]:
    return [(kind, tuple(shape)) for one in told for kind, shape in one.items()]


def _words(kind: str, shape: Shape) -> str:
    return f"{kind} {'x'.join(map(str, shape))}" if shape else kind


def _size(kind: str, shape: Shape) -> int:
    width = _BYTES.get(kind)
    return prod(shape) * (np.dtype(kind).itemsize if width is None else width)
