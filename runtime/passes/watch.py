"""What a run over several stages tells whoever measures it. Without a measurement, it tells nobody."""

from __future__ import annotations

from typing import Protocol

from trt_anime.runtime.passes.timed import Timed
from trt_anime.runtime.pipeline.recorder import Recorder


class Watch(Protocol):
    """Hears of every network. When passes begin and end is told by the run's `Track` already."""

    @property
    def recorder(self) -> Recorder:
        """Of stage 2a's pipeline, which is about to run."""
        ...

    def opened(self, stage: str, model: str, timed: Timed, start_s: float) -> None:
        """These sessions have been opened, from `start_s` (`perf_counter`) until now."""
        ...
