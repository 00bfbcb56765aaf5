"""One clip through stage 2a: checks first, then the pipeline, and a record in every case."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import asdict, dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

from trt_anime.errors import OutputError
from trt_anime.runtime import output
from trt_anime.runtime.media.frames import DEFAULT_RATE, ClipInfo, FrameSource
from trt_anime.runtime.media.reader import open_source
from trt_anime.runtime.media.writers import Writer, check_format, open_writer
from trt_anime.runtime.pipeline import Advance, Tally, run_pipeline
from trt_anime.runtime.record import RunRecord, new_record, note_work, stage_record
from trt_anime.runtime.session import Array, Session, check_device, open_session, usable_cores

STAGE = "2a"
LAYER_FOLDER = "stage2a_character_refine"
LAYER = "character"

Notify = Callable[[str], None]
Track = Callable[[int | None], AbstractContextManager[Advance]]


@dataclass(frozen=True, kw_only=True)
class ProcessOptions:
    """What to do with one clip.

    Attributes:
        input: video, image, or folder of images.
        output: folder for the layers and `run.json`.
        device: ``auto`` or ``cpu``.
        format: ``png``, ``ffv1``, ``prores`` or ``webm``.
        batch_size: frames per run of the graph.
        threads: CPU cores for inference in all; 0 is every usable one.
        overwrite: replace an earlier run's results in `output`.
        limit: stop after so many frames; None is the whole clip.
        rate: frames per second of a folder of images.
    """

    input: Path
    output: Path
    device: str = "auto"
    format: str = "png"
    batch_size: int = 1
    threads: int = 0
    overwrite: bool = False
    limit: int | None = None
    rate: Fraction = DEFAULT_RATE


def process_clip(
    options: ProcessOptions,
    *,
    graph: Callable[[], Path],
    notify: Notify = lambda sentence: None,
    track: Track = lambda total: nullcontext(lambda count: None),
) -> RunRecord:
    """Split a clip into the layers of stage 2a.

    Nothing is written before the clip, the graph and the output folder have been checked. From then
    on `run.json` is written however the run ends, and every file in the folder is whole.

    Args:
        graph: gives the stage graph's file; called once the clip and the folder are found good, since
            it may have to download and export.
        notify: takes one sentence at a time that the user should see.
        track: given the expected number of frames (or None), yields a callable that takes how many
            were just finished.

    Raises:
        InputError: the clip, the graph or the output folder can't be used; nothing was written.
        MissingError: the device isn't here; nothing was written.
        TrtAnimeError: the clip breaks off, the device failed or the disk is full; finished frames stay.
        KeyboardInterrupt: finished frames stay.
    """
    check_device(options.device)
    check_format(options.format)
    output.check(options.output, options.input, LAYER_FOLDER, overwrite=options.overwrite)
    threads = options.threads or usable_cores()
    with (
        open_source(options.input, threads=threads, rate=options.rate) as source,
        open_session(graph(), device=options.device, threads=threads) as session,
    ):
        clip = source.info
        session.check_frames(batch=options.batch_size, height=clip.height, width=clip.width)
        if options.device == "auto":
            notify(f"device auto: runs on the CPU, {threads} threads ({session.provider})")
        needed = clip.width * clip.height * 4
        folder = output.prepare(options.output, LAYER_FOLDER, LAYER, needed_bytes=needed)
        writer = open_writer(folder, LAYER, clip, format=options.format, threads=threads)
        record = _record(options, source, session, writer)
        record.notices += writer.notices
        with _recorded(record, options.output, source, notify) as tally, _closing(writer):
            total = _expected(clip, options.limit)
            with track(total) as advance:
                _run(options, source, session, writer, tally, advance)
    return record


def _run(
    options: ProcessOptions,
    source: FrameSource,
    session: Session,
    writer: Writer,
    tally: Tally,
    advance: Advance,
) -> None:
    def rgba(frames: Array) -> Array:
        return session.run(frames)["rgba"]

    run_pipeline(
        islice(source, options.limit),
        rgba,
        writer.write,
        workers=session.parallel,
        batch_size=options.batch_size,
        tally=tally,
        advance=advance,
        finish=writer.close,
    )


@contextmanager
def _recorded(record: RunRecord, folder: Path, source: FrameSource, notify: Notify) -> Iterator[Tally]:
    """Yield the tally; write `run.json` whether the block ends, fails or is interrupted."""
    tally = Tally()
    start = time.perf_counter()
    told = len(source.notices)
    record.notices += source.notices
    for sentence in record.notices:
        notify(sentence)
    try:
        yield tally
        record.status = "done"
    except KeyboardInterrupt:
        record.status = "interrupted"
        raise
    except BaseException as error:
        record.error = str(error) or type(error).__name__
        raise
    finally:
        record.elapsed_s = round(time.perf_counter() - start, 3)
        note_work(record.stages[0], tally, record.elapsed_s)
        record.notices += source.notices[told:]
        for sentence in source.notices[told:]:
            notify(sentence)
        # A run that failed has a better sentence to show than this one's.
        with nullcontext() if record.status == "done" else suppress(OutputError):
            record.write(folder)


@contextmanager
def _closing(writer: Writer) -> Iterator[None]:
    """For a run that ends before its pipeline begins; the pipeline closes the writer itself."""
    try:
        yield
    finally:
        with suppress(OutputError):
            writer.close(complete=False)


def _record(options: ProcessOptions, source: FrameSource, session: Session, writer: Writer) -> RunRecord:
    given: dict[str, Any] = asdict(options)
    plain = {name: str(v) if isinstance(v, (Path, Fraction)) else v for name, v in given.items()}
    return new_record(source.info, plain, [stage_record(STAGE, session, writer.output)])


def _expected(clip: ClipInfo, limit: int | None) -> int | None:
    if clip.frames is None or limit is None:
        return clip.frames if limit is None else limit
    return min(clip.frames, limit)
