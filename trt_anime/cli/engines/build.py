"""`trt-anime engines build`: stage graphs into TensorRT engines, for this GPU or for others."""

import re
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

import typer

from trt_anime.errors import EngineError, InputError

if TYPE_CHECKING:
    from trt_anime.engines.builder import StageGraph
    from trt_anime.engines.manifest import Precision, Profile
    from trt_anime.engines.targets import Target


def build(
    models: Annotated[list[str] | None, typer.Argument(metavar="MODELS", help="Such as u2netp.")] = None,
    gpu: Annotated[
        str,
        typer.Option(
            help="GPU types, comma-separated: cards (rtx4090), compute capabilities (sm86), native "
            "(the GPU in this machine), all (every TensorRT-RTX target). No GPU is needed to build "
            "for the RTX types."
        ),
    ] = "native",
    precision: Annotated[str, typer.Option(help="fp16, fp32 or both, comma-separated.")] = "fp16",
    size: Annotated[str, typer.Option(help="Frame size, width x height.")] = "1920x1080",
    max_batch: Annotated[int, typer.Option(min=1, help="Most frames that one call may take.")] = 4,
    graph: Annotated[Path | None, typer.Option(help="A stage graph (ONNX file) instead of models.")] = None,
) -> None:
    """Build engines. What is built already is not built again."""
    from trt_anime.engines.targets import targets_from_names

    profile = _profile(size, max_batch)
    kinds = list(product(_precisions(precision), targets_from_names(gpu)))
    total, failed = len(models or [graph]) * len(kinds), 0
    for stage_graph in _graphs(models or [], graph):
        for wanted, target in kinds:
            try:
                _build(stage_graph, target, wanted, profile)
            except EngineError as error:
                if total == 1:
                    raise
                print(f"error: {error}", file=sys.stderr)
                failed += 1
    if failed:
        raise EngineError(f"{failed} of {total} engines were not built, reasons above")


def _build(graph: "StageGraph", target: "Target", precision: "Precision", profile: "Profile") -> None:
    from trt_anime.cli.progress import Advance, progress
    from trt_anime.engines.builder import engine_from_graph

    title = f"{graph.info.model} {profile.width}x{profile.height} {precision} {target.name}"
    with ExitStack() as stack:
        bar: Advance | None = None
        shown = 0

        def on_progress(share: float) -> None:
            nonlocal bar, shown
            bar = bar or stack.enter_context(progress(title, total=100, unit="percent"))  # none for a hit
            steps = int(100 * share) - shown
            if steps > 0:
                shown += steps
                bar(steps)

        built = engine_from_graph(
            graph, target, precision=precision, profile=profile, on_progress=on_progress
        )
    manifest = built.entry.manifest
    done = "cache hit" if built.cached else f"built in {manifest.build_s:.1f} s"
    print(f"{title}: {done}, {manifest.size_bytes / 1e6:.1f} MB", flush=True)


def _graphs(models: list[str], graph: Path | None) -> Iterator["StageGraph"]:
    from trt_anime.engines.builder import stage_graph_from_file

    if bool(models) == bool(graph):
        raise InputError(
            "Name the models to build (`trt-anime models list`), or give --graph FILE; not both"
        )
    if graph:
        yield stage_graph_from_file(graph)
    for model in models:
        from trt_anime.cli.models import console_report
        from trt_anime.export import graphs

        yield stage_graph_from_file(graphs.ensure(model, report=console_report()))


def _precisions(text: str) -> "tuple[Precision, ...]":
    from trt_anime.engines.manifest import Precision

    names: dict[str, Precision] = {name: name for name in get_args(Precision)}
    wanted = [word.strip().lower() for word in text.split(",")]
    for word in wanted:
        if word not in names:
            raise InputError(f"--precision {word!r}: not one of {', '.join(names)}")
    return tuple(dict.fromkeys(names[word] for word in wanted))


def _profile(size: str, max_batch: int) -> "Profile":
    from trt_anime.engines.manifest import Profile

    numbers = re.fullmatch(r"([1-9]\d*)x([1-9]\d*)", size.strip().lower())
    if not numbers:
        raise InputError(f"--size {size!r}: not a frame size, width x height, such as 1920x1080")
    return Profile(height=int(numbers[2]), width=int(numbers[1]), max_batch=max_batch)
