"""Runs 20,000 frames through a device, prints what that took: `python -m tests.runtime.pipeline.soak cpu`.

A process of its own, so that nobody else's memory is measured.
"""

import gc
import json
import os
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from tests.runtime.pipeline.fakes import EveryFrame, node
from tests.runtime.pipeline.flows import plan_of
from trt_anime.runtime.devices.api import CpuDevice
from trt_anime.runtime.devices.host import HostDevice
from trt_anime.runtime.devices.null import NullDevice
from trt_anime.runtime.media.frames import DeepPixels, Frame, Pixels, Stamp
from trt_anime.runtime.media.sinks import Piece
from trt_anime.runtime.pipeline.batches import Tally
from trt_anime.runtime.pipeline.flow import Flow

FRAMES = 20_000
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_BYTES


def handles() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def frames(rss: list[int]) -> Iterator[Frame]:
    """New pixels for every frame, as a decoder gives them; notes the memory on its way."""
    for index in range(FRAMES):
        if index % 100 == 0:
            rss.append(resident_bytes())
        pixels = np.full((4, 6, 3), index // 2 % 256, np.uint8)
        yield Frame(Stamp(index, index, 1), pixels)


class Nowhere:
    """A sink that counts."""

    layers = ("layer 2a", "layer 2b", "layer 2c")
    output = Path()
    notices: Sequence[str] = ()

    def __init__(self, *, in_order: bool) -> None:
        self.in_order, self.frames = in_order, 0
        self._lock = threading.Lock()

    def segment(self, number: int) -> "Nowhere":
        return self

    def write(self, stamps: Sequence[Stamp], layers: Mapping[str, Pixels], deep: DeepPixels | None) -> None:
        with self._lock:
            self.frames += len(stamps)

    def close(self) -> list[Piece]:
        return []

    def abandon(self) -> None:
        raise AssertionError("nothing fails here")

    def finish(self, pieces: Sequence[Piece]) -> None:
        raise AssertionError("the flow doesn't finish sinks")

    def clear(self) -> None:
        raise AssertionError("the flow doesn't finish sinks")


def soak(device: CpuDevice) -> dict[str, object]:
    gc.disable()  # nothing may wait for the garbage collector
    before = threading.active_count(), handles()
    rss: list[int] = []
    sinks = [Nowhere(in_order=True), Nowhere(in_order=False)]
    with device:
        nodes = [node(device, number, scratch=64) for number in ("2a", "2b", "2c")]
        flow = Flow(
            device,
            plan_of(nodes, lanes=2, depth=4),
            EveryFrame(),
            list(sinks),  # type: ignore[arg-type]
            segment_frames=96,
            encode_threads=2,
            tally=Tally(),
            finished=lambda segment: None,
        )
        flow.run(frames(rss))
    tenth = len(rss) // 10
    return {
        "frames": [sink.frames for sink in sinks],
        "first_tenth_bytes": sum(rss[:tenth]) / tenth,
        "last_tenth_bytes": sum(rss[-tenth:]) / tenth,
        "threads": threading.active_count() - before[0],
        "handles": handles() - before[1],
    }


if __name__ == "__main__":
    print(json.dumps(soak(HostDevice() if sys.argv[1] == "cpu" else NullDevice())))
