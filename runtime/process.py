"""One clip into layers: checks first, then the flow, and a record in every case."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path

from trt_anime.errors import OutputError
from trt_anime.files import remove_unfinished
from trt_anime.runtime import output
from trt_anime.runtime.devices.opening import check_device
from trt_anime.runtime.equipment import Equipment, GraphOf, Notify, equipped, stages_of
from trt_anime.runtime.ledger.identity import Identity, identity_of
from trt_anime.runtime.ledger.segments import Ledger
from trt_anime.runtime.lookahead.stage import PRIMING_FRAMES, LookAhead
from trt_anime.runtime.media.frames import Frame, FrameSource
from trt_anime.runtime.media.sinks import Sink
from trt_anime.runtime.media.writers import check_format, open_sinks, write_companions
from trt_anime.runtime.options import ProcessOptions
from trt_anime.runtime.pipeline.batches import Tally
from trt_anime.runtime.pipeline.flow import Flow
from trt_anime.runtime.pipeline.recorder import Recorder
from trt_anime.runtime.record import RunRecord, ending, new_record, note_work
from trt_anime.runtime.segments import Finished

# Four seconds of film: the most work that a kill can cost.
SEGMENT_FRAMES = 96

Advance = Callable[[int], None]
Track = Callable[[int | None], AbstractContextManager[Advance]]


def process_clip(
    options: ProcessOptions,
    *,
    graph: GraphOf,
    notify: Notify = lambda sentence: None,
    track: Track = lambda total: nullcontext(lambda count: None),
    recorder: Recorder | None = None,
) -> RunRecord:
    """Split a clip into layers.

    Nothing is written before the clip, the graphs, the memory and the output folder have been checked. From
    then on `run.json` is written however the run ends, every file under its own name is whole, and every
    finished segment is in the ledger.

    Args:
        graph: gives a stage's graph (ONNX).
        notify: takes one sentence at a time that the user should see.
        track: given the expected number of frames (or None), yields a callable that takes how many
            were just finished.
        recorder: hears of every piece of work.

    Raises:
        InputError: the clip, a graph or the output folder can't be used; nothing was written.
        MissingError: something that the run needs isn't here; nothing was written.
        TrtAnimeError: the clip breaks off, the device failed or the disk is full; finished segments stay.
        KeyboardInterrupt: finished segments stay.
    """
    check_format(options.format)
    check_device(options.device, latencies=options.latencies)
    stages = stages_of(options.stages)
    output.check(options.output, options.input, overwrite=options.overwrite, resume=options.resume)
    output.check_device(options.output, options.device)
    notices: list[str] = []

    def tell(sentence: str) -> None:
        notices.append(sentence)
        notify(sentence)

    with equipped(options, graph=graph, notify=tell) as equipment:
        clip = equipment.source.info
        layers = [layer for stage in stages for layer in stage.layers]
        output.prepare(options.output, needed_bytes=clip.width * clip.height * 4 * len(layers))
        with Ledger.open(
            options.output,
            _identity(options, equipment),
            resume=options.resume,
            make_room=partial(_make_room, options),
        ) as ledger:
            remove_unfinished(options.output)
            if not ledger.frames:
                output.clear(options.output)
            sinks = open_sinks(options.output, layers, clip, format=options.format, threads=options.cores)
            record = _record(options, equipment, sinks)
            for sentence in (*ledger.notices, *(words for sink in sinks for words in sink.notices)):
                tell(sentence)
            run = _Run(options, equipment, ledger, sinks, record, recorder)
            with _recorded(record, options.output, equipment.source, notices, tell) as tally:
                run.go(tally, track, tell)
    return record


class _Run:
    """The part of a run after all checks."""

    def __init__(
        self,
        options: ProcessOptions,
        equipment: Equipment,
        ledger: Ledger,
        sinks: list[Sink],
        record: RunRecord,
        recorder: Recorder | None,
    ) -> None:
        self._options, self._equipment, self._ledger = options, equipment, ledger
        self._sinks, self._record, self._recorder = sinks, record, recorder

    def go(self, tally: Tally, track: Track, notify: Notify) -> None:
        """Process what isn't finished, then make the outputs of all segments."""
        told = len(self._ledger.notices)
        self._drop_short_end()
        for sentence in self._ledger.notices[told:]:
            notify(sentence)
        self._take_up(notify)
        if not self._reaches_end():
            with track(self._expected()) as advance:
                self._flow(tally, advance, notify)
            if not self._reaches_limit():
                self._ledger.end()
        if not self._ledger.is_complete:
            self._finish()
        self._write_companions()

    def _finish(self) -> None:
        """Make each output once; a kill in between costs no more than the output in hand."""
        segments = self._ledger.finished
        for index, sink in enumerate(self._sinks):
            pieces = [piece for segment in segments for piece in segment.pieces[index]]
            if not self._ledger.is_settled(sink.output):
                sink.finish(pieces)
                self._ledger.settle(sink.output, pieces)
            sink.clear()
        self._ledger.complete()

    def _write_companions(self) -> None:
        """Each time: the same bytes, and somebody may have removed them."""
        stamps = [stamp for segment in self._ledger.finished for stamp in segment.stamps]
        write_companions(self._options.output, self._equipment.source.info, stamps, self._options.format)

    def _expected(self) -> int | None:
        """Frames that this run has before it; None when the container doesn't say."""
        ends = [end for end in (self._equipment.source.info.frames, self._options.limit) if end is not None]
        return max(0, min(ends) - self._record.resumed) if ends else None

    def _reaches_limit(self) -> bool:
        return self._options.limit is not None and self._ledger.frames >= self._options.limit

    def _reaches_end(self) -> bool:
        return self._ledger.is_whole or self._reaches_limit()

    def _drop_short_end(self) -> None:
        """A short segment is of no use where this run goes further than the one that left it."""
        segments = self._ledger.finished
        if not segments or self._reaches_end():
            return
        last = segments[-1]
        self._ledger.drop_from(last.number + (len(last.stamps) == SEGMENT_FRAMES))

    def _take_up(self, notify: Notify) -> None:
        record, segments = self._record, self._ledger.finished
        record.resumed = record.frames = self._ledger.frames
        record.computed = sum(segment.computed for segment in segments)
        record.shots = [shot for segment in segments for shot in segment.shots]
        limit = self._options.limit
        if limit is not None and self._ledger.frames > limit:
            notify(
                f"{self._options.output}: holds {record.frames} frames, more than --limit {limit}; all stay"
            )
        if self._ledger.is_complete:
            notify(f"{self._options.output}: is complete already; nothing is left to do")
        elif record.resumed:
            notify(f"{self._options.output}: goes on after {record.resumed} finished frames")

    def _flow(self, tally: Tally, advance: Advance, notify: Notify) -> None:
        options = self._options
        look_ahead = LookAhead(preset=options.preset, held=options.held)
        flow = Flow(
            self._equipment.device,
            self._equipment.plan,
            look_ahead,
            self._sinks,
            segment_frames=SEGMENT_FRAMES,
            encode_threads=options.cores,
            tally=tally,
            finished=self._note,
            advance=advance,
            notify=notify,
            recorder=self._recorder,
        )
        flow.run(_wanted(self._equipment.source, look_ahead, self._record.resumed, options.limit))

    def _note(self, segment: Finished) -> None:
        self._ledger.append(segment)
        self._record.shots += segment.shots


def _record(options: ProcessOptions, equipment: Equipment, sinks: list[Sink]) -> RunRecord:
    return new_record(
        equipment.source.info,
        asdict(options),
        device=f"{equipment.device.name} ({equipment.device.title})",
        plan=equipment.plan,
        outputs=[sink.output for sink in sinks],
    )


def _make_room(options: ProcessOptions) -> None:
    """Another run may have come between the first look at the folder and its lock."""
    if not options.overwrite:
        output.require_unused(options.output)


def _wanted(source: FrameSource, look_ahead: LookAhead, start: int, limit: int | None) -> Iterator[Frame]:
    """Frames from `start` on; the ones just before it are only shown to the shot detector."""
    source.start_at(max(0, start - PRIMING_FRAMES))
    for frame in source:
        if frame.stamp.index < start:
            look_ahead.prime(frame.rgb)
        elif limit is None or frame.stamp.index < limit:
            yield frame
        if limit is not None and frame.stamp.index + 1 >= limit:
            return


def _identity(options: ProcessOptions, equipment: Equipment) -> Identity:
    return identity_of(
        equipment.source.info,
        format=options.format,
        stages={node.number: node.session.origin for node in equipment.plan.chain.nodes},
        batch_size=equipment.plan.chain.batch,
        held=options.preset if options.held else "off",
        segment_frames=SEGMENT_FRAMES,
    )


@contextmanager
def _recorded(
    record: RunRecord, folder: Path, source: FrameSource, notices: list[str], notify: Notify
) -> Iterator[Tally]:
    """Yield the tally; write `run.json` whether the block ends, fails or is interrupted."""
    tally = Tally()
    start = time.perf_counter()
    told = len(source.notices)
    for sentence in source.notices:
        notify(sentence)
    try:
        with ending(record):
            yield tally
    finally:
        note_work(record, tally, time.perf_counter() - start)
        for sentence in source.notices[told:]:
            notify(sentence)
        record.notices += notices
        # A run that failed has a better sentence to show than this one's.
        with nullcontext() if record.status == "done" else suppress(OutputError):
            record.write(folder)
