"""Our own cost: 1080p in, three RGBA PNG layers out, nothing between.

    python -m benchmarks.overhead [--write]

The null device computes nothing, so what is measured is decoding, looking ahead, carrying and encoding. Its
layers stay as they were when memory was made: empty here, or, in the second row, drawn like real ones. Held
frames are computed like all others, or few layers would be carried.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from unittest import mock

import numpy as np

from benchmarks.footage import make_footage
from benchmarks.machine import OtherLoad, keep_to_cores
from benchmarks.peers import drawn_layers
from benchmarks.records import facts, is_to_be_kept, keep, offer_writing
from benchmarks.tables import Spread
from trt_anime.runtime.devices.null import NullBuffer, NullDevice
from trt_anime.runtime.lookahead.stage import LookAhead
from trt_anime.runtime.media.frames import Frame, Pixels
from trt_anime.runtime.media.png import png_sink
from trt_anime.runtime.media.reader import open_source
from trt_anime.runtime.media.sinks import Segment
from trt_anime.runtime.options import ProcessOptions
from trt_anime.runtime.process import process_clip
from trt_anime.runtime.record import RunRecord
from trt_anime.runtime.stages import STAGES

COMMAND = "python -m benchmarks.overhead --write"
STAGES_RUN = ("2a", "2b", "2c")


@dataclass(frozen=True)
class Result:
    """Frames per second of one run, and CPU milliseconds a frame over all threads."""

    fps: float
    cpu_ms: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=96)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cores", type=int, default=2)
    offer_writing(parser)
    given = parser.parse_args()
    writes = is_to_be_kept(given, parser)
    keep_to_cores(given.cores)
    load = OtherLoad()
    with tempfile.TemporaryDirectory() as folder:
        clip = make_footage(Path(folder) / "in", frames=given.frames, height=1080).clip
        layers = {"empty": None, "drawn": drawn_layers((1080, 1920))}
        rows: dict[str, list[Result]] = {name: [] for name in layers}
        for _ in range(given.rounds):
            for name, pictures in layers.items():
                rows[name].append(_run(clip, Path(folder) / "out", given.cores, pictures))
        parts = _parts(clip, Path(folder) / "alone", layers["drawn"] or [])
    content = {
        **facts(COMMAND, ("trt-anime", "av", "numpy")),
        "cores": given.cores,
        "others": round(load.share(), 3),
        "frames": given.frames,
        "rounds": given.rounds,
        "fps": {name: asdict(Spread.of([one.fps for one in found])) for name, found in rows.items()},
        "cpu_ms": {name: median(one.cpu_ms for one in found) for name, found in rows.items()},
        "parts_ms": parts,
    }
    print(json.dumps(content, indent=1))
    if writes:
        keep("overhead", content)


def _run(clip: Path, output: Path, threads: int, pictures: list[Pixels] | None) -> Result:
    start_s = time.process_time()
    record = _processed(clip, output, threads, pictures)
    return Result(record.fps, (time.process_time() - start_s) / record.frames * 1000)


def _parts(clip: Path, folder: Path, layers: list[Pixels]) -> dict[str, float]:
    with open_source(clip, threads=1) as source:
        count = source.info.frames or 0
        source.start_at(count - 1)
        decode_ms = _cpu_ms(source)
    with open_source(clip, threads=1) as source:
        both_ms = _cpu_ms(source)
    with open_source(clip, threads=1) as source:
        frames = list(source)
    look_ahead, target = LookAhead(preset="balanced"), np.empty_like(frames[0].rgb)
    sinks = [png_sink(folder, STAGES[number].layers[0], bits=8).segment(0) for number in STAGES_RUN]
    parts = {
        "decode": decode_ms,
        "to RGB": both_ms - decode_ms,
        "look ahead": _cpu_ms(look_ahead.judge(frame.rgb) for frame in frames),
        "into pinned memory": _cpu_ms(_copied(target, frame) for frame in frames),
    }
    for sink, number, layer in zip(sinks, STAGES_RUN, layers, strict=True):
        drawn = {STAGES[number].layers[0].name: layer}
        name = f"PNG, {STAGES[number].layers[0].name}"
        parts[name] = _cpu_ms(_written(sink, frame, drawn) for frame in frames)
    return {name: cpu_ms / count for name, cpu_ms in parts.items()}


def _copied(target: Pixels, frame: Frame) -> bool:
    np.copyto(target, frame.rgb)
    return True


def _written(sink: Segment, frame: Frame, layers: dict[str, Pixels]) -> bool:
    sink.write([frame.stamp], layers, None)
    return True


def _cpu_ms(steps: Iterable[object]) -> float:
    """Of going through all steps, whose results aren't kept."""
    start_s = time.process_time()
    for _ in steps:
        pass
    return (time.process_time() - start_s) * 1000


def _processed(clip: Path, output: Path, threads: int, pictures: list[Pixels] | None) -> RunRecord:
    options = ProcessOptions(
        input=clip,
        output=output,
        stages=STAGES_RUN,
        device="null",
        held=False,
        threads=threads,
        overwrite=True,
    )
    with _layers(pictures):
        return process_clip(options, graph=lambda stage: Path())


@contextmanager
def _layers(pictures: list[Pixels] | None) -> Iterator[None]:
    """Within the block, the null device's pinned layers hold these pictures in turn."""
    if pictures is None:
        yield
        return
    allocate, turn = NullDevice.allocate_pinned, iter(range(1 << 30))

    def drawn(self: NullDevice, size_bytes: int, *, name: str) -> NullBuffer:
        buffer = allocate(self, size_bytes, name=name)
        if buffer.array is not None and size_bytes == pictures[0].nbytes:
            buffer.array[:] = pictures[next(turn) % len(pictures)].reshape(-1)
        return buffer

    with mock.patch.object(NullDevice, "allocate_pinned", drawn):
        yield


if __name__ == "__main__":
    main()
