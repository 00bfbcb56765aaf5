"""Locks between processes. They go with the process that holds them, however it ends."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from trt_anime.files import output_error


@contextmanager
def locked(file: Path, *, timeout_s: float | None = None) -> Iterator[bool]:
    """Hold the lock that `file` stands for; yields whether it is held.

    Args:
        timeout_s: how long to wait for it; None waits as long as it takes.

    Raises:
        OutputError: the file can't be made.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(file)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=-1 if timeout_s is None else timeout_s)
    except Timeout:
        yield False
        return
    except OSError as error:
        raise output_error(file, error) from error
    try:
        yield True
    finally:
        lock.release()


def removed(file: Path) -> bool:
    """Remove a lock's file unless somebody holds the lock; whether it is gone.

    Whoever waits for it meanwhile notices that the file has gone, and makes a new one.
    """
    with locked(file, timeout_s=0) as held:
        if held:
            with suppress(OSError):  # Windows keeps it while it is open; the next one to prune tries again
                file.unlink()
                return True
    return False
