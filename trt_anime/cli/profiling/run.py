"""`trt-anime profile CLIP -o DIR`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trt_anime.errors import InputError, MissingError

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from trt_anime.cli.progress import Advance
    from trt_anime.runtime.profiling.profiled import Profile
    from trt_anime.runtime.stages import Stage


def run(
    source: Annotated[Path, typer.Argument(metavar="CLIP", help="A video, or a folder of frames.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for the report.")],
    stages: Annotated[str, typer.Option(help="Stages to run, such as 2a or 2a,2b.")] = "2a",
    model: Annotated[str | None, typer.Option(help="Network of stage 2a  [default: u2netp]")] = None,
    graph: Annotated[Path | None, typer.Option(help="Stage graph (ONNX) of stage 2a to use.")] = None,
    device: Annotated[
        str | None, typer.Option(help="auto, cpu, cuda:0 or null (no work)  [default: auto]")
    ] = None,
    provider: Annotated[
        str | None, typer.Option(help="auto, onnxruntime, openvino or tensorrt  [default: auto]")
    ] = None,
    precision: Annotated[
        str | None, typer.Option(help="fp32, fp16, int8 or fp8  [default: the fastest there is]")
    ] = None,
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
    batch_size: Annotated[int | None, typer.Option(help="Frames per run of a stage  [default: 1]")] = None,
    threads: Annotated[int | None, typer.Option(help="CPU cores to use  [default: all]")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Stop after so many frames.")] = None,
    runs: Annotated[
        int, typer.Option(min=1, max=99, help="Times to run the clip; `compare` needs 2 or more.")
    ] = 3,
) -> None:
    """Run a clip as `process` does, and say where the time went. Its layers aren't kept."""
    from trt_anime.runtime.profiling.files import write_profile

    if graph and model:
        raise InputError("--graph and --model: give one of the two")
    try:
        profile = profiled_clip(
            source,
            output,
            runs=runs,
            graph=graph,
            stages=tuple(word.strip() for word in stages.split(",")),
            latencies=latencies,
            limit=limit,
            model=model,
            device=device,
            provider=provider,
            precision=precision,
            format=format,
            preset=preset,
            held_frames=held_frames,
            batch_size=batch_size,
            threads=threads,
        )
    except KeyboardInterrupt:
        _notify("interrupted: nothing was written")
        raise typer.Exit(130) from None
    write_profile(output, profile)
    print(_summary(output, profile.facts))


def profiled_clip(
    source: Path,
    output: Path,
    *,
    runs: int,
    graph: Path | None = None,
    stages: tuple[str, ...] = ("2a",),
    latencies: Path | None = None,
    limit: int | None = None,
    model: str | None = None,
    **settings: object,
) -> "Profile":
    """Profile a clip as the command does; writes no report.

    Args:
        settings: of the command line, None where it says nothing.

    Raises:
        TrtAnimeError: as `profile_clip`.
    """
    from trt_anime.cli.choosing import choices_of, matte_graph_of, options_of
    from trt_anime.config import load_settings
    from trt_anime.runtime.profiling.profiled import profile_clip

    found = load_settings(None, stage2a__model_type=model, **settings)

    def graph_of(stage: "Stage") -> Path:
        if stage.number != "2a":
            raise MissingError(
                f"stage {stage.number}: only stage 2a is profiled; leave it out of --stages, or see what it"
                " would cost with --device null"
            )
        return graph or matte_graph_of(choices_of(found).characters.model)

    options = options_of(
        found, input=source, output=output, stages=stages, limit=limit, latencies=latencies
    )
    return profile_clip(options, graph=graph_of, runs=runs, notify=_notify, track=_track)


def _track(total: int | None) -> "AbstractContextManager[Advance]":
    from trt_anime.cli.progress import progress

    return progress("frames", total=total, unit="frame")


def _notify(sentence: str) -> None:
    print(f"note: {sentence}", file=sys.stderr, flush=True)


def _summary(folder: Path, facts: dict[str, Any]) -> str:
    from trt_anime.cli.table import table

    columns = ("p50_ms", "p90_ms", "p99_ms", "max_ms")
    rows = [
        [row["name"], str(row["count"]), *(f"{row[name]:.2f}" for name in columns)]
        for row in facts["figures"]
    ]
    verdict = facts["verdict"]
    return "\n".join(
        [
            table(["ms", "count", "p50", "p90", "p99", "max"], rows),
            "",
            f"{facts['fps']['steady']:.2f} FPS at steady state, {facts['fps']['over_all']:.2f} over all; "
            f"device idle {facts['device_idle']:.0%}, overlap {facts['overlap']:.2f}",
            verdict["headline"],
            *(f"  - {sentence}" for sentence in verdict["next"]),
            f"{folder / 'report.html'}: open it in a browser; trace.json beside it opens in Perfetto",
        ]
    )
