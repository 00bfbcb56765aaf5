"""`trt-anime models`: checkpoints, from the catalogue to the disk."""

import json
import sys
import textwrap
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from trt_anime.cli.table import table
from trt_anime.errors import DownloadError, InputError

if TYPE_CHECKING:
    from trt_anime.cli.progress import Advance
    from trt_anime.export.catalogue import Checkpoint, Model
    from trt_anime.export.checkpoints import Record, Report

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="List, fetch and import the networks' weights. TRT_ANIME_HOME says where they are kept.",
)

Name = Annotated[str, typer.Argument(help="Name of a model, as in `trt-anime models list`.")]


@app.command("list")
def list_models(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    here: Annotated[
        bool, typer.Option("--here", help="Print only the names of those on this machine.")
    ] = False,
) -> None:
    """Show every model, its licence and size, and whether it is on this machine."""
    from trt_anime.export.catalogue import CATALOGUE
    from trt_anime.export.checkpoints import names_here

    if here:
        print("".join(f"{name}\n" for name in names_here()), end="")
        return
    if as_json:
        print(json.dumps([_facts(model) for model in CATALOGUE.values()], indent=2))
        return
    rows = []
    for model in CATALOGUE.values():
        licence = model.licence + (" (!)" if model.licence_note else "")
        size = _size(model.files[0].size_bytes)
        rows.append((model.name, model.stage, licence, size, _state(model), model.title))
    print(table(("NAME", "STAGE", "LICENCE", "SIZE", "STATE", "WHAT IT IS"), rows))
    if any(model.licence_note for model in CATALOGUE.values()):
        print("\n(!) read the note on the licence: trt-anime models info NAME")


@app.command()
def info(name: Name) -> None:
    """Show all there is to know about one model."""
    from trt_anime.export.catalogue import get
    from trt_anime.export.checkpoints import stored

    model = get(name)
    print(f"{model.name}: {model.title}\n")
    _print_pairs(
        ("stage", model.stage),
        ("architecture", model.architecture),
        ("licence", model.licence),
        ("", model.licence_note),
        ("page", model.page),
        *model.recipe.facts(),
    )
    here = stored(model)
    for checkpoint in model.files:
        print(f"\n{checkpoint.filename}, {_size(checkpoint.size_bytes)} (--door {checkpoint.format})")
        _print_pairs(
            ("SHA-256", checkpoint.sha256 or "not published; the first download pins it in lock.json"),
            ("MD5", checkpoint.md5 or ""),
            *zip(["sources"] + [""] * 9, checkpoint.sources, strict=False),
        )
    print("" if here else "\nNot on this machine; fetch it with `trt-anime models pull " + name + "`.")
    for path, record in here.items():
        print(f"On this machine: {path}")
        _print_pairs(("from", f"{record.source}, {record.date}"), ("SHA-256", record.sha256))


@app.command()
def pull(
    names: Annotated[list[str] | None, typer.Argument(metavar="NAME", help="Models to fetch.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Fetch every model of the catalogue.")] = False,
    door: Annotated[
        Literal["onnx", "pth", "safetensors"] | None,
        typer.Option(help="Which of a model's files; default is the first that `info` shows."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Fetch again what is here already.")] = False,
) -> None:
    """Fetch models, checked against their published hashes. Run it again to resume."""
    from trt_anime.export import checkpoints
    from trt_anime.export.catalogue import CATALOGUE, get

    models = CATALOGUE if everything else {name: get(name) for name in names or []}
    if not models:
        raise InputError("Name the models to fetch, or give --all; `trt-anime models list` shows them")
    failed = []
    for name, model in models.items():
        try:
            path = checkpoints.pull(model, door=door, force=force, report=console_report())
        except DownloadError as error:
            if len(models) == 1:
                raise
            print(f"error: {error}", file=sys.stderr)
            failed.append(name)
        else:
            _print_stored(model, path, checkpoints.stored(model)[path])
    if failed:
        was = "was" if len(failed) == 1 else "were"
        raise DownloadError(
            f"{len(failed)} of {len(models)} models {was} not fetched ({', '.join(failed)});"
            " the reasons are above"
        )


@app.command("import")
def import_model(
    name: Name,
    file: Annotated[Path, typer.Argument(help="A .pth, .ckpt, .safetensors or .onnx file.")],
) -> None:
    """Take in a checkpoint that you have: the published one, or your own training of the network."""
    from trt_anime.export import checkpoints
    from trt_anime.export.catalogue import get

    model = get(name)
    path = checkpoints.import_file(model, file, report=console_report())
    _print_stored(model, path, checkpoints.stored(model)[path])


def console_report() -> "Report":
    """Single lines and progress on stderr, so that stdout holds results only."""
    from trt_anime.cli.progress import progress
    from trt_anime.export.checkpoints import Report

    def bar(title: str, total: int | None) -> "AbstractContextManager[Advance]":
        return progress(title, total=total, unit="byte")

    return Report(say=lambda line: print(line, file=sys.stderr), progress=bar)


def _print_stored(model: "Model", path: Path, record: "Record") -> None:
    source = "your own file" if record.source == "import" else record.source
    known = {file.sha256 for file in model.files}
    state = "as published" if record.sha256 in known else "pinned" if record.published else "your own"
    print(f"{model.name}: {path}")
    _print_pairs(
        ("from", f"{source}, {_size(record.size_bytes)}"),
        ("SHA-256", f"{record.sha256} ({state})"),
        ("licence", record.licence),
        ("", model.licence_note if record.published else ""),
    )


def _print_pairs(*pairs: tuple[str, str]) -> None:
    for key, value in pairs:
        indent = f"  {key:<13} "
        for line in textwrap.wrap(value, 92, break_long_words=False, break_on_hyphens=False):
            print(indent + line)
            indent = " " * len(indent)


def _facts(model: "Model") -> dict[str, object]:
    from trt_anime.export.checkpoints import stored

    return {
        "name": model.name,
        "stage": model.stage,
        "architecture": model.architecture,
        "title": model.title,
        "licence": model.licence,
        "licence_note": model.licence_note,
        "doors": {file.format: _door_facts(file) for file in model.files},
        "here": [
            {"path": str(path), "format": record.format, "source": record.source, "sha256": record.sha256}
            for path, record in stored(model).items()
        ],
    }


def _door_facts(file: "Checkpoint") -> dict[str, object]:
    return {"filename": file.filename, "size_bytes": file.size_bytes, "sha256": file.sha256}


def _state(model: "Model") -> str:
    from trt_anime.export.checkpoints import stored

    here = [
        record.format if record.published else f"your own {record.format}"
        for record in stored(model).values()
    ]
    return f"here ({', '.join(here)})" if here else "not here"


def _size(size_bytes: int | None) -> str:
    return "unknown" if size_bytes is None else f"{size_bytes / 1e6:.1f} MB"
