"""`trt-anime export`: a checkpoint becomes a stage graph."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Door(StrEnum):
    """Which published file to start from."""

    ONNX = "onnx"
    PTH = "pth"


def export(
    models: Annotated[list[str], typer.Argument(metavar="MODEL...", help="Such as u2netp.")],
    door: Annotated[
        Door | None,
        typer.Option(
            help="Published file to start from: onnx (no PyTorch needed) or pth  [default: the first]"
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Folder for a copy of each graph.")
    ] = None,
) -> None:
    """Turn checkpoints into stage graphs, checked against PyTorch."""
    from trt_anime.cli.models import console_report
    from trt_anime.export import graphs
    from trt_anime.files import write_bytes

    for name in models:
        made = graphs.export(name, door=door.value if door else None, report=console_report())
        for graph in made.graphs:
            path = graph.path
            if output:
                path = output / f"{graph.name}-{name}.onnx"
                write_bytes(path, graph.path.read_bytes())
            print(f"{name}: {path} ({path.stat().st_size / 1e6:.1f} MB) from {made.checkpoint.name}")
            print("  nodes: all can be built by TensorRT-RTX")
            print(f"  against PyTorch: {graph.difference or _why_not_compared()}")


def _why_not_compared() -> str:
    from importlib.util import find_spec

    return "not compared, " + ("it has no network in it" if find_spec("torch") else "it is not installed")
