"""One session by itself, as a function of arrays, and what a run of it takes."""

import statistics
from collections.abc import Callable, Mapping
from contextlib import suppress
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trt_anime.errors import EngineError
from trt_anime.runtime.closing import Closing
from trt_anime.runtime.devices.api import Buffer, Device, Graph, Shape, Tensor
from trt_anime.runtime.sessions.api import Session

Arrays = Mapping[str, NDArray[Any]]

WARM_UP = 10
REPEATS = 50

_BYTE = np.dtype(np.uint8)


class Running(Closing):
    """Memory, a stream and events for one session at fixed shapes; for one thread at a time.

    It runs as the pipeline runs it: once as it is, then, where that works, captured and replayed.

    Args:
        shapes: of every input.
    """

    def __init__(self, session: Session, device: Device, shapes: Mapping[str, Shape]) -> None:
        """Raises InputError: the session takes other shapes. MissingError: not enough memory.

        What was taken until then goes with the device.
        """
        self._session, self._device = session, device
        self._buffers: list[Buffer] = []
        known = {**shapes, **session.shapes(shapes)}
        bindings = (*session.inputs, *session.outputs)
        self._staged, self._tensors = (
            {item.name: self._tensor(make, item.name, known[item.name], item.dtype) for item in bindings}
            for make in (device.allocate_pinned, device.allocate)
        )
        size_bytes = session.scratch_bytes(shapes)
        self._scratch = (
            self._tensor(device.allocate, "scratch", (size_bytes,), _BYTE) if size_bytes else None
        )
        self._stream = device.stream(name="run")
        self._began, self._ended = (device.event(name=name, timing=True) for name in ("began", "ended"))
        self._copied_out = device.event(name="copied out")
        self._graph: Graph | None = None
        self._runs = 0

    def __call__(self, inputs: Arrays) -> dict[str, NDArray[Any]]:
        """All outputs by name, arrays of their own.

        Args:
            inputs: all inputs by name, in their shapes and types.

        Raises:
            EngineError: the device or the library failed.
            ValueError: other inputs than the session's, or in other shapes or types.
        """
        self._put(inputs)
        self.run()
        return self._taken()

    def run(self) -> None:
        """One run on what was given last, and wait for it. Raises EngineError."""
        if self._runs == 1 and self._session.why_not_captured is None:
            self._capture()
        self._device.record(self._began, stream=self._stream)
        if self._graph is None:
            self._enqueue()
        else:
            self._graph.launch(stream=self._stream)
        self._device.record(self._ended, stream=self._stream)
        self._device.synchronize(self._ended)
        self._runs += 1

    def seconds(self, *, warm_up: int = WARM_UP, repeats: int = REPEATS) -> float:
        """Median of what a run takes on the device, by its own events, without copies to and from the host.

        Inputs must have been given. Raises EngineError.
        """
        times = []
        for _ in range(warm_up + repeats):
            self.run()
            times.append(self._device.elapsed_s(self._began, self._ended))
        return statistics.median(times[warm_up:])

    def close(self) -> None:
        """Free memory and graph; stream and events go with the device. Again is harmless."""
        if self._graph is not None:
            self._graph.close()
            self._graph = None
        while self._buffers:
            self._buffers.pop().close()

    def _put(self, inputs: Arrays) -> None:
        wanted = {binding.name: self._staged[binding.name] for binding in self._session.inputs}
        if wanted.keys() != inputs.keys():
            raise ValueError(f"inputs are {sorted(wanted)}, but arrays came for {sorted(inputs)}")
        for name, staged in wanted.items():
            given = inputs[name]
            if (given.shape, given.dtype) != (staged.shape, staged.dtype):
                raise ValueError(
                    f"`{name}` is {staged.dtype} {staged.shape}, but here {given.dtype} {given.shape}"
                )
            with self._device.writing(staged) as array:
                array[...] = given
            self._device.copy(self._tensors[name], staged, stream=self._stream)

    def _taken(self) -> dict[str, NDArray[Any]]:
        names = [binding.name for binding in self._session.outputs]
        for name in names:
            self._device.copy(self._staged[name], self._tensors[name], stream=self._stream)
        self._device.record(self._copied_out, stream=self._stream)
        self._device.synchronize(self._copied_out)
        found = {}
        for name in names:
            with self._device.reading(self._staged[name]) as array:
                found[name] = np.array(array)
        return found

    def _enqueue(self) -> None:
        self._session.enqueue(self._tensors, stream=self._stream, scratch=self._scratch)

    def _capture(self) -> None:
        """Where it can't be, it is slower and as right: the pipeline goes on without a graph, too."""
        with suppress(EngineError):
            with self._device.capture(stream=self._stream) as captured:
                self._enqueue()
            self._graph = captured()

    def _tensor(self, make: Callable[..., Buffer], name: str, shape: Shape, dtype: np.dtype[Any]) -> Tensor:
        self._buffers.append(make(prod(shape) * dtype.itemsize, name=name))
        return Tensor(self._buffers[-1], shape, dtype)
