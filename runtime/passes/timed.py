"""A device and its sessions that tell what every run and every copy took, by events on their own stream.

Who counts runs for `run.json` and who profiles them listen to the same one.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple, cast

from trt_anime.runtime.devices.api import Buffer, Device, Event, Graph, Stream, Tensor
from trt_anime.runtime.devices.host_clock import clock_of
from trt_anime.runtime.sessions.api import Session

RUN, COPY_IN, COPY_OUT = "run", "copy in", "copy out"
_COPIES = {("pinned", "device"): COPY_IN, ("device", "pinned"): COPY_OUT}


class Work(NamedTuple):
    """One run or copy that has ended.

    Attributes:
        what: ``run``, ``copy in`` or ``copy out``.
        graph: that ran; empty for a copy.
        first: of this graph since it was opened: libraries set themselves up in it.
        batch: pictures, characters or texts of a run: the length of its inputs.
        size_bytes: that were copied.
        start_s, end_s: of `perf_counter`.
    """

    what: str
    graph: str
    first: bool
    batch: int
    size_bytes: int
    start_s: float
    end_s: float


class _Pending(NamedTuple):
    what: str
    graph: str
    first: bool
    batch: int
    size_bytes: int
    began: Event
    ended: Event


class _Captured(NamedTuple):
    graph: str
    batch: int


class Timed:
    """A device and sessions of one model, for one thread at a time. They stay their owners'.

    What has ended is told whenever the host has waited for something, as every user of a session does
    before it reads results; the rest is told by `settle`.

    Args:
        sessions: by graph.
        copies: whether copies are timed as well as runs.

    Attributes:
        device, sessions: to be used in place of those that were given.
        listeners: are told what has ended.
        allocated: bytes by place.
    """

    def __init__(self, device: Device, sessions: Mapping[str, Session], *, copies: bool) -> None:
        self.listeners: list[Callable[[Work], None]] = []
        self.times_copies = copies
        self._device = device
        self._zero, self._zero_s = clock_of(device)
        self._free: list[tuple[Event, Event]] = []
        self._pending: defaultdict[int, deque[_Pending]] = defaultdict(deque)
        self._captured: list[_Captured] | None = None
        self._seen: set[str] = set()
        self.allocated = {"device": 0, "pinned": 0}
        self.device = cast(Device, _TimedDevice(device, self))
        self.sessions = {
            graph: cast(Session, _TimedSession(graph, session, self)) for graph, session in sessions.items()
        }

    def work(
        self, what: str, put: Callable[[], None], stream: Stream, *, graph: str, batch: int, size_bytes: int
    ) -> None:
        """Put work on a stream between two events."""
        if self._captured is not None:
            if what == RUN:
                self._captured.append(_Captured(graph, batch))
            put()
            return
        began, ended = self._free.pop() if self._free else self._events()
        self._device.record(began, stream=stream)
        put()
        self._device.record(ended, stream=stream)
        first = what == RUN and graph not in self._seen
        self._seen.add(graph)
        pending = _Pending(what, graph, first, batch, size_bytes, began, ended)
        self._pending[id(stream)].append(pending)

    def tell_done(self) -> None:
        """Tell what has ended, on whichever stream."""
        for waiting in self._pending.values():
            while waiting and self._device.is_done(waiting[0].ended):
                self._tell(waiting.popleft())

    def settle(self) -> None:
        """Wait for all that nobody has waited for, and tell it. Raises EngineError: the device failed."""
        for waiting in self._pending.values():
            if waiting:
                self._device.synchronize(waiting[-1].ended)
        self.tell_done()

    @contextmanager
    def capture(self, stream: Stream) -> Iterator[Callable[[], Graph]]:
        """As `Device.capture`. Events can't be within: a captured graph is timed as a whole."""
        captured: list[_Captured] = []
        self._captured = captured
        try:
            with self._device.capture(stream=stream) as graph:
                yield lambda: cast(Graph, _TimedGraph(graph(), captured, self))
        finally:
            self._captured = None

    def _tell(self, one: _Pending) -> None:
        start_s = self._zero_s + self._device.elapsed_s(self._zero, one.began)
        # CUDA tells float32: hours after the zero, ends by themselves would be a millisecond off.
        end_s = start_s + self._device.elapsed_s(one.began, one.ended)
        work = Work(one.what, one.graph, one.first, one.batch, one.size_bytes, start_s, end_s)
        for listen in self.listeners:
            listen(work)
        self._free.append((one.began, one.ended))

    def _events(self) -> tuple[Event, Event]:
        began, ended = (self._device.event(name=name, timing=True) for name in ("run began", "run ended"))
        return began, ended


class _TimedDevice:
    """What isn't here is the device's own."""

    def __init__(self, device: Device, timed: Timed) -> None:
        self._device, self._timed = device, timed

    def __getattr__(self, name: str) -> Any:
        return getattr(self._device, name)

    def allocate(self, size_bytes: int, *, name: str) -> Buffer:
        buffer = self._device.allocate(size_bytes, name=name)
        self._timed.allocated["device"] += size_bytes
        return buffer

    def allocate_pinned(self, size_bytes: int, *, name: str) -> Buffer:
        buffer = self._device.allocate_pinned(size_bytes, name=name)
        self._timed.allocated["pinned"] += size_bytes
        return buffer

    def copy(self, target: Tensor, source: Tensor, *, stream: Stream) -> None:
        what = _COPIES.get((source.buffer.place, target.buffer.place))
        if what is None or not self._timed.times_copies:
            self._device.copy(target, source, stream=stream)
            return

        def put() -> None:
            self._device.copy(target, source, stream=stream)

        self._timed.work(what, put, stream, graph="", batch=1, size_bytes=target.size_bytes)

    def synchronize(self, event: Event) -> None:
        self._device.synchronize(event)
        self._timed.tell_done()

    def capture(self, *, stream: Stream) -> Any:
        return self._timed.capture(stream)


class _TimedSession:
    """What isn't here is the session's own."""

    def __init__(self, graph: str, session: Session, timed: Timed) -> None:
        self._graph, self._session, self._timed = graph, session, timed

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def enqueue(self, tensors: Mapping[str, Tensor], *, stream: Stream, scratch: Tensor | None) -> None:
        def put() -> None:
            self._session.enqueue(tensors, stream=stream, scratch=scratch)

        self._timed.work(
            RUN, put, stream, graph=self._graph, batch=_batch(self._session, tensors), size_bytes=0
        )


class _TimedGraph:
    def __init__(self, graph: Graph, captured: list[_Captured], timed: Timed) -> None:
        self._graph, self._timed = graph, timed
        self._of = captured[0] if captured else _Captured("", 1)

    def launch(self, *, stream: Stream) -> None:
        def put() -> None:
            self._graph.launch(stream=stream)

        of = self._of
        self._timed.work(RUN, put, stream, graph=of.graph, batch=of.batch, size_bytes=0)

    def close(self) -> None:
        self._graph.close()


def _batch(session: Session, tensors: Mapping[str, Tensor]) -> int:
    """The length of the first input that may be of any, a capacity aside; 1 where all are fixed to one."""
    for binding in session.inputs:
        size = binding.shape[0] if binding.shape else 0
        if isinstance(size, str) and size not in session.info.capacity:
            return tensors[binding.name].shape[0]
    lengths = [binding.shape[0] for binding in session.inputs if binding.name == "frame"]
    return int(lengths[0]) if lengths else 1
