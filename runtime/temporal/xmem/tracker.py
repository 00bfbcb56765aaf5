"""XMem frame by frame: graphs run by sessions, memory on the device, decisions on the host.

The host sees numbers of cells and how much each was used, never a pixel or a value. All memory is taken at
the start; a clip may be as long as it likes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trt_anime.errors import InputError, MissingError
from trt_anime.runtime.closing import Closing
from trt_anime.runtime.devices.api import Device, Stream, Tensor
from trt_anime.runtime.sessions.api import Binding, Session
from trt_anime.runtime.temporal.xmem.bank import Bank, Condensed, Layout, Move
from trt_anime.runtime.temporal.xmem.options import MemoryOptions
from trt_anime.runtime.temporal.xmem.schedule import Moment, Schedule
from trt_anime.runtime.temporal.xmem.storage import Storage, span

STAGES = ("key", "value", "read", "decode", "merge")
CONSOLIDATE = "consolidate"  # the stage that graphs without a long-term memory lack
MOST_OBJECTS = 255  # as labels are bytes
_CALLERS = frozenset({"frame", "mask"})


@dataclass(frozen=True)
class Masks:
    """On the device, valid until the next step.

    Attributes:
        labels: uint8 [1,H,W], number of the object at each pixel, from 1; 0 is the background.
        matte: uint8 [objects,H,W], each object's probability, 0..255.
        probability: float32 [objects,1,h,w] at the network's size, with its margins.
    """

    labels: Tensor
    matte: Tensor
    probability: Tensor


class Tracker(Closing):
    """Follows objects through one clip after another.

    Objects are numbered from 1 in the order in which masks of them come. All work goes on one stream; a
    step waits until the one before it is done.

    Args:
        sessions: by stage name, `STAGES` and where there is one `CONSOLIDATE`; stay the caller's.
        objects: most objects of a clip, up to 255.
    """

    def __init__(
        self,
        sessions: Mapping[str, Session],
        device: Device,
        *,
        objects: int,
        stream: Stream,
        options: MemoryOptions | None = None,
    ) -> None:
        """Raises InputError: the sizes don't go together. MissingError: a graph or memory is lacking."""
        self._sessions, self._device, self._stream, self._most = sessions, device, stream, objects
        if not 1 <= objects <= MOST_OBJECTS:
            raise InputError(f"XMem: room for {objects} objects was asked for; take 1 to {MOST_OBJECTS}")
        self._options = options or MemoryOptions()
        self._layout = layout_of(sessions)
        self._bank, self._schedule = self._fresh()
        running = list(sessions.values())
        self._storage = storage = Storage(
            device, running, objects=objects, elsewhere=_CALLERS, stream=stream
        )
        shapes = {b.name: b.shape for s in running for b in s.inputs if b.name in _CALLERS}
        self._scratch = storage.scratch(running, {n: tuple(map(int, shape)) for n, shape in shapes.items()})
        self._pinned = {"usage": storage.pinned("usage"), "given": storage.pinned("given")}
        self._tables = {"valid": storage.pinned("valid", rows=objects)}  # a row for each group
        if CONSOLIDATE in sessions:
            self._pinned["order"] = storage.pinned("order")
            self._tables |= {n: storage.pinned(n, rows=objects) for n in ("candidates", "prototypes")}
        self._done = device.event(name="xmem step")
        self._unread: Tensor | None = None  # usage that is on its way, and that the bank doesn't know
        device.record(self._done, stream=stream)

    @property
    def bank(self) -> Bank:
        """What lies where; not to be changed."""
        return self._bank

    @property
    def tensors(self) -> Mapping[str, Tensor]:
        """All memory by the graphs' names, for saving and for tests."""
        return self._storage.tensors

    def start(self) -> None:
        """Forget everything: another shot begins."""
        self.wait()
        self._bank, self._schedule = self._fresh()

    def step(
        self, frame: Tensor, *, mask: Tensor | None = None, given: Sequence[int] = (), last: bool = False
    ) -> Masks:
        """Put the next frame on the stream.

        Args:
            frame: uint8 [1,H,W,3] RGB, on the device.
            mask: uint8 [1,H,W] on the device, an object's number per pixel, 0 for none. It overrides what
                would be predicted; an object in `given` that has no pixel in it isn't to be seen, and
                numbers that aren't in `given` count as 0.
            given: numbers of the objects that `mask` speaks of; new ones are followed from now on.
            last: the clip ends here, so that this frame need not be remembered.

        Raises:
            InputError: no object is known, too many are, or numbers are left out; nothing was done.
        """
        known = self._bank.objects
        total = max((known, *given))
        self._check(mask, given, total)
        self.wait()
        moment = self._schedule.next(
            mask=mask is not None,
            complete={*range(1, total + 1)} <= {*given},
            last=last,
        )
        self._run("key", 1, frame=frame)
        if moment.segment:
            self._segment(known, moment)
        if mask is not None:
            self._merge(mask, given, known, total)
        if moment.memorise:
            self._memorise(frame, total, moment)
        self._device.record(self._done, stream=self._stream)
        tensors = self._storage.tensors
        return Masks(tensors["labels"], tensors["matte"].rows(total), tensors["probability"].rows(total))

    def wait(self) -> None:
        """Until all that was put on the stream is done, and what it used is counted."""
        self._device.synchronize(self._done)
        if self._unread:
            with self._device.reading(self._unread) as usage:
                self._bank.note_usage(usage)
            self._unread = None

    def close(self) -> None:
        """Wait, then give the memory back."""
        self.wait()
        self._storage.close()

    def _check(self, mask: Tensor | None, given: Sequence[int], total: int) -> None:
        if (mask is None) != (not given):
            raise InputError("XMem: a mask and the numbers of its objects come together; give both or none")
        if not total:
            raise InputError("XMem: no object is known yet; give a mask with the first frame")
        if total > self._most:
            raise InputError(
                f"XMem: {total} objects are to be followed, but there is memory for {self._most}; raise"
                " that number, or follow fewer"
            )
        new = {*range(self._bank.objects + 1, total + 1)}
        if not new <= {*given} or min((1, *given)) < 1:
            raise InputError(
                f"XMem: objects {sorted(given)} came after {self._bank.objects}; number new ones on from"
                f" {self._bank.objects + 1} without a gap"
            )

    def _segment(self, known: int, moment: Moment) -> None:
        storage, reach = self._storage, self._bank.reach
        for number, group in enumerate(self._bank.groups):
            self._table("valid", number, self._bank.valid(group))
            bound = self._run("read", group.count, group.first, reach=reach)
            if number == 0 and CONSOLIDATE in self._sessions:  # its objects are in every cell in use
                self._unread = self._pinned["usage"].rows(bound["usage"].shape[0])
                storage.copy(self._unread, bound["usage"])
                self._bank.count_read()
        self._run("decode", known)
        storage.swap("probability")
        if moment.keep_sensory:
            storage.swap("sensory")

    def _merge(self, mask: Tensor, given: Sequence[int], known: int, total: int) -> None:
        storage = self._storage
        if total > known:
            storage.zeros(span(storage.tensors["sensory"], known, total - known))
        numbers = np.full(self._most, -1, np.float32)
        for number in given:
            numbers[number - 1] = number
        storage.upload(storage.tensors["given"], self._pinned["given"], numbers)
        self._run("merge", total, mask=mask)
        storage.swap("probability")

    def _memorise(self, frame: Tensor, total: int, moment: Moment) -> None:
        self._run("value", total, frame=frame)
        addition = self._bank.add(total)
        self._move(addition.moves)
        storage, cells = self._storage, self._layout.cells
        start = addition.slot * cells
        for name in ("key", "shrinkage"):
            storage.copy(span(storage.tensors[f"memory_{name}"], start, cells), storage.tensors[name])
        if CONSOLIDATE in self._sessions:
            kept = span(storage.tensors["work_selection"], start, cells)
            storage.copy(kept, storage.tensors["selection"])
        for number in range(total):
            rows = span(storage.tensors["memory_value"].row(number), start, cells)
            storage.copy(rows, storage.tensors["value"].row(number))
        if moment.deep:
            storage.swap("sensory")
        if self._bank.must_consolidate:
            self._consolidate()

    def _consolidate(self) -> None:
        self._device.record(self._done, stream=self._stream)
        self.wait()
        plan = self._bank.consolidate()
        storage = self._storage
        storage.upload(storage.tensors["order"], self._pinned["order"], plan.order)
        for number, group in enumerate(plan.groups):
            self._condense(number, group)
        self._move(plan.moves)

    def _condense(self, number: int, group: Condensed) -> None:
        self._table("candidates", number, group.candidates)
        self._table("prototypes", number, group.prototypes)
        self._run(CONSOLIDATE, group.count, group.first)
        storage, layout = self._storage, self._layout
        start, cells = layout.work_cells, layout.long_cells
        if number == 0:  # keys are the same for all
            for name in ("key", "shrinkage"):
                memory = storage.tensors[f"memory_{name}"]
                storage.copy(span(memory, start, cells), storage.tensors[f"long_{name}"])
        for row in range(group.first, group.first + group.count):
            old = span(storage.tensors["memory_value"].row(row), start, cells)
            storage.copy(old, storage.tensors["long_value"].row(row))

    def _move(self, moves: Sequence[Move]) -> None:
        cells = self._layout.cells
        for move in moves:
            for number in range(move.first, move.first + move.count):
                values = self._storage.tensors["memory_value"].row(number)
                source, target = (span(values, slot * cells, cells) for slot in (move.source, move.target))
                self._storage.copy(target, source)

    def _table(self, name: str, row: int, values: NDArray[Any]) -> None:
        self._storage.upload(self._storage.tensors[name], self._tables[name].row(row), values)

    def _run(
        self, stage: str, count: int, first: int = 0, *, reach: int = 0, **own: Tensor
    ) -> dict[str, Tensor]:
        session = self._sessions[stage]
        tensors = self._storage.bound(session, first, count, own, reach=reach)
        session.enqueue(tensors, stream=self._stream, scratch=self._scratch)
        return tensors

    def _fresh(self) -> tuple[Bank, Schedule]:
        return Bank(self._layout, self._options.keep_frames), Schedule(self._options)


def layout_of(sessions: Mapping[str, Session]) -> Layout:
    """The memory's sizes, as the graphs' shapes tell them. Raises MissingError: a stage has no session."""
    missing = [stage for stage in STAGES if stage not in sessions]
    if missing:
        raise MissingError(
            f"XMem: no graph or engine for {', '.join(missing)}; it needs {', '.join(STAGES)} of one export"
        )
    cells = _rows(sessions["key"].outputs, "key")
    long = prototypes = 0
    if CONSOLIDATE in sessions:
        inputs = sessions[CONSOLIDATE].inputs
        long, prototypes = _rows(inputs, "order"), _rows(inputs, "prototypes")
    [value] = [binding for binding in sessions["read"].inputs if binding.name == "memory_value"]
    work = int(value.shape[1]) - long
    if work % cells:
        raise InputError("XMem: its graphs are of different frame sizes or memories; export them together")
    return Layout(cells=cells, work_frames=work // cells, long_cells=long, prototypes=prototypes)


def _rows(bindings: Sequence[Binding], name: str) -> int:
    return int(next(binding.shape[0] for binding in bindings if binding.name == name))
