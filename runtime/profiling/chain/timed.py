"""A device and its sessions that tell what every run and every copy took, by events on their own stream."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple, cast

from trt_anime.runtime.devices.api import Buffer, Device, Event, Graph, Stream, Tensor
from trt_anime.runtime.profiling.run_recorder import clock_of
from trt_anime.runtime.profiling.spans import COPY_IN, COPY_OUT
from trt_anime.runtime.sessions.api import Session

RUN = "run"
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
    number: int
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


class Watched:
    """A device and sessions of one model, for one thread at a time.

    What was put on a stream is told once the host has waited for it, as every user of a session does before
    it reads results.

    Args:
        sessions: by graph.
        tell: takes what has ended.
    """

    def __init__(
        self, device: Device, sessions: Mapping[str, Session], tell: Callable[[Work], None]
    ) -> None:
        self._device, self._tell = device, tell
        self._zero, self._zero_s = clock_of(device)
        self._free: list[tuple[Event, Event]] = []
        self._pending: dict[int, list[_Pending]] = {}
        self._marks: dict[int, tuple[int, int]] = {}
        self._count = 0
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
        self._count += 1
        first = what == RUN and graph not in self._seen
        self._seen.add(graph)
        pending = _Pending(self._count, what, graph, first, batch, size_bytes, began, ended)
        self._pending.setdefault(id(stream), []).append(pending)

    def marked(self, event: Event, stream: Stream) -> None:
        """An event was recorded behind all work of the stream so far."""
        self._marks[id(event)] = id(stream), self._count

    def reached(self, event: Event) -> None:
        """The host has waited for an event: what came before it on its stream has ended."""
        stream, count = self._marks.get(id(event), (0, 0))
        waiting = self._pending.get(stream, [])
        done = [one for one in waiting if one.number <= count]
        del waiting[: len(done)]
        for one in done:
            start_s = self._zero_s + self._device.elapsed_s(self._zero, one.began)
            end_s = self._zero_s + self._device.elapsed_s(self._zero, one.ended)
            self._tell(Work(one.what, one.graph, one.first, one.batch, one.size_bytes, start_s, end_s))
            self._free.append((one.began, one.ended))

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

    def _events(self) -> tuple[Event, Event]:
        began, ended = (self._device.event(name=name, timing=True) for name in ("run began", "run ended"))
        return began, ended


class _TimedDevice:
    """What isn't here is the device's own."""

    def __init__(self, device: Device, watched: Watched) -> None:
        self._device, self._watched = device, watched

    def __getattr__(self, name: str) -> Any:
        return getattr(self._device, name)

    def allocate(self, size_bytes: int, *, name: str) -> Buffer:
        buffer = self._device.allocate(size_bytes, name=name)
        self._watched.allocated["device"] += size_bytes
        return buffer

    def allocate_pinned(self, size_bytes: int, *, name: str) -> Buffer:
        buffer = self._device.allocate_pinned(size_bytes, name=name)
        self._watched.allocated["pinned"] += size_bytes
        return buffer

    def copy(self, target: Tensor, source: Tensor, *, stream: Stream) -> None:
        what = _COPIES.get((source.buffer.place, target.buffer.place))
        if what is None:
            self._device.copy(target, source, stream=stream)
            return

        def put() -> None:
            self._device.copy(target, source, stream=stream)

        self._watched.work(what, put, stream, graph="", batch=1, size_bytes=target.size_bytes)

    def record(self, event: Event, *, stream: Stream) -> None:
        self._device.record(event, stream=stream)
        self._watched.marked(event, stream)

    def synchronize(self, event: Event) -> None:
        self._device.synchronize(event)
        self._watched.reached(event)

    def capture(self, *, stream: Stream) -> Any:
        return self._watched.capture(stream)


class _TimedSession:
    """What isn't here is the session's own."""

    def __init__(self, graph: str, session: Session, watched: Watched) -> None:
        self._graph, self._session, self._watched = graph, session, watched

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def enqueue(self, tensors: Mapping[str, Tensor], *, stream: Stream, scratch: Tensor | None) -> None:
        def put() -> None:
            self._session.enqueue(tensors, stream=stream, scratch=scratch)

        self._watched.work(
            RUN, put, stream, graph=self._graph, batch=_batch(self._session, tensors), size_bytes=0
        )


class _TimedGraph:
    def __init__(self, graph: Graph, captured: list[_Captured], watched: Watched) -> None:
        self._graph, self._watched = graph, watched
        self._of = captured[0] if captured else _Captured("", 1)

    def launch(self, *, stream: Stream) -> None:
        def put() -> None:
            self._graph.launch(stream=stream)

        of = self._of
        self._watched.work(RUN, put, stream, graph=of.graph, batch=of.batch, size_bytes=0)

    def close(self) -> None:
        self._graph.close()


def _batch(session: Session, tensors: Mapping[str, Tensor]) -> int:
    """The length of the first input that may be of any; 1 where all are fixed to one."""
    for binding in session.inputs:
        if binding.shape and not isinstance(binding.shape[0], int):
            return tensors[binding.name].shape[0]
    lengths = [binding.shape[0] for binding in session.inputs if binding.name == "frame"]
    return int(lengths[0]) if lengths else 1
