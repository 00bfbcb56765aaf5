"""Graphs for the devices that have none of their own: work is collected, then submitted as a whole."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from trt_anime.errors import EngineError
from trt_anime.runtime.devices.api import Graph, Stream

Piece = Callable[[Stream], None]


@dataclass(eq=False)
class _Capture:
    stream: Stream
    thread: int = field(default_factory=threading.get_ident)
    pieces: list[Piece] = field(default_factory=list)
    broken: str | None = None

    def refuse(self, what: str) -> EngineError:
        self.broken = f"{what} while stream '{self.stream.name}' is captured: do that before or after"
        return EngineError(self.broken)


class Captures:
    """The captures under way on a device.

    The rules are those of CUDA's thread-local mode: what can't be captured fails in the thread that
    captures, and nobody else may use the stream meanwhile. Events can't be captured here.
    """

    def __init__(self) -> None:
        self._open: list[_Capture] = []

    def refuse(self, what: str, *, stream: Stream | None = None) -> None:
        """Raises EngineError: this thread captures, or `stream` is being captured."""
        for capture in self._open:
            if capture.thread == threading.get_ident() or capture.stream is stream:
                raise capture.refuse(what)

    def take(self, piece: Piece, name: str, *, stream: Stream) -> bool:
        """Collect `piece` if this thread captures `stream`; False: it should run.

        Raises:
            EngineError: this thread captures another stream, or another thread this one.
        """
        if not self._open:
            return False
        for capture in self._open:
            if capture.stream is stream and capture.thread == threading.get_ident():
                capture.pieces.append(piece)
                return True
        self.refuse(f"'{name}' can't be put on stream '{stream.name}'", stream=stream)
        return False

    @contextmanager
    def capture(self, stream: Stream) -> Iterator[Callable[[], Graph]]:
        """As `Device.capture`."""
        self.refuse(f"a capture of stream '{stream.name}' can't begin", stream=stream)
        capture = _Capture(stream)

        def graph() -> Graph:
            if capture in self._open:
                raise EngineError(f"stream '{stream.name}' is still captured: leave the block first")
            return CollectedGraph(self, capture.pieces)

        self._open.append(capture)
        try:
            yield graph
        finally:
            self._open.remove(capture)
        if capture.broken:
            raise EngineError(capture.broken)


class CollectedGraph:
    """Pieces of work in the order of their capture."""

    def __init__(self, captures: Captures, pieces: list[Piece]) -> None:
        self._captures = captures
        self._pieces: list[Piece] | None = pieces

    def launch(self, *, stream: Stream) -> None:
        self._captures.refuse("a graph can't be launched", stream=stream)
        if self._pieces is None:
            raise EngineError("a graph can't be launched once it is closed")
        for piece in self._pieces:
            piece(stream)

    def close(self) -> None:
        self._pieces = None
