"""Frames in memory through a chain's program and slots: the device without decoder and encoder."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from trt_anime.errors import MissingError
from trt_anime.runtime.devices.api import Device
from trt_anime.runtime.pipeline.chain import Node, chain_of
from trt_anime.runtime.pipeline.plan import plan_memory
from trt_anime.runtime.pipeline.program import Program
from trt_anime.runtime.pipeline.slots import Slot, make_slot

Frames = NDArray[np.uint8]
Layers = Mapping[str, NDArray[Any]]


@dataclass
class Work:
    """What a run of the line did.

    Attributes:
        wall_s: from the first frame to the last layer.
        computing_s, copying_s: in which stages, and copies in and out, were under way; two at once count
            twice.
    """

    frames: int = 0
    wall_s: float = 0.0
    computing_s: float = 0.0
    copying_s: float = 0.0

    @property
    def fps(self) -> float:
        return self.frames / self.wall_s if self.wall_s else 0.0

    @property
    def idle(self) -> float:
        """Share of the time in which no stage ran, 0..1."""
        return max(0.0, 1 - self.computing_s / self.wall_s) if self.wall_s else 0.0

    @property
    def overlap(self) -> float:
        """How many things went on at once, on average."""
        return (self.computing_s + self.copying_s) / self.wall_s if self.wall_s else 0.0


class Line:
    """Slots and streams for one chain, at one batch size and depth."""

    def __init__(
        self,
        device: Device,
        nodes: Sequence[Node],
        *,
        height: int,
        width: int,
        batch: int = 1,
        depth: int = 3,
        notify: Callable[[str], None] = lambda sentence: None,
    ) -> None:
        """Raises MissingError: there isn't memory for as much as was asked for."""
        self._device = device
        plan = plan_memory(
            lambda size: chain_of(nodes, batch=size, height=height, width=width),
            batch=batch,
            depth=depth,
            lanes=1,
            free_bytes=device.memory().free,
            shared=False,
        )
        if plan.depth != depth or plan.chain.batch != batch:
            raise MissingError("; ".join(plan.given_up))
        self._program = Program(device, plan, notify=notify)
        self._slots = [make_slot(device, plan, number) for number in range(depth)]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def run(self, batches: Iterable[Frames], take: Callable[[Layers], None] | None = None) -> Work:
        """All batches, each uint8 [B,H,W,3]; `take` is given each one's layers, copied, in their order."""
        done, busy = Work(), 0
        depth, start = len(self._slots), time.perf_counter()
        for number, batch in enumerate(batches):
            slot = self._slots[number % depth]
            if number >= depth:
                self._collect(slot, done, take)
            with self._device.writing(slot.frame) as pixels:
                pixels[...] = batch
            self._program.submit(slot, len(batch))
            done.frames += len(batch)
            busy = number + 1
        for number in range(max(0, busy - depth), busy):
            self._collect(self._slots[number % depth], done, take)
        done.wall_s = time.perf_counter() - start
        return done

    def close(self) -> None:
        """Free all that was taken; again is harmless."""
        if not self._slots:
            return
        self._program.close()
        for slot in self._slots:
            for tensor in (slot.frame, *slot.values.values(), *slot.results.values()):
                tensor.buffer.close()
        self._slots = []

    def _collect(self, slot: Slot, done: Work, take: Callable[[Layers], None] | None) -> None:
        done.computing_s += sum(self._program.collect(slot).values())
        done.copying_s += self._device.elapsed_s(slot.copying_in, slot.copied_in)
        for layer, began in slot.copying.items():
            done.copying_s += self._device.elapsed_s(began, slot.copied[layer])
        if take is not None:
            layers = {}
            for name, tensor in slot.results.items():
                with self._device.reading(tensor) as pixels:
                    layers[name] = np.array(pixels, np.uint8)
            take(layers)
