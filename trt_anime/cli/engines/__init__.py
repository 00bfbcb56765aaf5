"""`trt-anime engines`: one module for each command."""

import typer

from trt_anime.cli.engines import build, listing

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Build and list engines. TRT_ANIME_HOME says where they are kept.",
)

app.command("build")(build.build)
app.command("list")(listing.list_engines)
