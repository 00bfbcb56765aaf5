"""`trt-anime engines lint`: whether a graph can be built, before anybody builds it."""

from pathlib import Path
from typing import Annotated

import typer


def lint(
    graph: Annotated[Path, typer.Argument(metavar="GRAPH", help="An ONNX file.")],
    gpu: Annotated[str, typer.Option(help="GPU types, comma-separated, as `engines build` takes.")] = "all",
) -> None:
    """Name every node that a target won't build, and what to do about it. Builds nothing.

    The exit code is 1 if there is one. What another precision would cure counts: a graph is built in the
    precision that it is in.
    """
    from trt_anime.engines.builder import onnx_from_file
    from trt_anime.engines.lint import refused_by_targets
    from trt_anime.engines.targets import targets_from_names
    from trt_anime.errors import EngineError

    targets = targets_from_names(gpu)
    found = refused_by_targets(onnx_from_file(graph), targets)
    for target in targets:
        if not found[target]:
            print(f"{target.name}: nothing in it is refused")
        for refusal in found[target]:
            print(f"{target.name}: {refusal}")
    failed = [target.name for target in targets if found[target]]
    if failed:
        raise EngineError(f"{graph}: can't be built for {', '.join(failed)}, reasons above")
