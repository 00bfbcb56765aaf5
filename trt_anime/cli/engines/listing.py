"""`trt-anime engines list`."""

import json
from typing import TYPE_CHECKING, Annotated

import typer

from trt_anime.cli.table import table

if TYPE_CHECKING:
    from trt_anime.engines.store import Entry


def list_engines(
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the manifests instead of a table.")
    ] = False,
) -> None:
    """Show every engine on this machine."""
    from trt_anime.engines.store import entries

    found = entries()
    if as_json:
        manifests = [json.loads(entry.manifest.to_json()) for entry in found]
        paths = [{"path": str(entry.engine)} for entry in found]
        print(
            json.dumps([path | manifest for path, manifest in zip(paths, manifests, strict=True)], indent=2)
        )
        return
    header = ("STAGE", "MODEL", "FRAME", "BATCH", "PRECISION", "TARGET", "SIZE", "BUILT WITH", "FOLDER")
    print(table(header, map(_row, found)))


def _row(entry: "Entry") -> tuple[str, ...]:
    recipe = entry.manifest.recipe
    shapes = recipe.profile
    return (
        recipe.stage,
        recipe.model,
        shapes.frame,
        f"{shapes.min_batch}-{shapes.max_batch}",
        recipe.precision,
        recipe.target,
        f"{entry.manifest.size_bytes / 1e6:.1f} MB",
        recipe.flavour_version,
        entry.folder.name,
    )
