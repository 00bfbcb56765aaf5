"""Slots: the memory and the events of one batch on its way, used again and again."""

import threading
from dataclasses import dataclass

from trt_anime.runtime.devices.api import Device, Event, Tensor
from trt_anime.runtime.pipeline.chain import FRAME
from trt_anime.runtime.pipeline.plan import Plan


@dataclass(frozen=True)
class Slot:
    """Room for one batch.

    Attributes:
        frame: pinned, uint8 [batch, height, width, 3] RGB.
        values: on the device, by name as in `Chain.values`.
        results: pinned, by layer name.
        copying_in, copied_in: around the frame's copy to the device.
        began, ended: by stage number, around its run.
        copying, copied: by layer name, around its copy to the host.
        copied_out: every result is on the host.
    """

    number: int
    frame: Tensor
    values: dict[str, Tensor]
    results: dict[str, Tensor]
    copying_in: Event
    copied_in: Event
    began: dict[str, Event]
    ended: dict[str, Event]
    copying: dict[str, Event]
    copied: dict[str, Event]
    copied_out: Event


def make_slot(device: Device, plan: Plan, number: int) -> Slot:
    """Raises MissingError: the memory isn't there after all."""
    chain = plan.chain

    def tensor(name: str, pinned: bool) -> Tensor:
        value = chain.values[name]
        make = device.allocate_pinned if pinned else device.allocate
        buffer = make(value.size_bytes, name=f"slot {number} {name}")
        return Tensor(buffer, value.shape, value.dtype)

    def event(name: str, *, timing: bool = False) -> Event:
        return device.event(name=f"slot {number} {name}", timing=timing)

    return Slot(
        number=number,
        frame=tensor(FRAME, pinned=True),
        values={name: tensor(name, pinned=False) for name in chain.values},
        results={layer: tensor(name, pinned=True) for layer, name in chain.results.items()},
        copying_in=event("copying in", timing=True),
        copied_in=event("copied in", timing=True),
        began={node.number: event(f"{node.number} began", timing=True) for node in chain.nodes},
        ended={node.number: event(f"{node.number} ended", timing=True) for node in chain.nodes},
        copying={layer: event(f"copying {layer}", timing=True) for layer in chain.results},
        copied={layer: event(f"copied {layer}", timing=True) for layer in chain.results},
        copied_out=event("copied out"),
    )


class Stopped(Exception):  # noqa: N818 - it is not an error
    """Somebody stopped the run while this thread waited."""


class SlotPool:
    """Hands out free slots, oldest first; a thread that finds none waits. Memory can't grow past it."""

    def __init__(self, slots: list[Slot]) -> None:
        self._free = list(slots)
        self._changed = threading.Condition()
        self._stopped = False

    def acquire(self) -> Slot:
        """Raises Stopped."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or self._free)
            if self._stopped:
                raise Stopped
            return self._free.pop(0)

    def release(self, slot: Slot) -> None:
        with self._changed:
            self._free.append(slot)
            self._changed.notify()

    def stop(self) -> None:
        """Everybody who waits, or comes to wait, gets Stopped."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
