"""How much of three equal parts overlaps on the host device: `python -m benchmarks.overlap [--write]`.

The source, the stage and the sink sleep for the same time at each frame, so that none takes a core from
another. Serial is the same sleeps in a plain loop.
"""

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from statistics import median

from benchmarks.machine import OtherLoad
from benchmarks.records import facts, is_to_be_kept, keep, offer_writing
from benchmarks.tables import Spread, paired_ratio
from tests.runtime.pipeline.fakes import MemorySink, frames, invert, node
from tests.runtime.pipeline.flows import flow
from trt_anime.runtime.devices.host import HostDevice
from trt_anime.runtime.media.frames import Frame, Pixels

COMMAND = "python -m benchmarks.overlap --write"


@dataclass(frozen=True)
class Overlap:
    """Of parts that take `part_ms`. Milliseconds a frame; `ratio` of both within a round; `above`: share by
    which overlapped is slower than one part alone, which is the most that can be had."""

    part_ms: float
    serial_ms: float
    overlapped_ms: float
    ratio: Spread
    above: Spread


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--part-ms", type=float, nargs="+", default=[10.0, 20.0])
    offer_writing(parser)
    given = parser.parse_args()
    writes = is_to_be_kept(given, parser)
    load = OtherLoad()
    found = [_measured(part_ms, given.frames, given.rounds) for part_ms in given.part_ms]
    content = {
        **facts(COMMAND, ("trt-anime", "numpy")),
        "others": round(load.share(), 3),
        "rows": [{"frames": given.frames, "rounds": given.rounds} | asdict(one) for one in found],
    }
    print(json.dumps(content, indent=1))
    if writes:
        keep("overlap", content)


def _measured(part_ms: float, count: int, rounds: int) -> Overlap:
    serial, overlapped = [], []
    for _ in range(rounds):
        serial.append(_serial_s(count, part_ms / 1000))
        overlapped.append(_overlapped_s(count, part_ms / 1000))
    # What one part really took: a sleep lasts a little longer than it was asked to.
    above = [3 * other / one - 1 for one, other in zip(serial, overlapped, strict=True)]
    return Overlap(
        part_ms,
        1000 * median(serial) / count,
        1000 * median(overlapped) / count,
        paired_ratio(serial, overlapped),
        Spread.of(above),
    )


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
