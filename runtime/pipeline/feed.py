"""Decoded frames into slots: the first half of the flow, in a thread of its own."""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

import numpy as np

from trt_anime.runtime.devices.api import Device
from trt_anime.runtime.lookahead.stage import Verdict
from trt_anime.runtime.media.frames import Frame, Pixels
from trt_anime.runtime.pipeline.batches import Batch, Picture, Tally
from trt_anime.runtime.pipeline.program import Program
from trt_anime.runtime.pipeline.recorder import DECODE, FILL, LOOK_AHEAD, SUBMIT, WAIT_SLOT, Recorder
from trt_anime.runtime.pipeline.slots import SlotPool


class LookAhead(Protocol):
    """What the feed asks of each frame; see `lookahead.stage`."""

    def begin_segment(self) -> None: ...

    def judge(self, rgb: Pixels) -> Verdict: ...


class Feed:
    """Fills slots, submits them when they are full, and hands batches on once all their frames are known.

    A full batch is computed at once, but handed on only when the next fresh frame shows that no more held
    frames belong to it.
    """

    def __init__(
        self,
        device: Device,
        program: Program,
        slots: SlotPool,
        look_ahead: LookAhead,
        *,
        batch_size: int,
        whole_batches: bool,
        segment_frames: int,
        hand_on: Callable[[Batch], None],
        tally: Tally,
        recorder: Recorder,
    ) -> None:
        """
        Args:
            whole_batches: stages take full batches only, so the last one is filled up with copies.
        """
        self._device, self._program, self._slots = device, program, slots
        self._look_ahead, self._hand_on, self._tally = look_ahead, hand_on, tally
        self._recorder = recorder
        self._batch_size, self._whole_batches = batch_size, whole_batches
        self._segment_frames = segment_frames
        self._batch: Batch | None = None
        self._segment = -1

    def run(self, frames: Iterable[Frame]) -> None:
        """Feed every frame.

        Raises:
            TrtAnimeError: of `frames` or the device; every batch before it was handed on.
            Stopped: somebody else stopped the run.
        """
        source = iter(frames)
        while (frame := self._next(source)) is not None:
            self._feed(frame)
        self._close_batch()

    def _next(self, source: Iterator[Frame]) -> Frame | None:
        start = time.perf_counter()
        frame = None
        try:
            frame = next(source, None)
            return frame
        except BaseException:
            self._close_batch()  # the frames before a damaged one are good
            raise
        finally:
            self._tally.decode_s += time.perf_counter() - start
            self._recorder.did(DECODE, start, frame=frame.stamp.index if frame else -1)

    def _feed(self, frame: Frame) -> None:
        segment = frame.stamp.index // self._segment_frames
        if segment != self._segment:
            self._close_batch()
            self._look_ahead.begin_segment()
            self._segment = segment
        start = time.perf_counter()
        verdict = self._look_ahead.judge(frame.rgb)
        self._tally.look_ahead_s += time.perf_counter() - start
        self._recorder.did(LOOK_AHEAD, start, frame=frame.stamp.index)
        if verdict.repeat and self._batch:
            self._batch.pictures[-1].stamps.append(frame.stamp)
        else:
            self._add(frame, verdict.shot_start)

    def _add(self, frame: Frame, shot_start: bool) -> None:
        if self._batch and self._batch.rows == self._batch_size:
            self._close_batch()
        index = frame.stamp.index
        batch = self._batch = self._batch or self._new_batch(index)
        start = time.perf_counter()
        with self._device.writing(batch.slot.frame.row(batch.rows)) as pixels:
            np.copyto(pixels, frame.rgb)
        batch.pictures.append(Picture([frame.stamp], frame.deep, shot_start))
        self._recorder.did(FILL, start, frame=index)
        if batch.rows == self._batch_size:
            self._submit(batch, self._batch_size)
        self._tally.submit_s += time.perf_counter() - start

    def _new_batch(self, index: int) -> Batch:
        start = time.perf_counter()
        batch = Batch(self._slots.acquire(), self._segment)
        self._recorder.did(WAIT_SLOT, start, frame=index)
        self._recorder.acquired(batch, index)
        return batch

    def _submit(self, batch: Batch, rows: int) -> None:
        start = time.perf_counter()
        self._program.submit(batch.slot, rows)
        self._recorder.did(SUBMIT, start, frame=batch.pictures[0].stamps[0].index)

    def _close_batch(self) -> None:
        batch, self._batch = self._batch, None
        if batch is None:
            return
        if batch.rows < self._batch_size:
            self._submit_short(batch)
        self._hand_on(batch)

    def _submit_short(self, batch: Batch) -> None:
        rows = batch.rows
        if self._whole_batches:
            for row in range(batch.rows, self._batch_size):
                with (
                    self._device.reading(batch.slot.frame.row(rows - 1)) as last,
                    self._device.writing(batch.slot.frame.row(row)) as pixels,
                ):
                    np.copyto(pixels, last)
            rows = self._batch_size
        self._submit(batch, rows)
