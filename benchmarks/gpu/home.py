"""A check's own store: what the user has is in it, too, and random weights never come among the user's."""

import os
import shutil
from pathlib import Path

from trt_anime import paths
from trt_anime.files import output_error

_FOLDERS = ("models", "graphs", "typed")


def take_home(home: Path) -> None:
    """From now on stores are in `home`, also for processes that are started; with all that the user has.

    Raises OutputError: it can't be written.
    """
    try:
        users = paths.home()
    except ModuleNotFoundError:  # a bare machine: nobody has fetched anything here
        users = home
    if users.resolve() != home.resolve():
        gather(users, home)
    os.environ["TRT_ANIME_HOME"] = str(home)


def gather(users: Path, home: Path) -> None:
    """Link, or else copy, the user's weights and graphs into `home`, where they take the place of others.

    Stores replace files and never write into them, so a link does the user's no harm.

    Raises OutputError: it can't be written.
    """
    try:
        for folder in _FOLDERS:
            for source in sorted((users / folder).glob("[!.]*")):
                target = home / folder / source.name
                if not _is_there(source, target):
                    _take(source, target)
    except OSError as error:
        raise output_error(home, error) from error


def _is_there(source: Path, target: Path) -> bool:
    names = (path.relative_to(source) for path in source.rglob("*") if path.is_file())
    files = [name for name in names if not name.parts[0].startswith(".")] if source.is_dir() else [Path()]
    return all(_same(source / name, target / name) for name in files)


def _same(one: Path, other: Path) -> bool:
    if not other.is_file():
        return False
    first, second = one.stat(), other.stat()
    return (first.st_size, first.st_mtime_ns) == (second.st_size, second.st_mtime_ns)


def _take(source: Path, target: Path) -> None:
    """A model's folder as a whole: of two checkpoints in it, the one that was imported would win."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(source, target, copy_function=_linked, ignore=shutil.ignore_patterns(".*"))
    else:
        target.unlink(missing_ok=True)
        _linked(str(source), str(target))


def _linked(source: str, target: str) -> str:
    try:
        os.link(source, target)
    except OSError:  # another disk
        shutil.copy2(source, target)
    return target
