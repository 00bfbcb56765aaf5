"""Layers as TensorRT's profiler tells them.

Written against the documented interface (`IProfiler`, `IExecutionContext.profiler`); not run on a GPU yet.
"""

import json
from collections.abc import Mapping
from typing import Any, cast

from numpy.typing import NDArray

from trt_anime.errors import EngineError
from trt_anime.runtime.devices.api import Device
from trt_anime.runtime.profiling.layers import REPEATS, WARM_UP, Layer, medians, part_of
from trt_anime.runtime.sessions.api import Session
from trt_anime.runtime.sessions.running import Running
from trt_anime.runtime.sessions.tensorrt_engine import TensorRtSession


class TensorRtTimer:
    """Runs the session that is open, without a CUDA graph, which would hide the layers."""

    def __init__(self, session: Session, device: Device) -> None:
        self._session, self._device = cast(TensorRtSession, session), device
        self.title = f"{session.origin.provider}'s profiler, one run at a time"

    def layers(self, inputs: Mapping[str, NDArray[Any]]) -> list[Layer]:
        """See `LayerTimer.layers`. The session can't be captured into a graph from then on."""
        self._session.why_not_captured = "its layers are timed"
        kinds = _kinds(self._session.layer_information())
        runs: list[list[Layer]] = []
        shapes = {name: array.shape for name, array in inputs.items()}
        with Running(self._session, self._device, shapes) as running:
            running(inputs)  # makes the context that is then listened to
            told: list[tuple[str, float]] = []
            self._session.report_layers(lambda name, ms: told.append((name, ms)))
            for _ in range(WARM_UP + REPEATS):
                told.clear()
                running.run()
                runs.append([_layer(name, ms, kinds) for name, ms in told])
        if not runs[-1]:
            raise EngineError(f"{self._session.source}: the profiler reported no layer")
        return medians(runs[WARM_UP:])


def _kinds(information: str) -> dict[str, str]:
    """Layer name -> its type, where the engine was built with details."""
    listed = json.loads(information).get("Layers", [])
    return {layer["Name"]: str(layer.get("LayerType", "")) for layer in listed if isinstance(layer, dict)}


def _layer(name: str, ms: float, kinds: Mapping[str, str]) -> Layer:
    return Layer(name, kinds.get(name, ""), part_of(name), ms, (), (), None, None)
