"""Clips through XMem's graphs on ONNX Runtime."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from trt_anime.runtime.devices.api import Tensor
from trt_anime.runtime.devices.host import HostDevice
from trt_anime.runtime.sessions.ort_cpu import OrtCpuSession
from trt_anime.runtime.temporal.xmem.options import MemoryOptions
from trt_anime.runtime.temporal.xmem.tracker import Tracker


@dataclass(frozen=True)
class Shown:
    """labels: uint8 [H,W]. matte: uint8 [objects,H,W]. probability: float32 [objects,h,w]."""

    labels: NDArray[np.uint8]
    matte: NDArray[np.uint8]
    probability: NDArray[np.float32]


class Player:
    """A tracker that takes and gives arrays."""

    def __init__(self, tracker: Tracker, device: HostDevice, stream: Any) -> None:
        self.tracker, self.device, self._stream = tracker, device, stream
        self._event = device.event(name="player")
        self._inputs: dict[str, tuple[Tensor, Tensor]] = {}
        self._results: dict[str, Tensor] = {}

    def show(
        self,
        frame: NDArray[np.uint8],
        mask: NDArray[np.uint8] | None = None,
        given: list[int] | None = None,
        *,
        last: bool = False,
    ) -> Shown:
        """frame uint8 [H,W,3], mask uint8 [H,W]."""
        drawn = None if mask is None else self._sent("mask", mask[None])
        masks = self.tracker.step(
            self._sent("frame", frame[None]), mask=drawn, given=given or [], last=last
        )
        probability = self.fetch(masks.probability)[:, 0]
        return Shown(self.fetch(masks.labels)[0], self.fetch(masks.matte), probability)

    def memory(self, name: str) -> NDArray[Any]:
        return self.fetch(self.tracker.tensors[name])

    def fetch(self, tensor: Tensor) -> NDArray[Any]:
        key = f"{tensor.shape}{tensor.dtype}"
        if key not in self._results:
            buffer = self.device.allocate_pinned(tensor.size_bytes, name=key)
            self._results[key] = Tensor(buffer, tensor.shape, tensor.dtype)
        self.device.copy(self._results[key], tensor, stream=self._stream)
        self._wait()
        with self.device.reading(self._results[key]) as array:
            return array.copy()

    def _sent(self, name: str, array: NDArray[np.uint8]) -> Tensor:
        if name not in self._inputs:
            makers = (self.device.allocate, self.device.allocate_pinned)
            device, pinned = (
                Tensor(make(array.nbytes, name=name), array.shape, array.dtype) for make in makers
            )
            self._inputs[name] = (device, pinned)
        device, pinned = self._inputs[name]
        with self.device.writing(pinned) as room:
            room[...] = array
        self.device.copy(device, pinned, stream=self._stream)
        self._wait()
        return device

    def _wait(self) -> None:
        self.device.record(self._event, stream=self._stream)
        self.device.synchronize(self._event)


@contextmanager
def playing(
    graphs: Mapping[str, onnx.ModelProto],
    folder: Path,
    *,
    objects: int,
    options: MemoryOptions | None = None,
) -> Iterator[Player]:
    with HostDevice() as device, ExitStack() as stack:
        sessions = {}
        for stage, graph in graphs.items():
            path = folder / f"{stage}.onnx"
            onnx.save(graph, path)
            session = OrtCpuSession(path, device, threads=1, name=stage)
            sessions[stage] = stack.enter_context(session)
        stream = device.stream(name="xmem")
        yield Player(
            Tracker(sessions, device, objects=objects, stream=stream, options=options), device, stream
        )
