"""What a flow tells whoever measures it. Without a measurement, it tells nobody."""

from __future__ import annotations

from typing import Protocol

from trt_anime.runtime.devices.api import Device
from trt_anime.runtime.pipeline.batches import Batch
from trt_anime.runtime.pipeline.plan import Plan

# What threads of the host do, for `Recorder.did`.
DECODE = "decode"
LOOK_AHEAD = "look ahead"
WAIT_SLOT = "wait for a slot"
FILL = "fill"
SUBMIT = "submit"
WAIT_RESULTS = "wait for results"
ENCODE = "encode"


class Recorder(Protocol):
    """Hears of work when it has ended, from the thread that did it. Must be quick, and must not raise."""

    def begin(self, device: Device, plan: Plan) -> None:
        """The run begins; nothing was submitted yet."""
        ...

    def did(self, what: str, start_s: float, *, frame: int, layers: str = "") -> None:
        """The calling thread did `what` from `start_s` (`perf_counter`) until now.

        Args:
            what: one of this module's constants.
            frame: index in the clip; -1 where there was none.
            layers: what was encoded.
        """
        ...

    def acquired(self, batch: Batch, frame: int) -> None:
        """The batch has its slot, and begins with this frame."""
        ...

    def collected(self, batch: Batch) -> None:
        """All events of the batch's slot are reached, and none is recorded again until `released`."""
        ...

    def released(self, batch: Batch) -> None:
        """The batch is written; its slot is free in a moment."""
        ...


class Silent:
    """Measures nothing."""

    def begin(self, device: Device, plan: Plan) -> None:
        pass

    def did(self, what: str, start_s: float, *, frame: int, layers: str = "") -> None:
        pass

    def acquired(self, batch: Batch, frame: int) -> None:
        pass

    def collected(self, batch: Batch) -> None:
        pass

    def released(self, batch: Batch) -> None:
        pass
