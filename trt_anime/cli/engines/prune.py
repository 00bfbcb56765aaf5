"""`trt-anime engines prune`: engines that nobody uses any more go."""

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from trt_anime.errors import InputError

if TYPE_CHECKING:
    from trt_anime.engines.pruning import Found

_AGES = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
_SIZES = {"MB": 10**6, "GB": 10**9, "TB": 10**12, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40}


def prune(
    older_than: Annotated[
        str | None, typer.Option(help="Remove what was last used longer ago, such as 30d, 12h or 2w.")
    ] = None,
    keep_size: Annotated[
        str | None, typer.Option(help="Keep at most this much, such as 10GB; the unused go first.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be removed.")] = False,
) -> None:
    """Remove old engines, and what builds that were killed have left.

    Without options only the latter. What another process is building stays.
    """
    from trt_anime.engines import pruning

    pruned = pruning.prune(
        older_than=_age(older_than) if older_than else None,
        most_bytes=_size_bytes(keep_size) if keep_size else None,
        dry_run=dry_run,
    )
    for found in pruned.removed:
        print(_line(found, "would be removed" if dry_run else "removed"))
    for found in pruned.held:
        print(_line(found, "kept, as it is in use"))
    freed = sum(found.size_bytes for found in pruned.removed)
    verb = "would be freed" if dry_run else "freed"
    print(f"{freed / 1e6:.1f} MB {verb}, {pruned.kept_bytes / 1e6:.1f} MB of engines kept")


def _line(found: "Found", verb: str) -> str:
    return f"{found.path.name}: {verb}, {found.size_bytes / 1e6:.1f} MB: {found.reason}"


def _age(text: str) -> timedelta:
    match = re.fullmatch(r"(\d{1,5})\s*([hdw])", text.strip().lower())
    if not match:
        raise InputError(
            f"--older-than {text!r}: not an age in hours, days or weeks, such as 12h, 30d or 2w"
        )
    return int(match[1]) * _AGES[match[2]]


def _size_bytes(text: str) -> int:
    match = re.fullmatch(r"(\d{1,9}(?:\.\d+)?)\s*([MGT]I?B)", text.strip().upper())
    if not match:
        raise InputError(f"--keep-size {text!r}: not a size in MB, GB or TB, such as 500MB or 10GB")
    return int(float(match[1]) * _SIZES[match[2]])
