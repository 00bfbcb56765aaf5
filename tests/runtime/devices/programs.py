"""Random programs over streams, events and buffers, and an oracle that knows which of them are in order."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from trt_anime.runtime.devices.api import Tensor
from trt_anime.runtime.devices.hazards import HazardError
from trt_anime.runtime.devices.host import HostDevice

STREAMS, EVENTS, BUFFERS, SIZE = 3, 3, 2, 6
Bytes = NDArray[np.uint8]


@dataclass(frozen=True)
class Part:
    """Bytes `start` to `end` (exclusive) of a buffer."""

    buffer: int
    start: int
    end: int

    def bytes(self) -> set[tuple[int, int]]:
        return {(self.buffer, place) for place in range(self.start, self.end)}


@dataclass(frozen=True)
class Run:
    stream: int
    reads: tuple[Part, ...]
    writes: tuple[Part, ...]


@dataclass(frozen=True)
class Copy:
    stream: int
    source: Part
    target: Part


@dataclass(frozen=True)
class Record:
    event: int
    stream: int


@dataclass(frozen=True)
class Wait:
    event: int
    stream: int


@dataclass(frozen=True)
class Synchronize:
    event: int


@dataclass(frozen=True)
class Open:
    """The host begins to look; it goes on until `End`."""

    part: Part
    writes: bool


@dataclass(frozen=True)
class End:
    """The block that was opened last ends."""


Statement = Run | Copy | Record | Wait | Synchronize | Open | End


def _parts() -> st.SearchStrategy[Part]:
    return st.builds(
        lambda buffer, ends: Part(buffer, min(ends), max(ends)),
        st.integers(0, BUFFERS - 1),
        st.sampled_from([(0, SIZE), (0, 3), (3, SIZE), (2, 4), (1, 5), (0, 1)]),
    )


def _copies() -> st.SearchStrategy[Copy]:
    sizes = st.sampled_from([1, 3, SIZE])
    starts = st.integers(0, 3)

    def build(stream: int, size: int, source: int, target: int, first: int, second: int) -> Copy:
        first, second = min(first, SIZE - size), min(second, SIZE - size)
        return Copy(stream, Part(source, first, first + size), Part(target, second, second + size))

    buffers = st.integers(0, BUFFERS - 1)
    return st.builds(build, st.integers(0, STREAMS - 1), sizes, buffers, buffers, starts, starts)


def programs() -> st.SearchStrategy[list[Statement]]:
    streams, events = st.integers(0, STREAMS - 1), st.integers(0, EVENTS - 1)
    few = st.lists(_parts(), max_size=2).map(tuple)
    statement: st.SearchStrategy[Statement] = st.one_of(
        st.builds(Run, streams, few, few),
        _copies(),
        st.builds(Record, events, streams),
        st.builds(Wait, events, streams),
        st.builds(Synchronize, events),
        st.builds(Open, _parts(), st.booleans()),
        st.just(End()),
    )
    filled: list[Statement] = []
    for buffer in range(BUFFERS):
        filled += [Open(Part(buffer, 0, SIZE), True), End()]
    return st.builds(
        lambda begun, body: (filled if begun else []) + body,
        st.booleans(),
        st.lists(statement, min_size=8, max_size=40),
    )


@dataclass
class _Access:
    part: Part
    writes: bool
    end: int | None  # the node at which it has ended; None while it goes on


@dataclass
class Oracle:
    """Happens-before as a graph that is searched anew for each question.

    Each statement is a node of the host's line, and work is another, on its stream's line.
    """

    before: list[set[int]] = field(default_factory=lambda: [set()])
    host: int = 0
    streams: dict[int, int] = field(default_factory=dict)
    events: dict[int, int] = field(default_factory=dict)
    accesses: list[_Access] = field(default_factory=list)
    blocks: list[_Access] = field(default_factory=list)
    written: set[tuple[int, int]] = field(default_factory=set)

    def allows(self, statement: Statement) -> bool:
        """Whether the order of `statement` is guaranteed; if not, it is left out."""
        match statement:
            case Run(stream, reads, writes):
                return self._work(stream, reads, writes)
            case Copy(stream, source, target):
                return self._work(stream, (source,), (target,))
            case Record(event, stream):
                self.streams[stream] = self.events[event] = self._node(self.host, self.streams.get(stream))
            case Wait(event, stream):
                if event not in self.events:
                    return False
                self.streams[stream] = self._node(self.streams.get(stream), self.events[event])
            case Synchronize(event):
                if event not in self.events:
                    return False
                self.host = self._node(self.host, self.events[event])
            case Open(part, writes):
                return self._open(part, writes)
            case End() if self.blocks:
                self.host = self._node(self.host)
                block = self.blocks.pop()
                block.end = self.host
                self._fill(block)
        return True

    def _work(self, stream: int, reads: tuple[Part, ...], writes: tuple[Part, ...]) -> bool:
        self.host = self._node(self.host)
        node = self._node(self.host, self.streams.get(stream))
        new = [_Access(part, False, node) for part in reads]
        new += [_Access(part, True, node) for part in writes]
        if not all(self._in_order(access, node) for access in new):
            return False
        self.streams[stream] = node
        self.accesses += new
        for access in new:
            self._fill(access)
        return True

    def _open(self, part: Part, writes: bool) -> bool:
        self.host = self._node(self.host)
        access = _Access(part, writes, None)
        if not self._in_order(access, self.host):
            return False
        self.accesses.append(access)
        self.blocks.append(access)
        return True

    def _in_order(self, new: _Access, node: int) -> bool:
        if not new.writes and not new.part.bytes() <= self.written:
            return False
        return all(
            old.end is not None and self._reaches(old.end, node)
            for old in self.accesses
            if (old.writes or new.writes) and old.part.bytes() & new.part.bytes()
        )

    def _fill(self, access: _Access) -> None:
        if access.writes:
            self.written |= access.part.bytes()

    def _node(self, *before: int | None) -> int:
        self.before.append({node for node in before if node is not None})
        return len(self.before) - 1

    def _reaches(self, first: int, last: int) -> bool:
        todo, known = [last], set[int]()
        while todo:
            node = todo.pop()
            if node == first:
                return True
            if node not in known:
                known.add(node)
                todo += self.before[node]
        return False


class Machine:
    """Runs statements on a device, and at once on arrays of its own, in the order of submission."""

    def __init__(self, device: HostDevice) -> None:
        self.device = device
        self.streams = [device.stream(name=f"stream {n}") for n in range(STREAMS)]
        self.events = [device.event(name=f"event {n}") for n in range(EVENTS)]
        self.buffers = [device.allocate_pinned(SIZE, name=f"buffer {n}") for n in range(BUFFERS)]
        self.expected: list[Bytes] = [np.zeros(SIZE, np.uint8) for _ in range(BUFFERS)]
        self.blocks: list[tuple[Open, AbstractContextManager[NDArray[Any]], NDArray[Any]]] = []
        self.count = 0

    def tensor(self, part: Part) -> Tensor:
        return Tensor(self.buffers[part.buffer], (part.end - part.start,), np.dtype(np.uint8), part.start)

    def accepts(self, statement: Statement) -> bool:
        """Whether the device takes it; if not, nothing has happened."""
        self.count += 1
        try:
            self._do(statement)
        except HazardError:
            return False
        return True

    def result(self) -> list[Bytes]:
        """All buffers, once all work has ended."""
        while self.blocks:
            self._end()
        for stream in self.streams:
            event = self.device.event(name="end")
            self.device.record(event, stream=stream)
            self.device.synchronize(event)
        return [self.device.view(self.tensor(Part(n, 0, SIZE))).copy() for n in range(BUFFERS)]

    def _do(self, statement: Statement) -> None:
        match statement:
            case Run(stream, reads, writes):
                self._run(stream, reads, writes)
            case Copy(stream, source, target):
                self.device.copy(self.tensor(target), self.tensor(source), stream=self.streams[stream])
                self._here(target)[:] = self._here(source).copy()
            case Record(event, stream):
                self.device.record(self.events[event], stream=self.streams[stream])
            case Wait(event, stream):
                self.device.wait(self.events[event], stream=self.streams[stream])
            case Synchronize(event):
                self.device.synchronize(self.events[event])
            case Open(part, writes):
                open_ = self.device.writing if writes else self.device.reading
                block = open_(self.tensor(part))
                self.blocks.append((statement, block, block.__enter__()))
            case End() if self.blocks:
                self._end()

    def _run(self, stream: int, reads: tuple[Part, ...], writes: tuple[Part, ...]) -> None:
        number = self.count

        def work(array: Callable[[Part], Bytes]) -> None:
            told = sum(int(value) for value in chain(*(array(part) for part in reads)))
            for place, part in enumerate(writes):
                array(part)[:] = (told * 31 + number * 7 + place) % 256

        self.device.run(
            lambda: work(lambda part: self.device.view(self.tensor(part))),
            reads=[self.tensor(part) for part in reads],
            writes=[self.tensor(part) for part in writes],
            stream=self.streams[stream],
            name=f"run {number}",
        )
        work(self._here)

    def _end(self) -> None:
        statement, block, array = self.blocks.pop()
        if statement.writes:
            array[:] = self.count % 256
            self._here(statement.part)[:] = self.count % 256
        else:
            assert array.tolist() == self._here(statement.part).tolist()
        block.__exit__(None, None, None)

    def _here(self, part: Part) -> Bytes:
        return self.expected[part.buffer][part.start : part.end]
