"""What `process` and `profile` are asked for: the same options, settings and stages."""

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trt_anime.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from trt_anime.config import Settings
    from trt_anime.runtime.equipment import GraphOf
    from trt_anime.runtime.options import ProcessOptions
    from trt_anime.runtime.stages import Stage

# Containers count time in 32 bits.
_MOST_TICKS = 2**31 - 1

Config = Annotated[Path | None, typer.Option(help="JSON file with settings; options here win.")]
Stages = Annotated[str | None, typer.Option(help="Stages to run, such as 2a or 2a,2c  [default: all]")]
StartStage = Annotated[int | None, typer.Option(min=1, max=4, help="First of the stages  [default: 1]")]
EndStage = Annotated[int | None, typer.Option(min=1, max=4, help="Last of the stages  [default: 4]")]
Effects = Annotated[
    str | None, typer.Option(help="Effects to look for, such as 'glow, fire'; none, no stage 2b.")
]
Characters = Annotated[
    str | None, typer.Option(help="merged into one layer, or separate  [default: merged]")
]
Plate = Annotated[str | None, typer.Option(help="One plate a shot, or also one a frame  [default: frame]")]
Model = Annotated[str | None, typer.Option(help="Network of stage 2a  [default: u2netp]")]
Graph = Annotated[Path | None, typer.Option(help="Stage graph (ONNX) to use, for stage 2a alone.")]
Device = Annotated[
    str | None,
    typer.Option(help="auto, cpu, cuda:0, or null: predicts, computes nothing  [default: auto]"),
]
Provider = Annotated[
    str | None, typer.Option(help="auto, onnxruntime, openvino or tensorrt  [default: auto]")
]
Precision = Annotated[
    str | None, typer.Option(help="fp32, fp16, int8 or fp8  [default: the fastest there is]")
]
AllowCpuNodes = Annotated[
    bool, typer.Option("--allow-cpu-nodes", help="Let the CPU run what ONNX Runtime's CUDA can't.")
]
Latencies = Annotated[
    Path | None,
    typer.Option(help="run.json, profile or latencies that --device null replays: how fast there?"),
]
Format = Annotated[str | None, typer.Option(help="png, png16, ffv1, prores, webm or exr  [default: png]")]
Preset = Annotated[str | None, typer.Option(help="fast, balanced or quality  [default: balanced]")]
HeldFrames = Annotated[
    bool | None,
    typer.Option("--held-frames/--no-held-frames", help="Reuse results of repeats  [default: yes]"),
]
BatchSize = Annotated[int | None, typer.Option(help="Frames per run  [default: 1]")]
Threads = Annotated[int | None, typer.Option(help="CPU cores to use  [default: all]")]
Limit = Annotated[int | None, typer.Option(min=1, help="Stop after so many frames.")]
Rate = Annotated[str, typer.Option(help="Frames per second of a folder.")]


def settings_asked(
    config: Path | None,
    *,
    model: str | None = None,
    graph: Path | None = None,
    characters: str | None = None,
    effects: str | None = None,
    plate: str | None = None,
    **plain: object,
) -> "Settings":
    """Settings of a file with the command line's options over them; None where it says nothing.

    Args:
        plain: options that are called as their settings are.

    Raises:
        InputError: options that exclude each other, or see `load_settings`.
    """
    from trt_anime.config import load_settings

    if graph and model:
        raise InputError("--graph and --model: give one of the two")
    return load_settings(
        config,
        stage2a__model_type=model,
        stage2a__characters=characters,
        stage2b__effect_prompts=_words(effects),
        stage2c__plate=plate,
        **plain,
    )


def stages_asked(
    stages: str | None,
    start: int | None,
    end: int | None,
    settings: "Settings",
    *,
    graph: Path | None,
    notify: "Callable[[str], None]",
) -> tuple[str, ...]:
    """Numbers of the stages to run, such as ``2a``, in the order in which users write them.

    Raises InputError: no such stage, or stage 2b has nothing to look for.
    """
    from trt_anime.runtime.results.places import FOLDERS

    if stages is None and not (start or end) and graph:
        return ("2a",)
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
        notify("stage 2b is left out: nothing to look for; name it with --effects, such as 'glow, fire'")
        return tuple(stage for stage in within if stage != "2b")
    return within


def is_frame_by_frame(options: "ProcessOptions", graph: Path | None) -> bool:
    """Whether it is stage 2a alone, which needs no other.

    Raises InputError: `graph` was given for other stages.
    """
    if options.stages == ("2a",):
        return True
    if graph:
        raise InputError(f"--graph {graph}: goes with --stages 2a; other stages take theirs by name")
    return False


def graph_asked(settings: "Settings", graph: Path | None) -> "GraphOf":
    """Gives the graph of stage 2a, for a run frame by frame."""
    from trt_anime.cli.choosing import choices_of, matte_graph_of

    def graph_of(stage: "Stage") -> Path:
        return graph or matte_graph_of(choices_of(settings).characters.model)

    return graph_of


def rate_asked(rate: str) -> Fraction:
    """Frames per second. Raises InputError: it is no such number."""
    try:
        value = Fraction(rate)
    except (ValueError, ZeroDivisionError):
        value = Fraction(0)
    if not 0 < value <= 1000 or max(value.numerator, value.denominator) > _MOST_TICKS:
        raise InputError(f"--rate {rate}: not a number of frames per second; write it as 24 or 24000/1001")
    return value


def _words(listed: str | None) -> list[str] | None:
    return None if listed is None else [word.strip() for word in listed.split(",") if word.strip()]


def _check_prompts(settings: "Settings", stages: tuple[str, ...]) -> None:
    """Raises InputError: stage 2b has nothing to look for."""
    if not settings.stage2b.effect_prompts:
        raise InputError(
            f"--stages {','.join(stages)}: stage 2b has nothing to look for; add --effects 'glow, fire' or"
            " `stage2b.effect_prompts`"
        )
