"""One profile: the clip is run as `process` runs it, a few times, and all figures are drawn from that."""

import tempfile
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from trt_anime import __version__
from trt_anime.errors import InputError
from trt_anime.files import output_error
from trt_anime.runtime.equipment import GraphOf, Notify
from trt_anime.runtime.options import ProcessOptions
from trt_anime.runtime.passes.record import ChainRecord
from trt_anime.runtime.process import process_clip
from trt_anime.runtime.profiling import figures
from trt_anime.runtime.profiling.advice import Seen, bound_of, busiest_stage, verdict
from trt_anime.runtime.profiling.alone import Alone, measured_alone
from trt_anime.runtime.profiling.ceilings import GPU
from trt_anime.runtime.profiling.roofline import roofline
from trt_anime.runtime.profiling.run_recorder import RunRecorder
from trt_anime.runtime.profiling.spans import Recording
from trt_anime.runtime.profiling.steady import window_of
from trt_anime.runtime.profiling.waterfall import waterfall
from trt_anime.runtime.record import RunRecord, plain

SCHEMA = 2

Track = Callable[[int | None], AbstractContextManager[Callable[[int], None]]]

# Fewer frames hold no steady part.
LEAST_FRAMES = 12


@dataclass(frozen=True)
class Profile:
    """A profile.

    Attributes:
        facts: what `profile.json` says; docs/profile.md describes it.
        recording: the run of median speed, for the trace and the timeline.
    """

    facts: dict[str, Any]
    recording: Recording


def profile_clip(
    options: ProcessOptions,
    *,
    graph: GraphOf,
    runs: int,
    notify: Notify = lambda sentence: None,
    track: Track = lambda total: nullcontext(lambda count: None),
) -> Profile:
    """Run the clip `runs` times; layers are written into a folder below `options.output` and removed again.

    Raises:
        InputError: too few frames were written to say anything, or as `process_clip`.
        TrtAnimeError: as `process_clip`.
    """
    done: list[tuple[RunRecord, Recording]] = []
    with folder_below(options.output) as folder:
        for number in range(runs):
            once = replace(options, output=Path(folder) / str(number), overwrite=False, resume=False)
            with RunRecorder() as recorder:
                record = process_clip(
                    once, graph=graph, notify=_quiet if number else notify, track=track, recorder=recorder
                )
            if record.computed < LEAST_FRAMES:
                raise InputError(
                    f"{options.input}: {record.computed} frames were computed, and a profile needs"
                    f" {LEAST_FRAMES}; take a longer clip, or --no-held-frames"
                )
            done.append((record, recorder.recording))
    alone = measured_alone(options, graph=graph, notify=notify)
    return _profile(options, done, alone)


def folder_below(folder: Path) -> tempfile.TemporaryDirectory[str]:
    """On the disk that the user named: how fast that writes is part of the profile. Raises OutputError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return tempfile.TemporaryDirectory(prefix=".layers-", dir=folder)
    except OSError as error:
        raise output_error(folder, error) from error


def about(options: ProcessOptions, record: RunRecord | ChainRecord) -> dict[str, Any]:
    """What was run, on what: the beginning of `profile.json`."""
    return {
        "schema": SCHEMA,
        "version": __version__,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "clip": {**record.input, "path": options.input.name},
        "options": {n: plain(value) for n, value in record.options.items() if n not in _NOT_TOLD},
        "machine": record.machine,
    }


def pipeline_facts(recordings: Sequence[Recording], alone: Alone) -> dict[str, Any]:
    """What frame by frame is measured in the pipeline; of the run of median speed where one is shown."""
    recording = sorted(recordings, key=steady_fps)[len(recordings) // 2]
    layers = {number: found for number, (_, found) in alone.layers.items()}
    return {
        "stages": [asdict(stage) for stage in recording.stages],
        "figures": figures.figures(recordings),
        "waterfall": waterfall(recording),
        "resources": figures.resources(recording),
        **figures.overlap(recording),
        "memory": _memory(recording),
        "ceilings": [asdict(one) for one in alone.ceilings],
        "layers": [
            {"stage": number, "measured": title, "layers": [asdict(layer) for layer in found]}
            for number, (title, found) in alone.layers.items()
        ],
        "roofline": roofline(layers, alone.ceilings, GPU if alone.wholes else alone.threads, alone.wholes),
    }


def steady_fps(recording: Recording) -> float:
    """Frames a second of the steady part; 0 where nothing was written."""
    window = window_of(recording)
    return window.frames / window.seconds if window.seconds else 0.0


def _quiet(sentence: str) -> None:
    """The first run has said it."""


def _profile(options: ProcessOptions, done: Sequence[tuple[RunRecord, Recording]], alone: Alone) -> Profile:
    ordered = sorted(done, key=lambda one: steady_fps(one[1]))
    record, recording = ordered[len(ordered) // 2]
    recordings = [found for _, found in done]
    measured = pipeline_facts(recordings, alone)
    facts = {
        **about(options, record),
        "kind": "frames",
        "device": {"name": recording.device, "title": recording.title},
        "fps": {
            "steady": round(median(steady_fps(found) for found in recordings), 3),
            "over_all": round(median(one.fps for one, _ in done), 3),
        },
        "runs": [_run(one, found) for one, found in done],
        **measured,
        "held": figures.held(record.frames, record.computed),
        "verdict": verdict(_seen(options, record, recording, measured)),
        "notices": [*record.notices, *alone.notices],
    }
    return Profile(facts, recording)


# Options that say where things lie, not how they ran.
_NOT_TOLD = ("input", "output", "overwrite", "resume")


def _run(record: RunRecord, recording: Recording) -> dict[str, Any]:
    return {
        "steady_fps": round(steady_fps(recording), 3),
        "fps": record.fps,
        "elapsed_s": record.elapsed_s,
        "frames": record.frames,
        "computed": record.computed,
        "samples_ms": figures.samples(recording),
    }


def _memory(recording: Recording) -> dict[str, Any]:
    resident = [sample.resident_bytes for sample in recording.samples]
    totals = {
        f"{place}_bytes": sum(item.total_bytes for item in recording.plan if item.place == place)
        for place in ("device", "pinned")
    }
    return {
        **totals,
        "resident_peak_bytes": max(resident, default=0),
        "resident_at_start_bytes": resident[0] if resident else 0,
        "slots": recording.depth,
        "lanes": recording.lanes,
        "batch": recording.batch,
        "plan": [{**asdict(item), "total_bytes": item.total_bytes} for item in recording.plan],
    }


def _seen(
    options: ProcessOptions, record: RunRecord, recording: Recording, measured: dict[str, Any]
) -> Seen:
    bound, share = bound_of(measured["resources"], measured["figures"])
    number = busiest_stage(measured["figures"])
    stage = next(stage for stage in recording.stages if stage.number == number)
    return Seen(
        bound=bound,
        busy=share,
        device=recording.device.partition(":")[0],
        stage=number,
        model=stage.model,
        provider=stage.provider,
        precision=stage.precision,
        format=options.format,
        batch=recording.batch,
        cores=options.cores,
        others=measured["others_cores_busy"],
        held=options.held,
        reused=float(figures.held(record.frames, record.computed)["reused"]),
        clip=options.input.name,
    )
