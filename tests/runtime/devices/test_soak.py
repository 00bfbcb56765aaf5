"""20,000 frames through each device: what it keeps of them, and what is left of it afterwards."""

import gc
import threading
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from trt_anime.runtime.devices.api import CpuDevice, Tensor
from trt_anime.runtime.devices.clock import SimulatedClock
from trt_anime.runtime.devices.hazards import Access
from trt_anime.runtime.devices.host import HostDevice
from trt_anime.runtime.devices.latencies import Latencies
from trt_anime.runtime.devices.null import NullDevice
from trt_anime.runtime.devices.schedule import Mark, Step

FRAMES, DEPTH = 20_000, 3
# Frames in flight at once, each with some marks and steps; and accesses of twelve buffers.
MOST_KEPT = 120

DEVICES: dict[str, Callable[[], CpuDevice]] = {
    "host": HostDevice,
    "null": lambda: NullDevice(
        Latencies(copy_in_bytes_per_s=64, copy_out_bytes_per_s=64, seconds_per_run={"2a": 1.0}),
        SimulatedClock(),
    ),
}


def frames(device: CpuDevice) -> Iterator[int]:
    """Every frame that has gone in, through and out; what came out of the one before is checked."""
    into, compute, out = (device.stream(name=name) for name in ("in", "compute", "out"))
    places = (("pinned in", True), ("frame", False), ("rgba", False), ("pinned out", True))
    slots = [
        (
            *(
                Tensor(
                    (device.allocate_pinned if pinned else device.allocate)(
                        64, name=f"slot {number} {name}"
                    ),
                    (64,),
                    np.dtype(np.uint8),
                )
                for name, pinned in places
            ),
        )
        for number in range(DEPTH)
    ]
    events = [
        tuple(device.event(name=f"slot {number} {name}") for name in ("in", "computed", "out"))
        for number in range(DEPTH)
    ]
    for index in range(FRAMES):
        pinned_in, frame, rgba, pinned_out = slots[index % DEPTH]
        copied_in, computed, copied_out = events[index % DEPTH]
        if index >= DEPTH:
            device.synchronize(copied_out)
            with device.reading(pinned_out) as array:
                if isinstance(device, HostDevice):
                    assert array[0] == array[63] == (index - DEPTH + 1) % 256
        with device.writing(pinned_in) as array:
            array[:] = index % 256
        device.copy(frame, pinned_in, stream=into)
        device.record(copied_in, stream=into)
        device.wait(copied_in, stream=compute)

        def work(frame: Tensor = frame, rgba: Tensor = rgba) -> None:
            np.add(device.view(frame), 1, out=device.view(rgba))

        device.run(work, reads=(frame,), writes=(rgba,), stream=compute, name="2a")
        device.record(computed, stream=compute)
        device.wait(computed, stream=out)
        device.copy(pinned_out, rgba, stream=out)
        device.record(copied_out, stream=out)
        yield index


def _kept() -> int:
    return sum(type(each) in (Access, Mark, Step) for each in gc.get_objects())


@pytest.mark.parametrize("name", DEVICES)
def test_soak(name: str) -> None:
    before = set(threading.enumerate())
    known = _kept()
    with DEVICES[name]() as device:
        for index in frames(device):
            if index in (FRAMES // 10, FRAMES - 1):
                assert _kept() - known <= MOST_KEPT
    assert set(threading.enumerate()) <= before
