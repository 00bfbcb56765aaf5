"""The command line: one module per command, nothing heavy imported until a command runs."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from trt_anime import __version__
from trt_anime.cli import (
    calibrate,
    convert,
    doctor,
    engines,
    export,
    models,
    plan,
    process,
    profiling,
    search,
)
from trt_anime.errors import TrtAnimeError

app = typer.Typer(
    no_args_is_help=True,
    invoke_without_command=True,
    add_completion=False,
    rich_markup_mode=None,  # plain help: loading the rich renderer would triple the time of `--help`
    pretty_exceptions_enable=False,
)


@app.callback()
def root(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[bool, typer.Option("--version", help="Print the version.", is_eager=True)] = False,
) -> None:
    """Anime video in, aligned layers out."""
    if version:
        print(f"trt-anime {__version__}")


app.command("process")(process.process)
app.command("convert")(convert.convert)
app.command("export")(export.export)
app.command("calibrate")(calibrate.calibrate)
app.command("search")(search.search)
app.command("doctor")(doctor.doctor)
app.command("plan")(plan.plan)
app.add_typer(models.app, name="models")
app.add_typer(engines.app, name="engines")
app.add_typer(profiling.app, name="profile")


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and leave the process with its exit code.

    0 done, 1 failed while running, 2 bad usage or input, 3 something required is missing,
    130 interrupted.
    """
    if sys.stderr is None:  # closed by whoever started us
        sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115 - for the life of the process
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    # Users add --debug at the end of the line that failed; typer would take it at the front only.
    debug = "--debug" in arguments
    try:
        app([word for word in arguments if word != "--debug"], prog_name="trt-anime")
    except Exception as error:
        if debug:
            raise
        if isinstance(error, TrtAnimeError):
            print(f"error: {error}", file=sys.stderr)
            sys.exit(error.exit_code)
        kind, words = type(error).__name__, " ".join(str(error).split())
        print(
            f"error: unexpected {kind}: {words} (run again with --debug for the traceback)", file=sys.stderr
        )
        sys.exit(1)
