"""Stage 4 over an output folder: every drawing measured, some of each shot described."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from trt_anime.errors import InputError
from trt_anime.runtime.annotation.characters import presences
from trt_anime.runtime.annotation.choice import Candidate, ShotChoice
from trt_anime.runtime.annotation.hashes import Groups
from trt_anime.runtime.annotation.metrics import luma_of, metrics_of
from trt_anime.runtime.annotation.store import EXTRA, has_pyarrow, writing_annotation
from trt_anime.runtime.annotation.tables import Row
from trt_anime.runtime.annotation.tools import Describer, Tools
from trt_anime.runtime.media.frames import Frame
from trt_anime.runtime.results import places
from trt_anime.runtime.results.layers import LAYERS
from trt_anime.runtime.results.reader import Results
from trt_anime.runtime.results.shots import Shot

Notify = Callable[[str], None]


@dataclass(frozen=True)
class Annotated:
    """Attributes:
    folder: of the stage.
    rows: drawings in the table.
    described: of these, the ones that the networks looked at.
    missing: sentences: what was left out, and why.
    """

    folder: Path
    rows: int
    described: int
    missing: tuple[str, ...]


def annotate(results: Results, tools: Tools, folder: Path, notify: Notify) -> Annotated:
    """Write tables and vectors of a run's frames into `folder`, all of them or none; see `tables`, `store`.

    The clip is read once. Held are the pixels of the frames that were chosen in the shot so far, and the
    rows of that shot; nothing else grows but 12 bytes for each group of near-duplicates.

    Raises:
        InputError: the clip isn't where it was or ends too early, a file of the run is damaged, or the two
            halves of CLIP are of different weights.
        EngineError: a network failed.
        OutputError: the folder can't be written.
    """
    missing = _missing(results, tools)
    for sentence in missing:
        notify(sentence)
    describer = Describer(tools)
    groups, described = Groups(), 0
    with (
        closing(results.source()) as source,
        writing_annotation(folder, tools.encoders, missing) as writer,
    ):
        frames, time_base = iter(source), source.info.time_base
        for shot in results.shots:
            choice, rows = ShotChoice(tools.per_shot), []
            for frame, held in _fresh(results, shot, frames):
                candidate = _candidate(results, shot, frame, held)
                choice.offer(candidate)
                rows.append(_row(frame, candidate, shot, time_base, groups))
            described += describer.describe(rows, choice, writer)
    return Annotated(folder, writer.rows, described, missing)


def _fresh(results: Results, shot: Shot, frames: Iterator[Frame]) -> Iterator[tuple[Frame, int]]:
    """The shot's fresh frames, and for how many frames each is held; the others pass by."""
    ends = (*shot.fresh[1:], shot.stop)
    for index, end in zip(shot.fresh, ends, strict=True):
        for place in range(index, end):
            frame = next(frames, None)
            if frame is None:
                raise InputError(
                    f"{results.record['input']['path']}: ends after {place} frames, and the run in"
                    f" {results.folder} saw {results.frames}; give back the clip as it was, or run"
                    " `trt-anime process` again"
                )
            if place == index:
                yield frame, end - index


def _candidate(results: Results, shot: Shot, frame: Frame, held: int) -> Candidate:
    index, ids = frame.stamp.index, results.ids(frame.stamp.index)
    people = None
    if ids is not None:
        order = results.layers.orders.get(shot.number, ()) if _has_layers(results) else ()
        people = tuple(presences(ids, luma_of(frame.rgb), order))
    return Candidate(index, held, metrics_of(frame.rgb), frame.rgb, people)


def _row(frame: Frame, candidate: Candidate, shot: Shot, time_base: Fraction, groups: Groups) -> Row:
    metrics = candidate.metrics
    return Row(
        frame=candidate.index,
        pts=frame.stamp.pts,
        time=float(frame.stamp.pts * time_base),
        shot=shot.number,
        held=candidate.shown,
        metrics=metrics,
        group=groups.group_of(metrics.hash, metrics.mean_luma),
        characters=candidate.people,
    )


def _has_layers(results: Results) -> bool:
    return (results.folder / LAYERS).exists()


def _missing(results: Results, tools: Tools) -> tuple[str, ...]:
    facts = {
        "no ids of characters (stage 3 has not run): nothing is said of them": not (
            results.folder / places.TRACKS
        ).is_dir(),
        "no CLIP: frames get no vectors that text can search": tools.clip is None,
        "no CLIP: frames get no tags from its vocabulary": None in (tools.clip, tools.clip_text),
        "no DINOv2: frames get no vectors of how they look": tools.dino is None,
        "no captioner: frames get no captions": tools.captions is None,
        f"no pyarrow ({EXTRA}): the table is written as JSON Lines only": not has_pyarrow(),
    }
    return tuple(f"annotation: {sentence}" for sentence, is_so in facts.items() if is_so)
