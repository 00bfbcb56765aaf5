"""The recorder that `trt-anime profile` hands to the pipeline."""

import threading
import time
from contextlib import ExitStack

from trt_anime.runtime.closing import Closing
from trt_anime.runtime.devices.api import Device, Event
from trt_anime.runtime.devices.host_clock import clock_of
from trt_anime.runtime.pipeline.batches import Batch
from trt_anime.runtime.pipeline.chain import FRAME, Node
from trt_anime.runtime.pipeline.plan import Plan
from trt_anime.runtime.profiling.looking import Looking
from trt_anime.runtime.profiling.process_memory import Memory
from trt_anime.runtime.profiling.spans import (
    COPY_IN,
    COPY_OUT,
    SLOT,
    STAGE,
    Recording,
    Span,
    StageFacts,
    Written,
)


class RunRecorder(Closing):
    """Keeps every piece of work of one run in `recording`; see `pipeline.recorder.Recorder`.

    Host work is timed where it is done, device work by the events that order it anyway, brought to the
    host's clock through one more event at the beginning. A `with` block ends its thread.

    Args:
        looks: whether it looks at the process meanwhile; not where somebody else does.
    """

    def __init__(self, *, looks: bool = True) -> None:
        self.recording = Recording()
        self._acquired_s: dict[int, float] = {}
        self._batches = 0
        self._looks = looks
        self._open = ExitStack()

    def begin(self, device: Device, plan: Plan) -> None:
        self._device, self._plan = device, plan
        found = self.recording
        found.device, found.title = device.name, device.title
        found.depth, found.lanes, found.batch = plan.depth, plan.lanes, plan.chain.batch
        found.stages = tuple(_facts(node) for node in plan.chain.nodes)
        found.plan = plan.items
        values = plan.chain.values
        found.copy_bytes = {
            COPY_IN: values[FRAME].size_bytes,
            COPY_OUT: sum(values[name].size_bytes for name in plan.chain.results.values()),
        }
        self._zero, self._zero_s = clock_of(device)
        if self._looks:
            memory = self._open.enter_context(Memory(found.samples))
            self._open.enter_context(Looking(memory.look))

    def did(self, what: str, start_s: float, *, frame: int, layers: str = "") -> None:
        end_s = time.perf_counter()
        track = threading.current_thread().name
        self.recording.spans.append(Span(what, track, start_s, end_s, frame, layers))

    def acquired(self, batch: Batch, frame: int) -> None:
        self._acquired_s[batch.slot.number] = time.perf_counter()

    def collected(self, batch: Batch) -> None:
        slot, frame = batch.slot, batch.pictures[0].stamps[0].index
        # Batches take lanes in turn, and are collected in the order in which they were submitted.
        lane = self._batches % self._plan.lanes
        self._batches += 1
        self._on_device(COPY_IN, COPY_IN, slot.copying_in, slot.copied_in, frame)
        for number, branch in self._plan.branches.items():
            track = f"compute {lane}.{branch}"
            self._on_device(STAGE + number, track, slot.began[number], slot.ended[number], frame)
        for layer in slot.copied:
            self._on_device(COPY_OUT, COPY_OUT, slot.copying[layer], slot.copied[layer], frame, layer)

    def released(self, batch: Batch) -> None:
        now = time.perf_counter()
        slot, stamps = batch.slot.number, [stamp for picture in batch.pictures for stamp in picture.stamps]
        start = self._acquired_s.get(slot, now)
        self.recording.spans.append(Span(SLOT, f"slot {slot}", start, now, stamps[0].index))
        self.recording.written.append(Written(now, stamps[0].index, len(stamps), batch.rows))

    def close(self) -> None:
        """End the thread; again is harmless."""
        self._open.close()

    def _on_device(
        self, what: str, track: str, began: Event, ended: Event, frame: int, layers: str = ""
    ) -> None:
        start_s = self._zero_s + self._device.elapsed_s(self._zero, began)
        # CUDA tells float32: hours after the zero, ends by themselves would be a millisecond off.
        end_s = start_s + self._device.elapsed_s(began, ended)
        self.recording.spans.append(Span(what, track, start_s, end_s, frame, layers))


def _facts(node: Node) -> StageFacts:
    origin = node.session.origin
    return StageFacts(
        number=node.number,
        model=node.session.info.model,
        provider=origin.provider,
        library=origin.library,
        precision=origin.precision,
        file=origin.file.name if origin.file else "",
        sha256=origin.sha256,
        parallel=node.session.parallel,
        threads_per_run=node.session.threads_per_run,
        needs=tuple(sorted(node.needs())),
        layers=tuple(layer.name for layer in node.stage.layers),
    )
