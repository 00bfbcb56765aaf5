"""Sessions, sources and sinks of a few lines, to run the pipeline without a graph or a file."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from trt_anime.errors import InputError
from trt_anime.runtime.devices.api import CpuDevice, Shape, Stream, Tensor
from trt_anime.runtime.lookahead.stage import Verdict
from trt_anime.runtime.media.frames import DeepPixels, Frame, Pixels, Stamp
from trt_anime.runtime.media.sinks import Piece
from trt_anime.runtime.pipeline.chain import Node
from trt_anime.runtime.sessions.api import Binding, Origin
from trt_anime.runtime.stages import Layer, Stage
from trt_anime.stage import StageInfo

U8 = np.dtype(np.uint8)
HEIGHT, WIDTH = 4, 6

FRAME_IN = Binding("frame", U8, ("batch", "height", "width", 3))
RGBA = Binding("rgba", U8, ("batch", "height", "width", 4))

Compute = Callable[..., NDArray[Any]]


def invert(**inputs: NDArray[Any]) -> NDArray[Any]:
    """The first input's RGB inverted, alpha from its first channel."""
    pixels = next(iter(inputs.values()))
    return np.concatenate([255 - pixels[..., :3], pixels[..., :1]], axis=-1)


@dataclass
class FakeSession:
    """Runs `compute(**inputs) -> rgba` on a CPU device.

    With scratch, the run writes its batch's first byte there and reads it back: a neighbour on the same
    scratch spoils the result.
    """

    device: CpuDevice
    name: str
    compute: Compute = invert
    fixed_batch: int | None = None
    inputs: tuple[Binding, ...] = (FRAME_IN,)
    outputs: tuple[Binding, ...] = (RGBA,)
    scratch: int = 0
    own: int = 0
    parallel: int = 1
    threads_per_run: int = 1
    why_not_captured: str | None = None
    runs: list[int] = field(default_factory=list)

    @property
    def info(self) -> StageInfo:
        return StageInfo(self.name, "fake", "0" * 64, "MIT", "any", {"rgba": (0.0, 255.0)})

    @property
    def origin(self) -> Origin:
        return Origin(None, "0" * 64, "none", "fake", "fp32")

    def shapes(self, inputs: Mapping[str, Shape]) -> dict[str, Shape]:
        batch, height, width, _ = next(iter(inputs.values()))
        if self.fixed_batch not in (None, batch):
            raise InputError(f"takes batch size {self.fixed_batch} only")
        return {"rgba": (batch, height, width, 4)}

    def scratch_bytes(self, inputs: Mapping[str, Shape]) -> int:
        return self.scratch

    def own_bytes(self, inputs: Mapping[str, Shape]) -> int:
        return self.own

    def enqueue(self, tensors: Mapping[str, Tensor], *, stream: Stream, scratch: Tensor | None) -> None:
        read = {binding.name: tensors[binding.name] for binding in self.inputs}
        target = tensors["rgba"]
        self.runs.append(target.shape[0])

        def work() -> None:
            result = self.compute(**{name: self.device.view(tensor) for name, tensor in read.items()})
            if scratch is not None:
                room = self.device.view(scratch)
                room[0] = result.flat[0]
                result.flat[0] = room[0]
            self.device.view(target)[...] = result

        used = [scratch] if scratch is not None else []
        self.device.run(
            work, reads=list(read.values()), writes=[target, *used], stream=stream, name=self.name
        )

    def close(self) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def stage(number: str, inputs: dict[str, str] | None = None, *, layer: bool = True) -> Stage:
    layers = (Layer(f"layer {number}", number),) if layer else ()
    return Stage(number, "fake", inputs or {"frame": "frame"}, layers)


def node(device: CpuDevice, number: str, inputs: dict[str, str] | None = None, **options: Any) -> Node:
    wanted = stage(number, inputs, layer=options.pop("layer", True))
    shapes = {"frame": FRAME_IN.shape}
    bindings = tuple(
        Binding(name, U8, shapes.get(source, RGBA.shape)) for name, source in wanted.inputs.items()
    )
    return Node(wanted, FakeSession(device, number, inputs=bindings, **options))


def pixels(index: int) -> Pixels:
    """uint8 [HEIGHT, WIDTH, 3], other for every index below 251 * 255."""
    shade = np.arange(HEIGHT * WIDTH * 3, dtype=np.int64).reshape(HEIGHT, WIDTH, 3)
    return ((shade * 7 + index % 251 + index // 251) % 256).astype(np.uint8)


def frames(count: int, *, start: int = 0, hold: int = 1) -> Iterator[Frame]:
    """Frames of which each `hold` neighbours are the same, on a clock of 1001 a frame."""
    for index in range(start, count):
        yield Frame(Stamp(index, index * 1001, 1001), pixels(index // hold))


@dataclass
class MemorySegment:
    sink: MemorySink
    number: int
    pictures: dict[int, dict[str, Pixels]] = field(default_factory=dict)

    def write(self, stamps: Sequence[Stamp], layers: Mapping[str, Pixels], deep: DeepPixels | None) -> None:
        self.sink.on_write(stamps[0].index)
        for stamp in stamps:
            self.pictures[stamp.index] = {name: layers[name].copy() for name in self.sink.layers}
            self.sink.log.append(("write", stamp.index))
            self.sink.threads.add(threading.current_thread().name)

    def close(self) -> list[Piece]:
        self.sink.log.append(("close", self.number))
        self.sink.pictures |= self.pictures
        return [Piece(f"{self.number}", len(self.pictures), self.number)]

    def abandon(self) -> None:
        self.sink.log.append(("abandon", self.number))


@dataclass
class MemorySink:
    """Keeps copies of what it gets."""

    layers: tuple[str, ...] = ("layer 2a",)
    in_order: bool = True
    on_write: Callable[[int], None] = lambda index: None
    pictures: dict[int, dict[str, Pixels]] = field(default_factory=dict)
    log: list[tuple[str, int]] = field(default_factory=list)
    threads: set[str] = field(default_factory=set)
    notices: list[str] = field(default_factory=list)
    output: Path = Path()

    def segment(self, number: int) -> MemorySegment:
        self.log.append(("segment", number))
        return MemorySegment(self, number)

    def finish(self, pieces: Sequence[Piece]) -> None:
        raise AssertionError("the flow doesn't finish sinks")

    def clear(self) -> None:
        raise AssertionError("the flow doesn't finish sinks")


class EveryFrame:
    """A look-ahead that finds frames equal to the last fresh one, and shots at the indices given."""

    def __init__(self, *, shots: Sequence[int] = ()) -> None:
        self.shots, self.judged = set(shots), -1
        self.segments = 0
        self._last: Pixels | None = None

    def begin_segment(self) -> None:
        self.segments += 1
        self._last = None

    def judge(self, rgb: Pixels) -> Verdict:
        self.judged += 1
        if self._last is not None and np.array_equal(rgb, self._last):
            return Verdict(repeat=True, shot_start=False)
        self._last = rgb.copy()
        return Verdict(repeat=False, shot_start=self.judged in self.shots)
