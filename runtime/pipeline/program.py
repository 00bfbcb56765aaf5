"""What is put on the device for one batch, and the events that order it.

    copy-in stream    frame ─────┐
    compute streams              └─> 2a ─> …  one per lane and branch
    copy-out stream                     └─> results

The host waits for a batch's results only. While one slot is computed, another is copied in and a third
is copied out.
"""

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np

from trt_anime.errors import EngineError
from trt_anime.runtime.devices.api import Device, Graph, Stream, Tensor
from trt_anime.runtime.pipeline.chain import FRAME, Node
from trt_anime.runtime.pipeline.plan import Plan
from trt_anime.runtime.pipeline.slots import Slot

Notify = Callable[[str], None]

_BYTES = np.dtype(np.uint8)
_Key = tuple[str, int, int, int]  # stage, slot, lane, rows


class Program:
    """Enqueues batches; one thread submits, another may collect."""

    def __init__(self, device: Device, plan: Plan, *, notify: Notify) -> None:
        """Raises MissingError: no memory for scratch."""
        self._device, self._plan, self._chain = device, plan, plan.chain
        self._copy_in = device.stream(name="copy in")
        self._copy_out = device.stream(name="copy out")
        # The arena belongs to the stream: stages on one stream never overlap, so they share it.
        self._lanes = [
            {
                branch: (device.stream(name=f"compute {lane}.{branch}"), self._arena(lane, branch))
                for branch in sorted(set(plan.branches.values()))
            }
            for lane in range(plan.lanes)
        ]
        self._turn = 0
        self._graphs = _Graphs(device, notify)

    def submit(self, slot: Slot, rows: int) -> None:
        """Put one batch on the device: the first `rows` frames of `slot.frame`, which the host has written.

        Returns at once. The slot must be new, or its last batch collected.

        Raises:
            EngineError: the device or a session refused.
        """
        lane = self._turn % len(self._lanes)
        self._turn += 1
        self._put_in(slot, rows)
        for node in self._chain.nodes:
            self._run(node, slot, rows, lane)
        self._put_out(slot, rows)

    def collect(self, slot: Slot) -> dict[str, float]:
        """Block until the slot's batch is on the host; seconds that each stage took on the device.

        Raises:
            EngineError: the device failed.
        """
        self._device.synchronize(slot.copied_out)
        for event in slot.ended.values():
            self._device.synchronize(event)
        return {
            number: self._device.elapsed_s(slot.began[number], slot.ended[number]) for number in slot.ended
        }

    def close(self) -> None:
        """Wait for all that was submitted, then free the graphs: sessions may be closed after this.

        Raises EngineError: the device has failed.
        """
        try:
            for stream in self._streams():
                end = self._device.event(name=f"end of {stream.name}")
                self._device.record(end, stream=stream)
                self._device.synchronize(end)
        finally:
            self._graphs.close()

    def _streams(self) -> list[Stream]:
        computing = [stream for lane in self._lanes for stream, _ in lane.values()]
        return [self._copy_in, *computing, self._copy_out]

    def _put_in(self, slot: Slot, rows: int) -> None:
        target = slot.values[FRAME].rows(rows)
        self._device.record(slot.copying_in, stream=self._copy_in)
        self._device.copy(target, slot.frame.rows(rows), stream=self._copy_in)
        self._device.record(slot.copied_in, stream=self._copy_in)

    def _run(self, node: Node, slot: Slot, rows: int, lane: int) -> None:
        stream, arena = self._lanes[lane][self._plan.branches[node.number]]
        self._device.wait(slot.copied_in, stream=stream)
        for number in sorted(node.needs()):
            self._device.wait(slot.ended[number], stream=stream)
        key = (node.number, slot.number, lane, rows)
        run = self._graphs.ready(node, _tensors(node, slot, rows), key=key, stream=stream, scratch=arena)
        self._device.record(slot.began[node.number], stream=stream)
        run()
        self._device.record(slot.ended[node.number], stream=stream)

    def _put_out(self, slot: Slot, rows: int) -> None:
        for node in self._chain.nodes:
            if node.stage.layers:
                self._device.wait(slot.ended[node.number], stream=self._copy_out)
            for layer in node.stage.layers:
                source = slot.values[f"{node.number}.{layer.binding}"]
                target = slot.results[layer.name]
                self._device.record(slot.copying[layer.name], stream=self._copy_out)
                self._device.copy(target.rows(rows), source.rows(rows), stream=self._copy_out)
                self._device.record(slot.copied[layer.name], stream=self._copy_out)
        self._device.record(slot.copied_out, stream=self._copy_out)

    def _arena(self, lane: int, branch: int) -> Tensor | None:
        size_bytes = self._plan.arena_bytes[branch]
        if not size_bytes:
            return None
        buffer = self._device.allocate(size_bytes, name=f"scratch {lane}.{branch}")
        return Tensor(buffer, (size_bytes,), _BYTES)


class _Graphs:
    """Runs a stage through a CUDA graph from its third time in a slot on.

    Once as it is, since engines set themselves up in their first run; once captured; then replayed.
    """

    def __init__(self, device: Device, notify: Notify) -> None:
        self._device, self._notify = device, notify
        self._warm: set[_Key] = set()
        self._captured: dict[_Key, Graph] = {}
        self._refused: set[str] = set()

    def ready(
        self,
        node: Node,
        tensors: Mapping[str, Tensor],
        *,
        key: _Key,
        stream: Stream,
        scratch: Tensor | None,
    ) -> Callable[[], None]:
        """What puts the stage on its stream, after everything that needs to be done once."""
        if key in self._warm and key not in self._captured and node.number not in self._refused:
            self._capture(node, key, tensors, stream, scratch)
        if graph := self._captured.get(key):
            return partial(graph.launch, stream=stream)
        self._warm.add(key)
        return partial(node.session.enqueue, tensors, stream=stream, scratch=scratch)

    def close(self) -> None:
        for graph in self._captured.values():
            graph.close()
        self._captured.clear()

    def _capture(
        self, node: Node, key: _Key, tensors: Mapping[str, Tensor], stream: Stream, scratch: Tensor | None
    ) -> None:
        reason = node.session.why_not_captured
        try:
            if reason is None:
                with self._device.capture(stream=stream) as captured:
                    node.session.enqueue(tensors, stream=stream, scratch=scratch)
                self._captured[key] = captured()
                return
        except EngineError as error:
            reason = str(error)
        self._refused.add(node.number)
        self._notify(f"stage {node.number} runs without a CUDA graph: {reason}")


def _tensors(node: Node, slot: Slot, rows: int) -> dict[str, Tensor]:
    """The stage's bindings in this slot: outputs are the next stage's inputs, in place."""
    read = {name: slot.values[source] for name, source in node.stage.inputs.items()}
    written = {
        binding.name: slot.values[f"{node.number}.{binding.name}"] for binding in node.session.outputs
    }
    return {name: tensor.rows(rows) for name, tensor in (read | written).items()}
