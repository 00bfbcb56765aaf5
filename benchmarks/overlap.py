"""How much of three equal parts overlaps on the host device: `python -m benchmarks.overlap`.

The source, the stage and the sink sleep for the same time at each frame, so that none takes a core from
another. Serial is the same sleeps in a plain loop.
"""

import argparse
import time
from collections.abc import Iterator
from statistics import median

from benchmarks.machine import OtherLoad, cpu, now
from tests.runtime.pipeline.fakes import MemorySink, frames, invert, node
from tests.runtime.pipeline.flows import flow
from trt_anime.runtime.devices.host import HostDevice
from trt_anime.runtime.media.frames import Frame, Pixels


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--part-ms", type=float, default=10.0)
    given = parser.parse_args()
    part_s = given.part_ms / 1000
    load = OtherLoad()
    serial, overlapped = [], []
    for _ in range(given.rounds):
        serial.append(_serial_s(given.frames, part_s))
        overlapped.append(_overlapped_s(given.frames, part_s))
    ratios = [one / other for one, other in zip(serial, overlapped, strict=True)]
    # What one part really took: a sleep lasts a little longer than it was asked to.
    above = [3 * other / one for one, other in zip(serial, overlapped, strict=True)]
    print(f"{now()}, {cpu()}, other programs {load.share():.0%} of the CPU")
    print(f"{given.frames} frames, three parts of {given.part_ms:g} ms, {given.rounds} rounds")
    print(f"serial      {median(serial) / given.frames * 1000:.2f} ms a frame")
    print(f"overlapped  {median(overlapped) / given.frames * 1000:.2f} ms a frame")
    print(f"ratio       {median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")
    print(f"over the slowest part {median(above) - 1:.1%} ({min(above) - 1:.1%} to {max(above) - 1:.1%})")


def _serial_s(count: int, part_s: float) -> float:
    """The same three parts for each frame, without any of our code between them."""
    start = time.perf_counter()
    for _ in range(3 * count):
        time.sleep(part_s)
    return time.perf_counter() - start


def _overlapped_s(count: int, part_s: float) -> float:
    def source() -> Iterator[Frame]:
        for frame in frames(count):
            time.sleep(part_s)
            yield frame

    def stage(frame: Pixels) -> Pixels:
        time.sleep(part_s)
        return invert(frame=frame)

    sink = MemorySink(on_write=lambda index: time.sleep(part_s))
    with HostDevice() as device:
        start = time.perf_counter()
        flow(device, [node(device, "2a", compute=stage)], [sink], source=source(), depth=3)
        return time.perf_counter() - start


if __name__ == "__main__":
    main()
