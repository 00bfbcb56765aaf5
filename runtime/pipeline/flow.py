"""The threads of a run, and how they end.

    feed thread ──batches──> collect thread ──pictures──> encode threads
    decode, look ahead,      waits for the device         write, then give the slot back
    fill a slot, submit

Slots bound everything: a thread that is too fast finds no slot and waits, so memory doesn't grow with the
clip. Batches travel in clip order, so an error in the clip comes out after every frame before it.
"""

import threading
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from queue import SimpleQueue

from trt_anime.errors import EngineError
from trt_anime.runtime.devices.api import Device
from trt_anime.runtime.media.frames import Frame
from trt_anime.runtime.media.sinks import Sink
from trt_anime.runtime.pipeline.batches import Batch, Tally
from trt_anime.runtime.pipeline.encode import Encode
from trt_anime.runtime.pipeline.feed import Feed, LookAhead
from trt_anime.runtime.pipeline.plan import Plan
from trt_anime.runtime.pipeline.program import Program
from trt_anime.runtime.pipeline.recorder import WAIT_RESULTS, Recorder, Silent
from trt_anime.runtime.pipeline.slots import SlotPool, Stopped, make_slot
from trt_anime.runtime.segments import Finished

_POLL_S = 0.2  # waits without a time limit can't be interrupted on every system


class Flow:
    """One run of one clip."""

    def __init__(
        self,
        device: Device,
        plan: Plan,
        look_ahead: LookAhead,
        sinks: list[Sink],
        *,
        segment_frames: int,
        encode_threads: int,
        tally: Tally,
        finished: Callable[[Finished], None],
        advance: Callable[[int], None] = lambda count: None,
        notify: Callable[[str], None] = lambda sentence: None,
        recorder: Recorder | None = None,
    ) -> None:
        """
        Args:
            segment_frames: frames of the clip in one segment.
            encode_threads: for sinks that take frames in any order.
            tally: kept up to date while running.
            finished: called once for each segment whose files are whole, in clip order, from another
                thread. Ctrl-C doesn't reach that thread.
            advance: called with the number of frames just written.
            recorder: hears of every piece of work.

        Raises:
            MissingError: the memory that was planned isn't there after all.
        """
        self._tally = tally
        self._recorder = recorder = recorder or Silent()
        recorder.begin(device, plan)
        self._slots = SlotPool([make_slot(device, plan, number) for number in range(plan.depth)])
        self._program = Program(device, plan, notify=notify)
        self._line: SimpleQueue[Batch | BaseException | None] = SimpleQueue()
        self._feed = Feed(
            device,
            self._program,
            self._slots,
            look_ahead,
            batch_size=plan.chain.batch,
            whole_batches=not all(plan.chain.takes(rows) for rows in range(1, plan.chain.batch)),
            segment_frames=segment_frames,
            hand_on=self._line.put,
            tally=tally,
            recorder=recorder,
        )
        self._encode = Encode(
            device,
            sinks,
            threads=encode_threads,
            release=lambda batch: self._slots.release(batch.slot),
            finished=finished,
            advance=advance,
            tally=tally,
            recorder=recorder,
        )
        self._failure: BaseException | None = None
        self._ended = threading.Event()

    def run(self, frames: Iterable[Frame]) -> None:
        """Carry every frame through all stages to all sinks.

        Args:
            frames: iterated in a thread of its own; the first one may be any that begins a segment.

        Raises:
            The first error anywhere, after all threads and all work on the device have ended. Every frame
                before an error of `frames` has been written and its segment, though short, is finished; so
                has what was computed before the device failed. So it is at KeyboardInterrupt, which comes
                out as soon as the batches in hand are written.
        """
        # Only the main thread gets Ctrl-C, and a join that it interrupts (CPython 3.11) takes a running
        # thread for a dead one. So another thread does all the joining, and this one waits for an event.
        thread = threading.Thread(target=self._collect_and_end, args=(frames,), name="collect")
        try:
            thread.start()
            self._wait()
        except KeyboardInterrupt:
            self._slots.stop()
            if thread.ident is not None:
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

    def _collect_and_end(self, frames: Iterable[Frame]) -> None:
        """Runs in its thread, and is the last of all threads to end. Whatever happens, it says so."""
        try:
            with ExitStack() as endings:
                endings.callback(self._program.close)
                endings.callback(self._encode.shut)
                feed = threading.Thread(target=self._run_feed, args=(frames,), name="feed")
                feed.start()
                endings.callback(feed.join)
                endings.callback(self._slots.stop)
                self._collect()
        except BaseException as error:
            self._failure = self._failure or error
        finally:
            self._ended.set()

    def _wait_for(self, batch: Batch) -> None:
        start = time.perf_counter()
        seconds_of = self._program.collect(batch.slot)
        self._recorder.did(WAIT_RESULTS, start, frame=batch.pictures[0].stamps[0].index)
        self._recorder.collected(batch)
        self._tally.batches += 1
        for number, seconds in seconds_of.items():
            self._tally.stage_s[number] = self._tally.stage_s.get(number, 0.0) + seconds

    def _run_feed(self, frames: Iterable[Frame]) -> None:
        """Runs in its thread. An error follows the batches before it down the line."""
        try:
            self._feed.run(frames)
        except Stopped:
            self._line.put(None)
        except BaseException as error:
            self._line.put(error)
        else:
            self._line.put(None)

    def _collect(self) -> None:
        """Notes the first failure, which those of ending must not hide."""
        try:
            self._take_all()
            self._encode.end()
        except BaseException as error:
            self._failure = self._failure or error

    def _take_all(self) -> None:
        """Until the clip ends, or it or the device fails; what came before is written all the same."""
        while (item := self._line.get()) is not None:
            if isinstance(item, BaseException):
                self._failure = item
                return
            try:
                self._wait_for(item)
            except EngineError as error:
                self._failure = error
                return
            self._encode.take(item)
