"""Our own cost: 1080p in, three RGBA PNG layers out, nothing between: `python -m benchmarks.overhead`.

The null device computes nothing, so what is measured is decoding, looking ahead, carrying and encoding. Its
layers stay as they were when memory was made: empty here, or, in the second row, drawn like real ones. Held
frames are computed like all others, or few layers would be carried.
"""

import argparse
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from unittest import mock

import numpy as np

from benchmarks.footage import make_footage
from benchmarks.machine import OtherLoad, cpu, keep_to_cores, now
from samples.scene import Scene, SceneOptions
from trt_anime.runtime.devices.null import NullBuffer, NullDevice
from trt_anime.runtime.media.frames import Pixels
from trt_anime.runtime.process import ProcessOptions, process_clip
from trt_anime.runtime.record import RunRecord

STAGES = ("2a", "2b", "2c")


@dataclass(frozen=True)
class Result:
    """Frames per second of one run, and milliseconds a frame by part, as busy time over all threads."""

    fps: float
    parts_ms: dict[str, float]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=96)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cores", type=int, default=2)
    given = parser.parse_args()
    keep_to_cores(given.cores)
    load = OtherLoad()
    with tempfile.TemporaryDirectory() as folder:
        clip = make_footage(Path(folder) / "in", frames=given.frames, height=1080).clip
        layers = {"empty": None, "drawn": _drawn_layers()}
        rows: dict[str, list[Result]] = {name: [] for name in layers}
        for _ in range(given.rounds):
            for name, pictures in layers.items():
                rows[name].append(_run(clip, Path(folder) / "out", given.cores, pictures))
        print(f"{now()}, {cpu()}, {given.cores} used, other programs {load.share():.0%} of the CPU")
        print(f"{given.frames} frames 1920x1080, h264 in, {len(STAGES)} RGBA PNG layers out")
        for name, results in rows.items():
            print(_line(name, results))


def _line(name: str, results: list[Result]) -> str:
    speeds = [result.fps for result in results]
    parts = ", ".join(
        f"{part} {median(result.parts_ms[part] for result in results):.1f}" for part in results[0].parts_ms
    )
    return (
        f"{name} layers: {median(speeds):.1f} FPS ({min(speeds):.1f} to {max(speeds):.1f}); "
        f"ms a frame: {parts}"
    )


def _run(clip: Path, output: Path, threads: int, pictures: list[Pixels] | None) -> Result:
    record = _processed(clip, output, threads, pictures)
    parts = {name: seconds / record.frames * 1000 for name, seconds in record.busy_s.items()}
    return Result(record.fps, parts)


def _processed(clip: Path, output: Path, threads: int, pictures: list[Pixels] | None) -> RunRecord:
    options = ProcessOptions(
        input=clip,
        output=output,
        stages=STAGES,
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


def _drawn_layers() -> list[Pixels]:
    """Character, effects and background of a drawn scene: uint8 [1080, 1920, 4] RGBA."""
    truth = Scene(SceneOptions(seed=3, width=1920, height=1080, frames=24)).render(12)
    opaque = np.ones(truth.alpha.shape, np.float32)
    layers = (
        np.dstack([truth.foreground, truth.alpha]),
        truth.effect,
        np.dstack([truth.plate / np.float32(255), opaque]),
    )
    return [np.ascontiguousarray(np.round(layer * 255), np.uint8) for layer in layers]


if __name__ == "__main__":
    main()
