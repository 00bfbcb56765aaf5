"""`trt-anime profile compare A B`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trt_anime.errors import InputError

if TYPE_CHECKING:
    from trt_anime.runtime.profiling.compare import Comparison, Row


def compare(
    before: Annotated[Path, typer.Argument(metavar="A", help="profile.json, or the folder it is in.")],
    after: Annotated[Path, typer.Argument(metavar="B", help="The one to judge.")],
    fail_over: Annotated[
        str,
        typer.Option(metavar="PERCENT", help="Exit with 1 if something got slower by more, such as 5%."),
    ] = "5%",
) -> None:
    """Say what got slower from A to B, and whether it is noise. Exit code 1: a real slowdown."""
    threshold = _share(fail_over)
    from trt_anime.runtime.profiling.compare import compare as compared
    from trt_anime.runtime.profiling.files import read_profile

    comparison = compared(read_profile(before), read_profile(after))
    print(_text(comparison, threshold))
    if comparison.failures(threshold):
        raise typer.Exit(1)


def _share(words: str) -> float:
    try:
        value = float(words.removesuffix("%"))
    except ValueError:
        value = -1.0
    if not 0 <= value < 1000:
        raise InputError(f"--fail-over {words}: not a percentage; write it as 5%")
    return value / 100


def _text(comparison: "Comparison", threshold: float) -> str:
    from trt_anime.cli.table import table

    lines = [table(["ms (mean)", "A", "B", "change", "sure within", ""], map(_cells, comparison.rows)), ""]
    lines += [f"note: {sentence}" for sentence in comparison.differences]
    slower = comparison.failures(threshold)
    if slower:
        named = ", ".join(row.name for row in slower)
        lines.append(f"slower by more than {threshold:.0%}, and not by chance: {named}")
    else:
        lines.append(f"nothing is slower by more than {threshold:.0%} beyond noise")
    return "\n".join(lines)


def _cells(row: "Row") -> list[str]:
    times = [f"{value:.3f}" if value is not None else "" for value in (row.before_ms, row.after_ms)]
    if row.change is None:
        return [row.name, *times, "", "", "no time" if all(times) else "in one only"]
    change, word = row.change, str(row.verdict)
    if not change.degrees:
        word = "one run only"
    elif not row.decides and word != "noise":
        word = f"{word}, shown only"
    ends = f"{change.low - 1:+.1%} to {change.high - 1:+.1%}" if change.is_known else "unknown"
    return [row.name, *times, f"{change.ratio - 1:+.1%}", ends, word]
