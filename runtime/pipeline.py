"""Decode, inference and encode at once: three kinds of threads joined by a bounded line.

    decode thread ──frames──> inference workers ──> line of futures, in order ──> encode thread

The line has few places. A full line stops the decoder, so memory does not grow with the clip. It is
in clip order, so an error in decoding or inference comes out after every frame before it was written.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from trt_anime.runtime.media.frames import Frame, Pixels

T = TypeVar("T")

Infer = Callable[[Pixels], Pixels]
Write = Callable[[Frame, Pixels], None]
Advance = Callable[[int], None]
Finish = Callable[[bool], None]

_POLL_S = 0.2  # waits without a time limit can't be interrupted on every system


@dataclass
class Tally:
    """What a run has done so far; seconds are busy time, summed over a stage's threads."""

    frames: int = 0
    decode_s: float = 0.0
    infer_s: float = 0.0
    encode_s: float = 0.0


@dataclass(frozen=True)
class _Batch:
    frames: list[Frame]
    result: "Future[tuple[Pixels, float]]"


class _Stopped(Exception):  # noqa: N818 - it is not an error
    pass


class _Line(Generic[T]):
    """A bounded first-in first-out line between two threads, which any thread can break."""

    def __init__(self, places: int) -> None:
        self._places, self._items = places, deque[T]()
        self._changed = threading.Condition()
        self._broken = False

    def put(self, item: T) -> None:
        """Raises _Stopped."""
        with self._changed:
            self._changed.wait_for(lambda: self._broken or len(self._items) < self._places)
            if self._broken:
                raise _Stopped
            self._items.append(item)
            self._changed.notify_all()

    def get(self) -> T:
        """Raises _Stopped."""
        with self._changed:
            self._changed.wait_for(lambda: self._broken or self._items)
            if self._broken:
                raise _Stopped
            self._changed.notify_all()
            return self._items.popleft()

    def stop(self) -> None:
        with self._changed:
            self._broken = True
            self._items.clear()
            self._changed.notify_all()


def run_pipeline(
    frames: Iterable[Frame],
    infer: Infer,
    write: Write,
    *,
    workers: int,
    batch_size: int = 1,
    tally: Tally,
    advance: Advance = lambda count: None,
    finish: Finish = lambda complete: None,
) -> None:
    """Carry every frame through `infer` to `write`, in order, overlapping all three.

    Args:
        frames: iterated in one thread of its own.
        infer: uint8 [batch, height, width, 3] to uint8 [batch, height, width, 4]; called from
            `workers` threads at once.
        write: called in one thread of its own, in clip order.
        tally: kept up to date while running.
        advance: called in the writing thread with the number of frames just written.
        finish: called in the writing thread at the end of every run, with whether all frames were
            written. Ctrl-C doesn't reach that thread, so a file is always finished.

    Raises:
        The first error of any of the three, after all threads have ended. Frames before an error in
        `frames` or `infer` have been written. KeyboardInterrupt likewise, as soon as the frame in
        hand is written.
    """
    _Pipeline(frames, infer, write, workers, batch_size, tally, advance, finish).run()


class _Pipeline:
    def __init__(
        self,
        frames: Iterable[Frame],
        infer: Infer,
        write: Write,
        workers: int,
        batch_size: int,
        tally: Tally,
        advance: Advance,
        finish: Finish,
    ) -> None:
        self._frames, self._infer, self._write = frames, infer, write
        self._batch_size, self._tally, self._advance = batch_size, tally, advance
        self._finish = finish
        # One batch in each worker, one decoded ahead and one waiting for the encoder.
        self._line = _Line[_Batch | BaseException | None](workers + 2)
        self._pool = ThreadPoolExecutor(workers, "infer")
        self._failure: BaseException | None = None
        self._ended = threading.Event()

    def run(self) -> None:
        # Only the main thread gets Ctrl-C, and a join that it interrupts (CPython 3.11) takes a running
        # thread for a dead one. So another thread does all the joining, and this one waits for an event.
        thread = threading.Thread(target=self._encode_and_end, name="encode")
        thread.start()
        try:
            self._wait()
        except KeyboardInterrupt:
            self._line.stop()
            self._wait_patiently()
            raise
        thread.join()
        if self._failure is not None:
            raise self._failure

    def _wait(self) -> None:
        while not self._ended.wait(_POLL_S):
            pass

    def _wait_patiently(self) -> None:
        """Leaving on a second Ctrl-C would cut a file short."""
        while not self._ended.is_set():
            try:
                self._wait()
            except KeyboardInterrupt:
                continue

    def _encode_and_end(self) -> None:
        """Runs in its thread, and is the last of all threads to end."""
        decode = threading.Thread(target=self._decode, name="decode")
        complete = False
        try:
            decode.start()
            self._encode()
            complete = True
        except (_Stopped, CancelledError):
            pass
        except BaseException as error:
            self._failure = error
        finally:
            self._line.stop()
            self._pool.shutdown(wait=False, cancel_futures=True)
            decode.join()
            # The decoder may have handed over one more batch before it saw the stop.
            self._pool.shutdown(cancel_futures=True)
            self._finish_output(complete)
            self._ended.set()

    def _finish_output(self, complete: bool) -> None:
        try:
            self._finish(complete)
        except BaseException as error:
            self._failure = self._failure or error

    def _decode(self) -> None:
        """Runs in its thread. An error follows the frames before it down the line."""
        batch: list[Frame] = []
        ending: BaseException | None = None
        try:
            for frame in self._timed_frames():
                batch.append(frame)
                if len(batch) == self._batch_size:
                    self._submit(batch)
                    batch = []
        except _Stopped:
            return
        except BaseException as error:
            ending = error
        try:
            if batch:
                self._submit(batch)
            self._line.put(ending)
        except (_Stopped, RuntimeError):
            pass  # another error, or Ctrl-C, came first and closed the line or the pool

    def _submit(self, batch: list[Frame]) -> None:
        self._line.put(_Batch(batch, self._pool.submit(self._timed_infer, batch)))

    def _timed_frames(self) -> Iterator[Frame]:
        frames = iter(self._frames)
        while True:
            start = time.perf_counter()
            try:
                frame = next(frames, None)
            finally:
                self._tally.decode_s += time.perf_counter() - start
            if frame is None:
                return
            yield frame

    def _timed_infer(self, frames: list[Frame]) -> tuple[Pixels, float]:
        start = time.perf_counter()
        stacked = frames[0].rgb[np.newaxis] if len(frames) == 1 else np.stack([f.rgb for f in frames])
        outcome = self._infer(stacked)
        return outcome, time.perf_counter() - start

    def _encode(self) -> None:
        while (item := self._line.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            layers, seconds = item.result.result()
            self._tally.infer_s += seconds
            for frame, layer in zip(item.frames, layers, strict=True):
                self._timed_write(frame, layer)

    def _timed_write(self, frame: Frame, layer: Pixels) -> None:
        start = time.perf_counter()
        self._write(frame, layer)
        self._tally.encode_s += time.perf_counter() - start
        self._tally.frames += 1
        self._advance(1)
