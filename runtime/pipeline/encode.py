"""Layers into files: the second half of the flow.

Each sink that wants its frames in order has a thread of its own; all others share a pool. A segment is
closed once all its pictures are written, and only then does anybody hear that it is finished.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from trt_anime.runtime.devices.api import Device
from trt_anime.runtime.media.frames import Pixels, Stamp
from trt_anime.runtime.media.sinks import Piece, Segment, Sink
from trt_anime.runtime.pipeline.batches import Batch, Picture, Tally
from trt_anime.runtime.pipeline.recorder import ENCODE, Recorder
from trt_anime.runtime.segments import Finished


@dataclass
class _Open:
    """A segment on its way."""

    number: int
    files: list[Segment] = field(default_factory=list)
    stamps: list[Stamp] = field(default_factory=list)
    computed: int = 0
    shots: list[int] = field(default_factory=list)
    writes: "deque[Future[None]]" = field(default_factory=deque)
    closes: "list[Future[list[Piece]]]" = field(default_factory=list)
    sealed: bool = False


class Encode:
    """Takes batches in clip order from one thread; `release` gets each slot back."""

    def __init__(
        self,
        device: Device,
        sinks: Sequence[Sink],
        *,
        threads: int,
        release: Callable[[Batch], None],
        finished: Callable[[Finished], None],
        advance: Callable[[int], None],
        tally: Tally,
        recorder: Recorder,
    ) -> None:
        """
        Args:
            threads: for the sinks that take frames in any order.
            finished: called in the thread that calls `take`, in clip order.
            advance: called with the number of frames just written.
        """
        self._device, self._sinks = device, sinks
        self._release, self._finished, self._advance, self._tally = release, finished, advance, tally
        self._recorder = recorder
        self._names = [", ".join(sink.layers) for sink in sinks]
        pool = ThreadPoolExecutor(threads, "encode")
        own = [ThreadPoolExecutor(1, "encode in order") if sink.in_order else pool for sink in sinks]
        self._lanes: list[Executor] = list(own)
        self._pools: set[Executor] = {pool, *own}
        self._open: deque[_Open] = deque()
        self._lock = threading.Lock()

    def take(self, batch: Batch) -> None:
        """Write a batch that has been collected; returns before that is done.

        Raises:
            OutputError: an earlier write failed.
        """
        segment = self._segment(batch.segment)
        views = ExitStack()
        layers = {name: views.enter_context(self._device.reading(t)) for name, t in _filled(batch).items()}
        left = _Countdown(batch.rows * len(self._sinks), partial(self._give_back, views, batch))
        for row, picture in enumerate(batch.pictures):
            self._note(segment, picture)
            pictures = {name: pixels[row] for name, pixels in layers.items()}
            written = _Countdown(len(self._sinks), partial(self._written, len(picture.stamps)))
            for lane, files, name in zip(self._lanes, segment.files, self._names, strict=True):
                job = partial(self._write, files, picture, pictures, name, written, left)
                segment.writes.append(lane.submit(job))
        self._finish_segments(patiently=False)

    def end(self) -> None:
        """Wait for every write, and close the last segment. Raises OutputError."""
        for segment in self._open:
            segment.sealed = True
        self._finish_segments(patiently=True)

    def shut(self) -> None:
        """End all threads. Segments that are still open are abandoned. Never raises."""
        for pool in self._pools:
            pool.shutdown(wait=True, cancel_futures=True)
        for segment in self._open:
            for files in segment.files:
                files.abandon()

    def _segment(self, number: int) -> _Open:
        if not self._open or self._open[-1].number != number:
            for segment in self._open:
                segment.sealed = True
            self._open.append(_Open(number))
            for sink in self._sinks:
                self._open[-1].files.append(sink.segment(number))
        return self._open[-1]

    def _note(self, segment: _Open, picture: Picture) -> None:
        segment.stamps += picture.stamps
        segment.computed += 1
        if picture.shot_start:
            segment.shots.append(picture.stamps[0].index)

    def _write(
        self,
        files: Segment,
        picture: Picture,
        layers: Mapping[str, Pixels],
        name: str,
        written: "_Countdown",
        left: "_Countdown",
    ) -> None:
        start = time.perf_counter()
        try:
            files.write(picture.stamps, layers, picture.deep)
        finally:
            self._recorder.did(ENCODE, start, frame=picture.stamps[0].index, layers=name)
            left()  # a failed write gives its slot back too: nobody may wait for it for ever
        with self._lock:
            self._tally.encode_s += time.perf_counter() - start
        written()

    def _written(self, frames: int) -> None:
        with self._lock:
            self._tally.frames += frames
            self._tally.computed += 1
            self._advance(frames)

    def _give_back(self, views: ExitStack, batch: Batch) -> None:
        views.close()
        self._recorder.released(batch)
        self._release(batch)

    def _finish_segments(self, *, patiently: bool) -> None:
        """Close what is written, report what is closed; the oldest segment first."""
        while self._open:
            segment = self._open[0]
            while segment.writes and (patiently or segment.writes[0].done()):
                segment.writes.popleft().result()
            if segment.writes or not segment.sealed:
                return
            if not segment.closes:
                jobs = zip(self._lanes, segment.files, strict=True)
                segment.closes = [lane.submit(files.close) for lane, files in jobs]
            if patiently:
                wait(segment.closes)
            if not all(close.done() for close in segment.closes):
                return
            self._finished(_summary(segment))
            self._open.popleft()


def _filled(batch: Batch) -> dict[str, Any]:
    return {name: tensor.rows(batch.rows) for name, tensor in batch.slot.results.items()}


def _summary(segment: _Open) -> Finished:
    return Finished(
        number=segment.number,
        stamps=tuple(segment.stamps),
        pieces=tuple(tuple(close.result()) for close in segment.closes),
        computed=segment.computed,
        shots=tuple(segment.shots),
    )


class _Countdown:
    """Calls `then` in the thread that makes the last of `count` calls."""

    def __init__(self, count: int, then: Callable[[], object]) -> None:
        self._left, self._then = count, then
        self._lock = threading.Lock()

    def __call__(self) -> None:
        with self._lock:
            self._left -= 1
            last = self._left == 0
        if last:
            self._then()
