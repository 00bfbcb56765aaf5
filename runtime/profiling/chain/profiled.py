"""One profile of several stages: the clip is run as `process` runs it, a few times, warm."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import asdict, replace
from pathlib import Path
from statistics import median
from typing import Any

from trt_anime.runtime.equipment import Notify
from trt_anime.runtime.options import ProcessOptions
from trt_anime.runtime.passes.choices import Choices
from trt_anime.runtime.passes.lanes import Track
from trt_anime.runtime.passes.networks import FilesOf
from trt_anime.runtime.passes.run import process_chain
from trt_anime.runtime.passes.sources import NETWORKS
from trt_anime.runtime.passes.tools import Tools
from trt_anime.runtime.profiling.alone import measured_alone
from trt_anime.runtime.profiling.chain import figures
from trt_anime.runtime.profiling.chain.advice import verdict
from trt_anime.runtime.profiling.chain.alone import measure_networks
from trt_anime.runtime.profiling.chain.figures import Run
from trt_anime.runtime.profiling.chain.recorder import ChainRecorder
from trt_anime.runtime.profiling.chain.shown import shown
from trt_anime.runtime.profiling.figures import cores_busy, held
from trt_anime.runtime.profiling.figures import samples as frame_samples
from trt_anime.runtime.profiling.profiled import (
    LEAST_FRAMES,
    Profile,
    about,
    folder_below,
    pipeline_facts,
    steady_fps,
)

# Enough for every library to be loaded, every file to be read and every engine to be there.
WARM_UP_FRAMES = 2


def profile_chain(
    options: ProcessOptions,
    choices: Choices,
    *,
    files: FilesOf,
    runs: int,
    weights: Callable[[str], object] = lambda model: None,
    tools: Tools = NETWORKS,
    notify: Notify = lambda sentence: None,
    track: Track = lambda title, total: nullcontext(lambda count: None),
) -> Profile:
    """Run the stages once over a few frames, then `runs` times over the clip.

    Layers are written into a folder below `options.output` and removed again.

    Args:
        files, weights, tools: see `process_chain`.

    Raises as `process_chain`.
    """
    done: list[Run] = []
    with folder_below(options.output) as folder:
        warm = min(WARM_UP_FRAMES, options.limit or WARM_UP_FRAMES)
        once = replace(options, output=Path(folder) / "warm", limit=warm, overwrite=False, resume=False)
        process_chain(once, choices, files=files, weights=weights, tools=tools, notify=notify)
        for number in range(runs):
            once = replace(once, output=Path(folder) / str(number), limit=options.limit)
            with ChainRecorder(track) as recorder:
                record = process_chain(
                    once, choices, files=files, tools=tools, track=recorder.track, watch=recorder
                )
            done.append((record, recorder.recording))
    pipeline = _pipeline(options, choices, files, done, notify)
    return Profile(_facts(options, choices, done, pipeline), shown(_median(done)[1]))


def _median(done: Sequence[Run]) -> Run:
    """The run of median speed."""
    return sorted(done, key=lambda run: run[0].elapsed_s)[len(done) // 2]


def _facts(
    options: ProcessOptions, choices: Choices, done: Sequence[Run], pipeline: dict[str, Any] | None
) -> dict[str, Any]:
    record, recording = _median(done)
    rows, nets = figures.passes(done), figures.networks(done)
    own, others = cores_busy(recording.samples)
    rest_s = median(figures.rest_s(run) for run in done)
    facts = {
        **about(options, record),
        "kind": "chain",
        "choices": _told(asdict(choices)),
        "device": {
            "name": recording.device or "cpu",
            "title": recording.title or record.machine["cpu"],
        },
        "fps": {"over_all": round(median(one.fps for one, _ in done), 3)},
        "elapsed_s": round(median(one.elapsed_s for one, _ in done), 3),
        "runs": [_run(run) for run in done],
        "passes": rows,
        "rest": {"s": round(rest_s, 4), "share": round(rest_s / record.elapsed_s, 4)},
        "networks": nets,
        "figures": figures.figures(done),
        "cpu_cores_busy": round(own, 4),
        "others_cores_busy": round(others, 4),
        "held": held(record.frames, record.computed),
        "memory": _memory(done, rows),
        "looking_s": round(recording.looking_s, 4),
        "without": record.without,
        "pipeline": pipeline,
        "notices": record.notices,
    }
    return facts | {"verdict": verdict(facts, recording.stacks)}


def _told(value: Any) -> Any:
    """Choices as JSON takes them; of files the names only, since reports are shared."""
    if isinstance(value, dict):
        return {name: _told(one) for name, one in value.items()}
    return value.name if isinstance(value, Path) else value


def _run(run: Run) -> dict[str, Any]:
    record, _ = run
    return {
        "fps": record.fps,
        "elapsed_s": record.elapsed_s,
        "frames": record.frames,
        "computed": record.computed,
        "samples_ms": figures.samples(run),
    }


def _memory(done: Sequence[Run], rows: list[dict[str, Any]]) -> dict[str, Any]:
    resident = [[sample.resident_bytes for sample in recording.samples] for _, recording in done]
    return {
        "resident_peak_bytes": max((max(one, default=0) for one in resident), default=0),
        "resident_at_start_bytes": resident[0][0] if resident[0] else 0,
        **{name: max((row[name] for row in rows), default=0) for name in ("device_bytes", "pinned_bytes")},
    }


def _pipeline(
    options: ProcessOptions, choices: Choices, files: FilesOf, done: Sequence[Run], notify: Notify
) -> dict[str, Any] | None:
    """Stage 2a's network frame by frame; None where it didn't run, or over too few frames."""
    recordings = [recording.pipeline for _, recording in done if recording.pipeline is not None]
    if not recordings:
        return None
    if done[0][0].computed < LEAST_FRAMES:
        notify(f"stage 2a: fewer than {LEAST_FRAMES} frames were computed, too few for a steady state")
        return None
    model = choices.characters.model
    only = replace(options, stages=("2a",))
    alone = measured_alone(only, graph=lambda stage: files(model).graphs["matte"], notify=notify)
    said = len(alone.notices)
    measure_networks(alone, options, done[0][0], files)
    for sentence in alone.notices[said:]:
        notify(sentence)
    steady = [round(steady_fps(recording), 3) for recording in recordings]
    return {
        "steady_fps": round(median(steady), 3),
        "runs": [
            {"steady_fps": fps, "samples_ms": frame_samples(recording)}
            for fps, recording in zip(steady, recordings, strict=True)
        ],
        **pipeline_facts(recordings, alone),
    }
