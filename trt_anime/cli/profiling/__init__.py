"""`trt-anime profile`: a clip by itself, or two profiles against each other."""

import typer
from typer.core import TyperGroup

from trt_anime.cli.profiling import compare, run

_DEFAULT = "run"


class _ClipOrCommand(TyperGroup):
    """`profile CLIP` is `profile run CLIP`: what isn't the name of a command is a clip."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        if args and args[0] not in (*self.commands, "--help"):
            args = [_DEFAULT, *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=_ClipOrCommand,
    no_args_is_help=True,
    rich_markup_mode=None,
    subcommand_metavar="CLIP -o DIR | compare A B",
    help="Where the time goes: `trt-anime profile CLIP -o DIR` writes a report (HTML), figures (JSON) and "
    "a trace; `trt-anime profile compare A B` says what got slower.",
)

app.command("run")(run.run)
app.command("compare")(compare.compare)
