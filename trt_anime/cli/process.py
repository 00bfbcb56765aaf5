"""`trt-anime process`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trt_anime.errors import InputError

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from fractions import Fraction

    from trt_anime.cli.progress import Advance
    from trt_anime.config import Settings
    from trt_anime.runtime.record import RunRecord


def process(
    source: Annotated[Path, typer.Argument(metavar="INPUT", help="A video, or a folder of frames.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for the layers and run.json.")],
    config: Annotated[Path | None, typer.Option(help="JSON file with settings; options here win.")] = None,
    model: Annotated[str | None, typer.Option(help="Network of stage 2a  [default: u2netp]")] = None,
    graph: Annotated[Path | None, typer.Option(help="Stage graph (ONNX) to use.")] = None,
    device: Annotated[str | None, typer.Option(help="auto or cpu  [default: auto]")] = None,
    format: Annotated[str | None, typer.Option(help="png, ffv1, prores or webm  [default: png]")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Frames per run  [default: 1]")] = None,
    threads: Annotated[int | None, typer.Option(help="CPU cores to use  [default: all]")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Stop after so many frames.")] = None,
    rate: Annotated[str, typer.Option(help="Frames per second of a folder.")] = "24",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace earlier results.")] = False,
) -> None:
    """Split a video, or a folder of frames, into layers."""
    try:
        if graph and model:
            raise InputError("--graph and --model: give one of the two")
        settings = _settings(
            config,
            stage2a__model_type=model,
            device=device,
            format=format,
            batch_size=batch_size,
            threads=threads,
        )
        record = _processed(source, output, graph, settings, overwrite, limit, _fraction(rate))
    except KeyboardInterrupt:
        _notify(f"interrupted: what was finished is kept in {output}")
        raise typer.Exit(130) from None
    print(_summary(record))


def _settings(config: Path | None, **options: object) -> "Settings":
    from trt_anime.config import load_settings

    settings, notices = load_settings(config, **options)
    for sentence in notices:
        _notify(sentence)
    return settings


def _processed(
    source: Path,
    output: Path,
    graph: Path | None,
    settings: "Settings",
    overwrite: bool,
    limit: int | None,
    rate: "Fraction",
) -> "RunRecord":
    from trt_anime.runtime.process import ProcessOptions, process_clip

    options = ProcessOptions(
        input=source,
        output=output,
        device=settings.device,
        format=settings.format,
        batch_size=settings.batch_size,
        threads=settings.threads,
        overwrite=overwrite,
        limit=limit,
        rate=rate,
    )
    return process_clip(
        options,
        graph=lambda: graph or _graph_of(settings.stage2a.model_type),
        notify=_notify,
        track=_track,
    )


def _graph_of(model: str) -> Path:
    from trt_anime.cli.models import console_report
    from trt_anime.export.graphs import ensure

    return ensure(model, report=console_report())


def _fraction(rate: str) -> "Fraction":
    from fractions import Fraction

    try:
        value = Fraction(rate)
    except (ValueError, ZeroDivisionError):
        value = Fraction(0)
    if not 0 < value <= 1000:
        raise InputError(f"--rate {rate}: not a number of frames per second; write it as 24 or 24000/1001")
    return value


def _track(total: int | None) -> "AbstractContextManager[Advance]":
    from trt_anime.cli.progress import progress

    return progress("stage 2a", total=total, unit="frame")


def _notify(sentence: str) -> None:
    print(f"note: {sentence}", file=sys.stderr, flush=True)


def _summary(record: "RunRecord") -> str:
    (stage,) = record.stages
    return f"{stage.output}: {stage.frames} frames in {record.elapsed_s:.1f} s ({stage.fps:.2f} FPS)"
