"""Frames through the pipeline's own program, slots and graphs, with nothing but what a bare machine has."""

from collections.abc import Mapping, Sequence

import numpy as np

from benchmarks.gpu.line import Frames, Line
from trt_anime.errors import EngineError
from trt_anime.runtime.devices.api import Device, Shape, Stream, Tensor
from trt_anime.runtime.pipeline.chain import Node
from trt_anime.runtime.sessions.api import Binding, Origin
from trt_anime.runtime.sessions.bindings import BoundSession
from trt_anime.runtime.stages import Layer, Stage
from trt_anime.stage import StageInfo

DEPTH = 3
HEIGHT, WIDTH = 540, 961

_BYTE = np.dtype(np.uint8)
_SHAPE = ("batch", "height", "width", 3)


def pipeline(device: Device) -> str:
    """Two stages that copy, on three slots: a wrong order of anything leaves another frame's bytes.

    Raises EngineError: a frame came out changed.
    """
    first = Stage("2a", "copy", {"picture": "frame"}, (Layer("first", "first", "copy"),))
    second = Stage("2b", "copy", {"picture": "2a.copy"}, (Layer("second", "second", "copy"),))
    nodes = [Node(stage, CopySession(device, stage.number)) for stage in (first, second)]
    frames = random_frames(32)
    found, notices = through(device, nodes, frames)
    if notices:
        raise EngineError("; ".join(notices))
    for number, (frame, layers) in enumerate(zip(frames, found, strict=True)):
        for name, pixels in layers.items():
            if not np.array_equal(frame, pixels):
                raise EngineError(f"frame {number} came out of the {name} stage changed")
    return f"{len(frames)} frames, two stages, {DEPTH} slots, replayed from graphs: every byte right"


def random_frames(count: int) -> list[Frames]:
    """uint8 [1, HEIGHT, WIDTH, 3] each."""
    rng = np.random.default_rng(3)
    return [rng.integers(0, 256, (1, HEIGHT, WIDTH, 3), np.uint8) for _ in range(count)]


def through(
    device: Device, nodes: Sequence[Node], frames: Sequence[Frames]
) -> tuple[list[dict[str, Frames]], list[str]]:
    """Layers by name for each frame, and the notices on the way. Frees what it took."""
    notices: list[str] = []
    found: list[dict[str, Frames]] = []
    with Line(device, nodes, height=HEIGHT, width=WIDTH, depth=DEPTH, notify=notices.append) as line:
        line.run(frames, lambda layers: found.append(dict(layers)))
    return found, notices


class CopySession(BoundSession):
    """A stage whose output is its input."""

    parallel, threads_per_run = 1, 0
    why_not_captured: str | None = None

    def __init__(self, device: Device, name: str) -> None:
        super().__init__(
            name=name,
            source="copy",
            info=StageInfo("copy", "copy", "0" * 64, "MIT", "none", {"copy": (0.0, 255.0)}),
            origin=Origin(None, "", "none", "copy", "none"),
            inputs=(Binding("picture", _BYTE, _SHAPE),),
            outputs=(Binding("copy", _BYTE, _SHAPE),),
        )
        self._device = device

    def scratch_bytes(self, inputs: Mapping[str, Shape]) -> int:
        return 0

    def own_bytes(self, inputs: Mapping[str, Shape]) -> int:
        return 0

    def enqueue(self, tensors: Mapping[str, Tensor], *, stream: Stream, scratch: Tensor | None) -> None:
        self._device.copy(tensors["copy"], tensors["picture"], stream=stream)

    def close(self) -> None:
        """Nothing to free."""
