"""`trt-anime process`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trt_anime.cli import asked
from trt_anime.cli.progress import board, note, progress
from trt_anime.errors import InputError

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from trt_anime.cli.progress import Advance
    from trt_anime.config import Settings
    from trt_anime.runtime.options import ProcessOptions
    from trt_anime.runtime.passes.record import ChainRecord
    from trt_anime.runtime.record import RunRecord


_NO_RESULT = "what lies there is made up, and no result"


def process(
    source: Annotated[Path, typer.Argument(metavar="INPUT", help="A video, or a folder of frames.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for the layers and run.json.")],
    config: asked.Config = None,
    stages: asked.Stages = None,
    start_stage: asked.StartStage = None,
    end_stage: asked.EndStage = None,
    effects: asked.Effects = None,
    characters: asked.Characters = None,
    plate: asked.Plate = None,
    model: asked.Model = None,
    graph: asked.Graph = None,
    device: asked.Device = None,
    provider: asked.Provider = None,
    precision: asked.Precision = None,
    allow_cpu_nodes: asked.AllowCpuNodes = False,
    latencies: asked.Latencies = None,
    format: asked.Format = None,
    preset: asked.Preset = None,
    held_frames: asked.HeldFrames = None,
    batch_size: asked.BatchSize = None,
    threads: asked.Threads = None,
    limit: asked.Limit = None,
    rate: asked.Rate = "24",
    resume: Annotated[bool, typer.Option("--resume", help="Go on where an earlier run stopped.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace earlier results.")] = False,
) -> None:
    """Split a video, or a folder of frames, into layers."""
    try:
        if resume and overwrite:
            raise InputError("--resume and --overwrite: give one of the two")
        settings = asked.settings_asked(
            config,
            model=model,
            graph=graph,
            characters=characters,
            effects=effects,
            plate=plate,
            device=device,
            provider=provider,
            precision=precision,
            format=format,
            preset=preset,
            held_frames=held_frames,
            batch_size=batch_size,
            threads=threads,
        )
        run = {
            "input": source,
            "output": output,
            "allow_cpu_nodes": allow_cpu_nodes,
            "latencies": latencies,
            "limit": limit,
            "rate": asked.rate_asked(rate),
            "resume": resume,
            "overwrite": overwrite,
        }
        wanted = asked.stages_asked(stages, start_stage, end_stage, settings, graph=graph, notify=note)
        print(_processed(settings, {**run, "stages": wanted}, graph))
    except KeyboardInterrupt:
        kept = f"finished work is kept in {output}; --resume goes on with it"
        note(f"interrupted: {kept if output.exists() else 'nothing was written yet'}")
        raise typer.Exit(130) from None


def _processed(settings: "Settings", run: dict[str, Any], graph: Path | None) -> str:
    """Run it; returns what to say of it."""
    from functools import partial

    from trt_anime.cli.choosing import choices_of, fetch_weights, files_of, options_of

    options = options_of(settings, **run)
    if asked.is_frame_by_frame(options, graph):
        return _frame_by_frame(options, settings, graph)
    from trt_anime.runtime.passes.run import process_chain

    with board(keep=True) as shown:
        record = process_chain(
            options,
            choices_of(settings),
            files=files_of,
            weights=fetch_weights,
            notify=lambda sentence: shown.say(f"note: {sentence}"),
            track=partial(shown.track, unit="frame"),
        )
    return _chain_summary(record, options.output)


def _frame_by_frame(options: "ProcessOptions", settings: "Settings", graph: Path | None) -> str:
    """Stage 2a alone, which needs no other."""
    from trt_anime.runtime.process import process_clip

    def track(total: int | None) -> "AbstractContextManager[Advance]":
        return progress("frames", total=total, unit="frame")

    return _summary(
        process_clip(options, graph=asked.graph_asked(settings, graph), notify=note, track=track)
    )


def _predicted(record: "ChainRecord") -> list[str]:
    """A table: of each pass, and of what comes before and after all, what networks and the rest take."""
    from trt_anime.cli.table import table

    passes = [(one.name, one.run_s, one.networks_s) for one in record.passes]
    others = max(record.elapsed_s - sum(seconds for _, seconds, _ in passes), 0.0)
    rows = [*passes, ("look, previews", others, 0.0), ("all", record.elapsed_s, record.networks_s)]
    head = ["predicted for", "seconds", "networks", "host beside them"]
    cells = [
        [name, f"{run:.1f}", f"{waited:.1f}", f"{max(run - waited, 0):.1f}"] for name, run, waited in rows
    ]
    return [f"  {line}" for line in table(head, cells).splitlines()]


def _summary(record: "RunRecord") -> str:
    held = record.frames - record.computed
    parts = [f"{record.frames} frames"]
    parts += [f"{held} of them held"] if held else []
    parts += [f"{record.resumed} of them from before"] if record.resumed else []
    speed = f"{', '.join(parts)} in {record.elapsed_s:.1f} s ({record.fps:.2f} FPS)"
    if record.device.startswith("null"):
        speed = f"predicted: {speed}; {_NO_RESULT}"
    return "\n".join(f"{output}: {speed}" for output in record.outputs)


def _chain_summary(record: "ChainRecord", output: Path) -> str:
    held = record.frames - record.computed
    speed = (
        f"{record.frames} frames, {held} of them held, in {record.elapsed_s:.1f} s ({record.fps:.2f} FPS)"
    )
    if record.device.startswith("null"):
        return "\n".join([f"{output}: predicted: {speed}", *_predicted(record), f"  {_NO_RESULT}"])
    lines = [f"{output}: {speed}", *(f"  {path}" for path in record.outputs)]
    lines += [f"  stage {stage}: {reason}" for stage, reason in record.without.items()]
    if record.recomposition:
        lines.append(f"  recomposed: {record.recomposition['median_db']:.1f} dB in the median frame")
    return "\n".join(lines)
