"""Taking out of the store what nobody uses: old engines, one too many, what killed builds left."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from trt_anime import paths
from trt_anime.engines import locks
from trt_anime.engines.store import ENGINE, MANIFEST, PICTURE, Entry, folders, lock_of, removed_pictures
from trt_anime.files import output_error

# What this package puts into an engine's folder. A folder with anything else in it is somebody's own.
_OURS = re.compile(
    rf"{re.escape(ENGINE)}|{re.escape(MANIFEST)}|{re.escape(PICTURE)}|runtime-.*\.cache|\..*\.partial"
)
# Nobody writes at one file for so long.
_LONGEST_WRITE = timedelta(days=1)
_NAME = re.compile(r".+-[0-9a-f]{8}")


@dataclass(frozen=True)
class Found:
    """A file or a folder of the store that goes, or stays as somebody holds it.

    Attributes:
        reason: why, to be read after its name.
    """

    path: Path
    size_bytes: int
    reason: str


@dataclass(frozen=True)
class Pruned:
    """What `prune` did.

    Attributes:
        removed: in the order in which they went.
        held: what would have gone, had no other process held it.
        kept_bytes: what the engines that stayed take.
    """

    removed: tuple[Found, ...]
    held: tuple[Found, ...]
    kept_bytes: int


def remove(entry: Entry) -> None:
    """Take an engine out of the store, and with it the kernels that were compiled for it.

    Waits for whoever builds this engine. A session that has loaded it goes on.

    Raises:
        OutputError: the folder can't be written.
    """
    with locks.locked(lock_of(entry.folder)):
        _remove_folder(entry.folder)


def prune(
    *,
    older_than: timedelta | None = None,
    most_bytes: int | None = None,
    now: datetime | None = None,
    dry_run: bool = False,
) -> Pruned:
    """Remove leftovers, what was last used longer ago than `older_than`, then the oldest until what stays
    takes at most `most_bytes`.

    Leftovers are folders whose build was cut off, temporary files of killed processes, and locks that
    nobody holds. What somebody holds the lock of is left alone, whatever it is, and so is every folder
    with a file in it that isn't ours. Other processes may build, run and prune meanwhile.

    Args:
        now: the present time, with its time zone.
        dry_run: only say what would go.

    Raises:
        OutputError: something can't be removed.
    """
    now = now or datetime.now(UTC)
    limit = now - older_than if older_than is not None else None
    going, staying = _sorted_out(limit, most_bytes)
    removed: list[Found] = []
    held: list[Found] = []
    for engine, reason in going:
        found = Found(engine.folder, engine.size_bytes, reason)
        (removed if _taken(engine, dry_run) else held).append(found)
    removed += [*_partial_files(staying, dry_run), *_old_files(limit, now, dry_run)]
    if not dry_run:
        for lock in paths.engines().glob(".*/*.lock"):
            locks.removed(lock)
    kept_bytes = sum(engine.size_bytes for engine in staying) + sum(found.size_bytes for found in held)
    return Pruned(tuple(removed), tuple(held), kept_bytes)


@dataclass(frozen=True)
class _Engine:
    """A folder of the store.

    Attributes:
        used: when it was last used; of a build that was cut off, when it was begun.
        is_whole: whether it has a manifest.
    """

    folder: Path
    size_bytes: int
    used: datetime
    is_whole: bool


def _engines() -> Iterator[_Engine]:
    for folder in folders():
        try:
            files = list(folder.iterdir())
        except FileNotFoundError:
            continue
        if _NAME.fullmatch(folder.name) and all(_OURS.fullmatch(file.name) for file in files):
            yield _Engine(folder, sum(map(_size, files)), *_state(folder))


def _state(folder: Path) -> tuple[datetime, bool]:
    """When the engine was last used, and whether it has a manifest; without one, when it was begun."""
    if used := _changed(folder / MANIFEST):
        return used, True
    return _changed(folder) or datetime.min.replace(tzinfo=UTC), False


def _changed(path: Path) -> datetime | None:
    """When a file or folder was last changed; None if it isn't there, as others may prune meanwhile."""
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except FileNotFoundError:
        return None


def _sorted_out(
    limit: datetime | None, most_bytes: int | None
) -> tuple[list[tuple[_Engine, str]], list[_Engine]]:
    """Engines that go, each with the reason, and those that stay; unused for longest first."""
    there = sorted(_engines(), key=lambda engine: (engine.is_whole, engine.used))
    total_bytes = sum(engine.size_bytes for engine in there)
    going: list[tuple[_Engine, str]] = []
    staying: list[_Engine] = []
    for engine in there:
        reason = _reason(engine, limit, excess=most_bytes is not None and total_bytes > most_bytes)
        if reason is None:
            staying.append(engine)
        else:
            going.append((engine, reason))
            total_bytes -= engine.size_bytes
    return going, staying


def _reason(engine: _Engine, limit: datetime | None, *, excess: bool) -> str | None:
    if not engine.is_whole:
        return "its build was cut off"
    if limit is not None and engine.used < limit:
        return f"was last used on {engine.used:%Y-%m-%d}"
    if excess:
        return f"makes room, as the one unused for longest: last used on {engine.used:%Y-%m-%d}"
    return None


def _taken(engine: _Engine, dry_run: bool) -> bool:
    """Whether an engine went, or would go; not if somebody holds it, or has used or built it meanwhile."""
    with _own(lock_of(engine.folder), dry_run) as held:
        if not held or _state(engine.folder) != (engine.used, engine.is_whole):
            return False
        if not dry_run:
            _remove_folder(engine.folder)
        return True


def _partial_files(engines: list[_Engine], dry_run: bool) -> Iterator[Found]:
    """What killed processes were writing into folders that stay."""
    for engine in engines:
        for file in engine.folder.glob(".*.partial"):
            yield from _gone(file, lock_of(engine.folder), "its writer was killed", dry_run)


def _old_files(limit: datetime | None, now: datetime, dry_run: bool) -> Iterator[Found]:
    """Timing caches that no build has added to since `limit`, pictures of engines that went before it, and
    what killed processes wrote of both.
    """
    caches, pictures = paths.engines() / ".caches", removed_pictures()
    places = [
        (caches.glob(".*.partial"), now - _LONGEST_WRITE, "was last added to"),
        (pictures.glob(".*.partial"), now - _LONGEST_WRITE, "was being made"),
        (caches.glob("*.cache"), limit, "was last added to"),
        (pictures.glob("*.png"), limit, "was made"),
    ]
    for files, before, event in places:
        for file in files:
            changed = _changed(file)
            if before is not None and changed is not None and changed < before:
                reason = f"{event} on {changed:%Y-%m-%d}"
                yield from _gone(file, file.with_suffix(".lock"), reason, dry_run)


def _gone(file: Path, lock: Path, reason: str, dry_run: bool) -> Iterator[Found]:
    with _own(lock, dry_run) as held:
        if held:
            found = Found(file, _size(file), reason)
            if not dry_run:
                _remove_file(file)
            yield found


@contextmanager
def _own(lock: Path, dry_run: bool) -> Iterator[bool]:
    """Hold a lock if nobody else does. A dry run makes no file for one that nobody ever held."""
    if dry_run and not lock.exists():
        yield True
        return
    with locks.locked(lock, timeout_s=0) as held:
        yield held


def _remove_folder(folder: Path) -> None:
    try:
        (folder / MANIFEST).unlink(missing_ok=True)  # first: a process killed here leaves no half engine
        shutil.rmtree(folder)
    except FileNotFoundError:
        return
    except OSError as error:
        raise output_error(folder, error) from error


def _remove_file(file: Path) -> None:
    try:
        file.unlink(missing_ok=True)
    except OSError as error:
        raise output_error(file, error) from error


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:  # another process has just removed it
        return 0
