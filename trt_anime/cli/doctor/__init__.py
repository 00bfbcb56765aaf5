"""`trt-anime doctor`: what this machine can do, and why not."""

import json
from typing import Annotated

import typer


def doctor(
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON, as docs/doctor.md describes it.")
    ] = False,
) -> None:
    """Show what this machine can do, and why not. Exit code 3: there are problems, each with a cure."""
    from dataclasses import asdict

    from trt_anime.cli.doctor.catalogue import graph_files, model_states
    from trt_anime.cli.doctor.text import text_of
    from trt_anime.errors import MissingError
    from trt_anime.runtime.doctor.examine import examine

    report = examine(models=model_states, graph_files=graph_files)
    print(json.dumps(asdict(report), indent=2) if as_json else text_of(report))
    if report.problems:
        raise typer.Exit(MissingError.exit_code)
