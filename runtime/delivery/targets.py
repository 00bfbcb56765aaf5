"""Where a conversion's results go: whole or not at all, and never over what isn't ours."""

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from trt_anime.errors import InputError, OutputError
from trt_anime.files import output_error, write_text

Notify = Callable[[str], None]
Advance = Callable[[int], None]

MARK = "delivery.json"
_SCHEMA = 1


@contextmanager
def delivering(target: Path, *, what: str, source: Path, overwrite: bool) -> Iterator[Path]:
    """Yield a folder beside `target`, to be filled; on success it becomes `target` in one step.

    On any exception it is removed, and `target` is left unchanged.

    Args:
        what: the conversion, such as ``kohya``.
        source: the output folder that is converted.
        overwrite: replace the result of an earlier conversion; nothing else is ever replaced.

    Raises:
        InputError: `target` holds something.
        OutputError: it can't be written, or the disk is full.
    """
    target = target.resolve()
    check_target(target, overwrite=overwrite)
    building = target.with_name(f".{target.name}.partial")
    try:
        shutil.rmtree(building, ignore_errors=True)  # what a kill left
        building.mkdir(parents=True)
        yield building
        note = {"schema": _SCHEMA, "format": what, "made_from": str(source.resolve())}
        write_text(building / MARK, json.dumps(note, ensure_ascii=False) + "\n")
        _put(building, target)
    except OutputError:
        raise
    except OSError as error:
        raise output_error(target, error) from error
    finally:
        shutil.rmtree(building, ignore_errors=True)


def check_target(target: Path, *, overwrite: bool) -> None:
    """Raises InputError: it is a file, or holds something that may not be replaced."""
    if target.exists() and not target.is_dir():
        raise InputError(f"{target}: is a file, but a folder is needed; choose another with -o")
    if not target.is_dir() or not any(target.iterdir()):
        return
    if not (target / MARK).is_file():
        raise InputError(f"{target}: holds other files; choose a new or empty folder with -o")
    if not overwrite:
        raise InputError(
            f"{target}: holds an earlier conversion; add --overwrite to replace it, or choose another "
            "folder with -o"
        )


def check_files(paths: Sequence[Path], *, overwrite: bool) -> None:
    """Raises InputError: one of them is there, and may not be replaced."""
    there = [] if overwrite else [path for path in paths if path.exists()]
    if there:
        raise InputError(
            f"{there[0]}: is there already; add --overwrite to replace it, or choose another -o"
        )


def _put(building: Path, target: Path) -> None:
    old = target.with_name(f".{target.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        target.rename(old)
    building.rename(target)
    shutil.rmtree(old, ignore_errors=True)
