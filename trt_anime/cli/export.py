"""`trt-anime export`: checkpoints become stage graphs."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from trt_anime.export.graphs import Exported

ALL = "all"


class Door(StrEnum):
    """Which published file to start from."""

    ONNX = "onnx"
    PTH = "pth"
    SAFETENSORS = "safetensors"


def export(
    models: Annotated[
        list[str],
        typer.Argument(metavar="MODEL...", help="Such as u2netp; or all, whose weights are here."),
    ],
    door: Annotated[
        Door | None,
        typer.Option(help="Published file to start from; onnx needs no PyTorch  [default: the first]"),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Folder for a copy of each graph.")
    ] = None,
) -> None:
    """Turn checkpoints into stage graphs, checked against PyTorch."""
    from trt_anime.cli.chosen import models_here
    from trt_anime.cli.models import console_report
    from trt_anime.errors import TrtAnimeError
    from trt_anime.export import catalogue, graphs

    here = models_here(ALL) if ALL in models else []
    names = list(dict.fromkeys([*(name for name in models if name != ALL), *here]))
    for name in names:
        catalogue.get(name)  # a slip of the pen shows before the first download
    failed: list[TrtAnimeError] = []
    for name in names:
        try:
            made = graphs.export(name, door=door.value if door else None, report=console_report())
        except TrtAnimeError as error:
            if len(names) == 1:
                raise
            print(f"error: {name}: {error}", file=sys.stderr, flush=True)
            failed.append(error)
        else:
            _show(name, made, output)
    if failed:
        reasons = "reason" if len(failed) == 1 else "reasons"
        raise type(failed[0])(f"{len(failed)} of {len(names)} models were not exported, {reasons} above")


def _show(name: str, made: "Exported", output: Path | None) -> None:
    from trt_anime.files import write_copy

    if output:  # before their graphs, which may share one: a graph that is there can be used
        for weights in {graph.weights for graph in made.graphs if graph.weights}:
            write_copy(output / weights.name, weights, linked=True)
    for graph in made.graphs:
        path = graph.path
        if output:
            path = output / f"{graph.name}-{name}.onnx"
            write_copy(path, graph.path)
        print(f"{name}: {path} ({path.stat().st_size / 1e6:.1f} MB) from {made.checkpoint.name}")
        print(f"  nodes: {_buildable(graph.path)}")
        print(f"  against PyTorch: {graph.difference or _why_not_compared()}")


def _buildable(path: Path) -> str:
    """For which GPU types TensorRT-RTX builds a graph as it is, in FP32, and why not for the others."""
    from trt_anime.engines.builder import onnx_from_file
    from trt_anime.engines.lint import refused_by_targets
    from trt_anime.engines.targets import targets_of

    found = refused_by_targets(onnx_from_file(path), targets_of("rtx"))
    if not any(found.values()):
        return "all can be built by TensorRT-RTX, for every GPU type"
    words = [
        f"{target.name} refuses {len(no)} of them, such as {no[0]}" for target, no in found.items() if no
    ]
    good = ", ".join(target.name for target, refused in found.items() if not refused)
    return "; ".join([f"all can be built for {good or 'no GPU type'}", *words])


def _why_not_compared() -> str:
    from importlib.util import find_spec

    if find_spec("torch") is None:
        return "not compared, it is not installed; `pip install 'trt-anime[export]'` brings it"
    return "not compared, the graph computes with no weights of the checkpoint"
