"""Characters followed by XMem, whose memory stays on the device."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trt_anime.errors import InputError
from trt_anime.runtime.characters.found import Frame, Ids, Matte
from trt_anime.runtime.characters.numbering import Numbering
from trt_anime.runtime.characters.propagation import Followed, certainty
from trt_anime.runtime.closing import Closing
from trt_anime.runtime.devices.api import Buffer, Device, Tensor
from trt_anime.runtime.sessions.api import Session
from trt_anime.runtime.temporal.xmem.options import MemoryOptions
from trt_anime.runtime.temporal.xmem.tracker import MOST_OBJECTS, Masks, Tracker

Array = NDArray[Any]


class XmemPropagator(Closing):
    """See `Propagator`. It needs no matte.

    Args:
        sessions: by stage name, see `Tracker`; stay the caller's.
        objects: most characters of a shot; their memory is taken at once.
    """

    def __init__(
        self,
        sessions: Mapping[str, Session],
        device: Device,
        *,
        objects: int = 8,
        options: MemoryOptions | None = None,
    ) -> None:
        """Raises InputError, MissingError: see `Tracker`."""
        self.most = min(objects, MOST_OBJECTS)
        self._device = device
        self._stream = device.stream(name="xmem")
        self._tracker = Tracker(sessions, device, objects=objects, stream=self._stream, options=options)
        self._copied = device.event(name="xmem copies")
        self._buffers: list[Buffer] = []
        self._host: dict[str, Tensor] = {}
        self._sent: dict[str, Tensor] = {}
        self._numbering = Numbering()
        self._size = next(
            tuple(int(side) for side in binding.shape[1:3])
            for binding in sessions["key"].inputs
            if binding.name == "frame"
        )

    def start(self, frame: Frame, ids: Ids, matte: Matte | None = None) -> None:
        """See `Propagator.start`. Raises InputError: the graphs were made for another size."""
        self._tracker.start()
        self._numbering = Numbering()
        self.add(frame, ids)

    def step(self, frame: Frame, matte: Matte | None) -> Followed:
        """See `Propagator.step`."""
        masks = self._tracker.step(self._on_device("frame", self._checked(frame)[None]))
        labels = self._taken("labels", masks.labels)[0]
        probability = self._taken("probability", masks.probability)[:, 0]
        return Followed(self._numbering.ids_of(labels), certainty(probability))

    def add(self, frame: Frame, ids: Ids, matte: Matte | None = None) -> None:
        """See `Propagator.add`."""
        numbered = self._numbering.numbered(ids)
        self._put(self._checked(frame), numbered)

    def close(self) -> None:
        """Give all memory back; the sessions stay open."""
        self._tracker.close()
        while self._buffers:
            self._buffers.pop().close()

    def _put(self, frame: Frame, numbered: Ids) -> Masks:
        """All characters are given, so that nothing of the frame is predicted."""
        given = list(range(1, len(self._numbering) + 1))
        mask = self._on_device("mask", numbered[None])
        return self._tracker.step(self._on_device("frame", frame[None]), mask=mask, given=given)

    def _checked(self, frame: Frame) -> Frame:
        if frame.shape[:2] != self._size:
            raise InputError(
                f"XMem: its graphs are for frames of {self._size[1]}x{self._size[0]}, but these are"
                f" {frame.shape[1]}x{frame.shape[0]}; export them for this size"
            )
        return frame

    def _on_device(self, name: str, array: Array) -> Tensor:
        if name not in self._sent:
            self._host[name] = self._made(self._device.allocate_pinned, name, array.shape, array.dtype)
            self._sent[name] = self._made(self._device.allocate, name, array.shape, array.dtype)
        self._tracker.wait()
        with self._device.writing(self._host[name]) as room:
            room[...] = array
        self._device.copy(self._sent[name], self._host[name], stream=self._stream)
        self._wait()
        return self._sent[name]

    def _taken(self, name: str, tensor: Tensor) -> Array:
        if name not in self._host:
            most = (self.most, *tensor.shape[1:]) if name == "probability" else tensor.shape
            self._host[name] = self._made(self._device.allocate_pinned, name, most, tensor.dtype)
        target = self._host[name].rows(tensor.shape[0])
        self._device.copy(target, tensor, stream=self._stream)
        self._wait()
        with self._device.reading(target) as array:
            return np.array(array)

    def _wait(self) -> None:
        self._device.record(self._copied, stream=self._stream)
        self._device.synchronize(self._copied)

    def _made(self, make: Any, name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Tensor:
        size_bytes = int(np.prod(shape)) * dtype.itemsize
        buffer: Buffer = make(size_bytes, name=f"xmem {name} of characters")
        self._buffers.append(buffer)
        return Tensor(buffer, shape, dtype)
