"""What is made of all passes' results: tables, pictures to look at first, layers in other formats."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager

from trt_anime.errors import InputError
from trt_anime.files import write_text
from trt_anime.runtime.delivery.look_first import write_previews
from trt_anime.runtime.delivery.video import FORMATS as PACKED
from trt_anime.runtime.delivery.video import pack, work_of
from trt_anime.runtime.passes import check, effects
from trt_anime.runtime.passes.choices import NONE
from trt_anime.runtime.passes.context import Context
from trt_anime.runtime.passes.record import ChainRecord
from trt_anime.runtime.passes.segment import TABLE
from trt_anime.runtime.passes.track import hints
from trt_anime.runtime.results import places
from trt_anime.runtime.results.reader import Results

FORMATS = ("png", *PACKED)

Track = Callable[[str, int | None], AbstractContextManager[Callable[[int], None]]]


def check_format(format: str) -> None:
    """Raises InputError: layers of several stages don't come so."""
    if format not in FORMATS:
        raise InputError(
            f"format {format}: of several stages layers come as {', '.join(FORMATS)}; choose one of these,"
            " or run stage 2a alone"
        )


def finish(context: Context, record: ChainRecord, track: Track) -> None:
    """Tables first, then what is drawn of everything. Again is harmless.

    Raises:
        InputError: the clip isn't where it was, or a file is damaged.
        OutputError: the disk is full.
    """
    prepare(context, record)
    if "2b" in context.stages:
        for sentence in effects.hints(context.facts("effects")):
            context.notify(sentence)
    if "3" in context.stages:
        tracking = context.choices.tracking
        follower = tracking.method if tracking.model == NONE else tracking.model
        for sentence in hints(context.facts("track"), follower):
            context.notify(sentence)
    results = Results.open(context.folder, made_up=context.options.device == "null")
    threads = context.options.cores
    record.outputs = [
        str(context.folder / places.FOLDERS[stage]) for stage in places.FOLDERS if stage in context.stages
    ]
    with track("preview", results.frames) as advance:
        drawn = write_previews(
            results,
            context.folder,
            threads=threads,
            overwrite=True,
            notify=context.notify,
            advance=advance,
        )
    record.outputs += [str(path) for path in drawn]
    if context.options.format in PACKED and results.layers.folders:
        with track("pack", work_of(results)) as advance:
            packed = pack(
                results,
                context.folder,
                context.options.format,
                threads=threads,
                notify=context.notify,
                advance=advance,
            )
        record.outputs += [str(path) for path in packed]


def prepare(context: Context, record: ChainRecord) -> None:
    """Tables of what is there so far, and the record, by which results are read. Raises OutputError."""
    _write_segments(context)
    record.recomposition = check.summary(context.facts("check"))
    record.without = _without(context)
    record.write(context.folder)


def _write_segments(context: Context) -> None:
    """`segments.jsonl`: a line for each key frame. Raises OutputError."""
    rows = {
        int(frame): segments
        for name in ("segment", "track")
        for made in context.facts(name).values()
        for frame, segments in made.get("segments", {}).items()
    }
    if rows:
        lines = (json.dumps({"frame": frame, "segments": rows[frame]}) for frame in sorted(rows))
        write_text(context.folder / places.SEGMENTS / TABLE, "\n".join(lines) + "\n")


def _without(context: Context) -> dict[str, str]:
    """By stage number, why it left nothing or less than it could."""
    found = {
        stage: "not run"
        for stage in places.FOLDERS
        if stage not in context.stages and not context.has(places.FOLDERS[stage])
    }
    for made in context.facts("annotate").values():
        if made["missing"]:
            found["4"] = "; ".join(sentence.removeprefix("annotation: ") for sentence in made["missing"])
    return found
