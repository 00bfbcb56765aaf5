"""`trt-anime process`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trt_anime.errors import InputError, MissingError

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from fractions import Fraction

    from trt_anime.cli.progress import Advance
    from trt_anime.config import Settings
    from trt_anime.runtime.record import RunRecord
    from trt_anime.runtime.stages import Stage


# Containers count time in 32 bits.
_MOST_TICKS = 2**31 - 1


def process(
    source: Annotated[Path, typer.Argument(metavar="INPUT", help="A video, or a folder of frames.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for the layers and run.json.")],
    config: Annotated[Path | None, typer.Option(help="JSON file with settings; options here win.")] = None,
    stages: Annotated[str, typer.Option(help="Stages to run, such as 2a or 2a,2b.")] = "2a",
    model: Annotated[str | None, typer.Option(help="Network of stage 2a  [default: u2netp]")] = None,
    graph: Annotated[Path | None, typer.Option(help="Stage graph (ONNX) to use.")] = None,
    device: Annotated[
        str | None, typer.Option(help="auto, cpu, cuda:0 or null (no work)  [default: auto]")
    ] = None,
    provider: Annotated[
        str | None,
        typer.Option(help="auto, onnxruntime, openvino or tensorrt  [default: auto]"),
    ] = None,
    precision: Annotated[
        str | None, typer.Option(help="fp32, fp16, int8 or fp8  [default: the fastest there is]")
    ] = None,
    allow_cpu_nodes: Annotated[
        bool, typer.Option("--allow-cpu-nodes", help="Let the CPU run what ONNX Runtime's CUDA can't.")
    ] = False,
    latencies: Annotated[
        Path | None, typer.Option(help="Profile that --device null replays: how fast would that GPU be?")
    ] = None,
    format: Annotated[
        str | None, typer.Option(help="png, png16, ffv1, prores, webm or exr  [default: png]")
    ] = None,
    preset: Annotated[
        str | None, typer.Option(help="fast, balanced or quality  [default: balanced]")
    ] = None,
    held_frames: Annotated[
        bool | None,
        typer.Option("--held-frames/--no-held-frames", help="Reuse results of repeats  [default: yes]"),
    ] = None,
    batch_size: Annotated[int | None, typer.Option(help="Frames per run  [default: 1]")] = None,
    threads: Annotated[int | None, typer.Option(help="CPU cores to use  [default: all]")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Stop after so many frames.")] = None,
    rate: Annotated[str, typer.Option(help="Frames per second of a folder.")] = "24",
    resume: Annotated[bool, typer.Option("--resume", help="Go on where an earlier run stopped.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace earlier results.")] = False,
) -> None:
    """Split a video, or a folder of frames, into layers."""
    try:
        if graph and model:
            raise InputError("--graph and --model: give one of the two")
        if resume and overwrite:
            raise InputError("--resume and --overwrite: give one of the two")
        settings = _settings(
            config,
            stage2a__model_type=model,
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
            "stages": tuple(word.strip() for word in stages.split(",")),
            "allow_cpu_nodes": allow_cpu_nodes,
            "latencies": latencies,
            "limit": limit,
            "rate": _fraction(rate),
            "resume": resume,
            "overwrite": overwrite,
        }
        record = _processed(settings, run, graph)
    except KeyboardInterrupt:
        kept = f"finished work is kept in {output}; --resume goes on with it"
        _notify(f"interrupted: {kept if output.exists() else 'nothing was written yet'}")
        raise typer.Exit(130) from None
    print(_summary(record))


def _settings(config: Path | None, **options: object) -> "Settings":
    from trt_anime.config import load_settings

    settings, notices = load_settings(config, **options)
    for sentence in notices:
        _notify(sentence)
    return settings


def _processed(settings: "Settings", run: dict[str, Any], graph: Path | None) -> "RunRecord":
    from trt_anime.runtime.options import ProcessOptions
    from trt_anime.runtime.process import process_clip

    options = ProcessOptions(
        device=settings.device,
        provider=settings.provider,
        precision=settings.precision,
        format=settings.format,
        preset=settings.preset,
        held=settings.held_frames,
        batch_size=settings.batch_size,
        threads=settings.threads,
        **run,
    )

    def graph_of(stage: "Stage") -> Path:
        if stage.number != "2a":
            raise MissingError(
                f"stage {stage.number}: this release has no graph for it; leave it out of --stages, or see "
                "what it would cost with --device null"
            )
        return graph or _matte_graph_of(settings.stage2a.model_type)

    return process_clip(options, graph=graph_of, notify=_notify, track=_track)


def _matte_graph_of(model: str) -> Path:
    from trt_anime.cli.models import console_report
    from trt_anime.export import catalogue, graphs
    from trt_anime.export.recipes.matte import Preprocess

    catalogue.get(model).recipe_as(Preprocess)  # a network for another stage shows before it is fetched
    return graphs.ensure(model, report=console_report())["matte"]


def _fraction(rate: str) -> "Fraction":
    from fractions import Fraction

    try:
        value = Fraction(rate)
    except (ValueError, ZeroDivisionError):
        value = Fraction(0)
    if not 0 < value <= 1000 or max(value.numerator, value.denominator) > _MOST_TICKS:
        raise InputError(f"--rate {rate}: not a number of frames per second; write it as 24 or 24000/1001")
    return value


def _track(total: int | None) -> "AbstractContextManager[Advance]":
    from trt_anime.cli.progress import progress

    return progress("frames", total=total, unit="frame")


def _notify(sentence: str) -> None:
    print(f"note: {sentence}", file=sys.stderr, flush=True)


def _summary(record: "RunRecord") -> str:
    held = record.frames - record.computed
    parts = [f"{record.frames} frames"]
    parts += [f"{held} of them held"] if held else []
    parts += [f"{record.resumed} of them from before"] if record.resumed else []
    speed = f"{', '.join(parts)} in {record.elapsed_s:.1f} s ({record.fps:.2f} FPS)"
    return "\n".join(f"{output}: {speed}" for output in record.outputs)
