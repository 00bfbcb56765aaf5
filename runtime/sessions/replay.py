"""A stage without a graph, for the null device: shapes and order of a run, and no work."""

from collections.abc import Mapping

import numpy as np

from trt_anime.runtime.devices.api import CpuDevice, Shape, Stream, Tensor
from trt_anime.runtime.sessions.api import Binding, Origin
from trt_anime.runtime.sessions.bindings import BoundSession
from trt_anime.runtime.stages import Stage
from trt_anime.stage import StageInfo

_FRAME = ("batch", "height", "width", 3)
_LAYER = ("batch", "height", "width", 4)
_BYTE = np.dtype(np.uint8)


class ReplaySession(BoundSession):
    """Puts a stage's name on streams; the null device knows how long that takes."""

    parallel = 1
    threads_per_run = 0
    why_not_captured: str | None = None

    def __init__(self, stage: Stage, device: CpuDevice) -> None:
        super().__init__(
            name=stage.number,
            source=f"stage {stage.number}",
            info=StageInfo(
                stage=stage.graph,
                model="replay",
                checkpoint_sha256="",
                licence="",
                size_rule="none",
                output_ranges={layer.binding: (0, 255) for layer in stage.layers},
            ),
            origin=Origin(None, "", "none", "replay", "none"),
            inputs=[Binding(name, _BYTE, _FRAME) for name in stage.inputs],
            outputs=[Binding(layer.binding, _BYTE, _LAYER) for layer in stage.layers],
        )
        self._device = device

    def scratch_bytes(self, inputs: Mapping[str, Shape]) -> int:
        """None: there is no work."""
        return 0

    def own_bytes(self, inputs: Mapping[str, Shape]) -> int:
        """None: there is no work."""
        return 0

    def enqueue(self, tensors: Mapping[str, Tensor], *, stream: Stream, scratch: Tensor | None) -> None:
        """See `Session.enqueue`."""
        self.check_tensors(tensors)
        self._device.run(
            _nothing,
            reads=[tensors[binding.name] for binding in self.inputs],
            writes=[tensors[binding.name] for binding in self.outputs],
            stream=stream,
            name=self.name,
        )

    def close(self) -> None:
        """Nothing is held."""


def _nothing() -> None:
    pass
