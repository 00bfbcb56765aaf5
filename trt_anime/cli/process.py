"""`trt-anime process`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trt_anime.errors import InputError

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from fractions import Fraction

    from trt_anime.cli.progress import Advance
    from trt_anime.config import Settings
    from trt_anime.runtime.options import ProcessOptions
    from trt_anime.runtime.passes.record import ChainRecord
    from trt_anime.runtime.record import RunRecord
    from trt_anime.runtime.stages import Stage


_NO_RESULT = "what lies there is made up, and no result"

# Containers count time in 32 bits.
_MOST_TICKS = 2**31 - 1


def process(
    source: Annotated[Path, typer.Argument(metavar="INPUT", help="A video, or a folder of frames.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for the layers and run.json.")],
    config: Annotated[Path | None, typer.Option(help="JSON file with settings; options here win.")] = None,
    stages: Annotated[
        str | None, typer.Option(help="Stages to run, such as 2a or 2a,2c  [default: all]")
    ] = None,
    start_stage: Annotated[
        int | None, typer.Option(min=1, max=4, help="First of the stages  [default: 1]")
    ] = None,
    end_stage: Annotated[
        int | None, typer.Option(min=1, max=4, help="Last of the stages  [default: 4]")
    ] = None,
    effects: Annotated[
        str | None, typer.Option(help="Effects to look for, such as 'glow, fire'; none, no stage 2b.")
    ] = None,
    characters: Annotated[
        str | None, typer.Option(help="merged into one layer, or separate  [default: merged]")
    ] = None,
    plate: Annotated[
        str | None, typer.Option(help="One plate a shot, or also one a frame  [default: frame]")
    ] = None,
    model: Annotated[str | None, typer.Option(help="Network of stage 2a  [default: u2netp]")] = None,
    graph: Annotated[
        Path | None, typer.Option(help="Stage graph (ONNX) to use, for stage 2a alone.")
    ] = None,
    device: Annotated[
        str | None,
        typer.Option(help="auto, cpu, cuda:0, or null: predicts, computes nothing  [default: auto]"),
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
        Path | None,
        typer.Option(help="run.json, profile or latencies that --device null replays: how fast there?"),
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
    from trt_anime.config import load_settings

    try:
        if graph and model:
            raise InputError("--graph and --model: give one of the two")
        if resume and overwrite:
            raise InputError("--resume and --overwrite: give one of the two")
        settings = load_settings(
            config,
            stage2a__model_type=model,
            stage2a__characters=characters,
            stage2b__effect_prompts=_words(effects),
            stage2c__plate=plate,
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
            "rate": _fraction(rate),
            "resume": resume,
            "overwrite": overwrite,
        }
        alone = graph is not None and stages is None and not (start_stage or end_stage)
        wanted = ("2a",) if alone else _stages(stages, start_stage, end_stage, settings)
        print(_processed(settings, {**run, "stages": wanted}, graph))
    except KeyboardInterrupt:
        kept = f"finished work is kept in {output}; --resume goes on with it"
        _notify(f"interrupted: {kept if output.exists() else 'nothing was written yet'}")
        raise typer.Exit(130) from None


def _words(listed: str | None) -> list[str] | None:
    return None if listed is None else [word.strip() for word in listed.split(",") if word.strip()]


def _stages(
    stages: str | None, start: int | None, end: int | None, settings: "Settings"
) -> tuple[str, ...]:
    """Numbers of the stages to run, such as ``2a``, in the order in which users write them."""
    from trt_anime.runtime.results.places import FOLDERS

    if stages is not None:
        if start or end:
            raise InputError("--stages goes without --start-stage and --end-stage; give one of the two")
        given = tuple(word.strip() for word in stages.split(","))
        if unknown := [stage for stage in given if stage not in FOLDERS]:
            raise InputError(f"--stages {unknown[0]}: no such stage; use {', '.join(FOLDERS)}")
        if "2b" in given:
            _check_prompts(settings, given)
        return given
    first, last = start or 1, end or 4
    if first > last:
        raise InputError(f"--start-stage {first}: lies behind --end-stage {last}; swap them")
    within = tuple(stage for stage in FOLDERS if first <= int(stage[0]) <= last)
    if "2b" in within and not settings.stage2b.effect_prompts:
        _notify("stage 2b is left out: nothing to look for; name it with --effects, such as 'glow, fire'")
        return tuple(stage for stage in within if stage != "2b")
    return within


def _check_prompts(settings: "Settings", stages: tuple[str, ...]) -> None:
    """Raises InputError: stage 2b has nothing to look for."""
    if not settings.stage2b.effect_prompts:
        raise InputError(
            f"--stages {','.join(stages)}: stage 2b has nothing to look for; add --effects 'glow, fire' or"
            " `stage2b.effect_prompts`"
        )


def _processed(settings: "Settings", run: dict[str, Any], graph: Path | None) -> str:
    """Run it; returns what to say of it."""
    from trt_anime.cli.choosing import choices_of, files_of, options_of

    options = options_of(settings, **run)
    if options.stages == ("2a",):
        return _frame_by_frame(options, settings, graph)
    if graph:
        raise InputError(f"--graph {graph}: goes with --stages 2a; other stages take theirs by name")
    from trt_anime.runtime.passes.run import process_chain

    record = process_chain(options, choices_of(settings), files=files_of, notify=_notify, track=_track)
    return _chain_summary(record, options.output)


def _frame_by_frame(options: "ProcessOptions", settings: "Settings", graph: Path | None) -> str:
    """Stage 2a alone, which needs no other."""
    from trt_anime.cli.choosing import choices_of, matte_graph_of
    from trt_anime.runtime.process import process_clip

    def graph_of(stage: "Stage") -> Path:
        return graph or matte_graph_of(choices_of(settings).characters.model)

    def track(total: int | None) -> "AbstractContextManager[Advance]":
        return _track("frames", total)

    return _summary(process_clip(options, graph=graph_of, notify=_notify, track=track))


def _fraction(rate: str) -> "Fraction":
    from fractions import Fraction

    try:
        value = Fraction(rate)
    except (ValueError, ZeroDivisionError):
        value = Fraction(0)
    if not 0 < value <= 1000 or max(value.numerator, value.denominator) > _MOST_TICKS:
        raise InputError(f"--rate {rate}: not a number of frames per second; write it as 24 or 24000/1001")
    return value


def _track(title: str, total: int | None) -> "AbstractContextManager[Advance]":
    from trt_anime.cli.progress import progress

    return progress(title, total=total, unit="frame")


def _notify(sentence: str) -> None:
    print(f"note: {sentence}", file=sys.stderr, flush=True)


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
