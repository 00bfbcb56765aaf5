"""`trt-anime engines`: one module for each command."""

import typer

from trt_anime.cli.engines import build, check, lint, listing, prune, verify

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Build, list, check and prune engines. TRT_ANIME_HOME says where they are kept.",
)

app.command("build")(build.build)
app.command("list")(listing.list_engines)
app.command("check")(check.check)
app.command("lint")(lint.lint)
app.command("verify")(verify.verify)
app.command("prune")(prune.prune)
