"""`trt-anime profile CLIP -o DIR`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trt_anime.cli import asked
from trt_anime.cli.progress import note, progress

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from trt_anime.cli.progress import Advance
    from trt_anime.runtime.profiling.profiled import Profile


def run(
    source: Annotated[Path, typer.Argument(metavar="CLIP", help="A video, or a folder of frames.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for the report.")],
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
    runs: Annotated[
        int, typer.Option(min=1, max=99, help="Times to run the clip; `compare` needs 2, better 3 or more.")
    ] = 3,
) -> None:
    """Run a clip as `process` does, and say where the time went. Its layers aren't kept."""
    from trt_anime.runtime.profiling.files import write_profile

    try:
        profile = profiled_clip(
            source,
            output,
            runs=runs,
            config=config,
            stages=stages,
            start_stage=start_stage,
            end_stage=end_stage,
            graph=graph,
            allow_cpu_nodes=allow_cpu_nodes,
            latencies=latencies,
            limit=limit,
            rate=rate,
            model=model,
            effects=effects,
            characters=characters,
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
    except KeyboardInterrupt:
        note("interrupted: nothing was written")
        raise typer.Exit(130) from None
    write_profile(output, profile)
    print(_summary(output, profile.facts))


def profiled_clip(
    source: Path,
    output: Path,
    *,
    runs: int,
    config: Path | None = None,
    stages: str | None = None,
    start_stage: int | None = None,
    end_stage: int | None = None,
    graph: Path | None = None,
    allow_cpu_nodes: bool = False,
    latencies: Path | None = None,
    limit: int | None = None,
    rate: str = "24",
    **settings: Any,
) -> "Profile":
    """Profile a clip as the command does; writes no report.

    Args:
        settings: of the command line, None where it says nothing.

    Raises:
        TrtAnimeError: as `profile_clip` and `profile_chain`.
    """
    from trt_anime.cli.choosing import choices_of, fetch_weights, files_of, options_of

    found = asked.settings_asked(config, graph=graph, **settings)
    options = options_of(
        found,
        input=source,
        output=output,
        stages=asked.stages_asked(stages, start_stage, end_stage, found, graph=graph, notify=note),
        allow_cpu_nodes=allow_cpu_nodes,
        latencies=latencies,
        limit=limit,
        rate=asked.rate_asked(rate),
    )
    if asked.is_frame_by_frame(options, graph):
        from trt_anime.runtime.profiling.profiled import profile_clip

        graph_of = asked.graph_asked(found, graph)
        return profile_clip(options, graph=graph_of, runs=runs, notify=note, track=_frames)
    from trt_anime.runtime.profiling.chain.profiled import profile_chain

    return profile_chain(
        options,
        choices_of(found),
        files=files_of,
        weights=fetch_weights,
        runs=runs,
        notify=note,
        track=_track,
    )


def _track(title: str, total: int | None) -> "AbstractContextManager[Advance]":
    return progress(title, total=total, unit="frame")


def _frames(total: int | None) -> "AbstractContextManager[Advance]":
    return _track("frames", total)


def _summary(folder: Path, facts: dict[str, Any]) -> str:
    from trt_anime.cli.profiling.summary import chain_lines, frame_lines

    verdict = facts["verdict"]
    return "\n".join(
        [
            *(chain_lines(facts) if facts["kind"] == "chain" else frame_lines(facts)),
            verdict["headline"],
            *(f"  - {sentence}" for sentence in verdict["next"]),
            f"{folder / 'report.html'}: open it in a browser; trace.json beside it opens in Perfetto",
        ]
    )
