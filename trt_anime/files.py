"""Files that are whole or absent: temporary file, fsync, rename."""

import hashlib
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from trt_anime.errors import OutputError

_UNFINISHED = re.compile(r"\.(.+\.[0-9a-f]{12}|\w{8})\.partial")  # as this module names them
_DIGEST_BYTES = hashlib.sha256().digest_size


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it becomes `path` in one step.

    On any exception the temporary file is removed and `path` is left unchanged.
    Not promised: that two writers of one path are kept apart (the last rename wins).

    Raises:
        OutputError: the folder can't be written, or the disk is full.
    """
    # 48 characters are at most 192 bytes, where a file name may have 255.
    temporary = path.with_name(f".{path.name[:48]}.{secrets.token_hex(6)}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.touch(exist_ok=False)  # with the umask's permissions, which mkstemp leaves out
    except OSError as error:
        raise output_error(path, error) from error
    try:
        yield temporary
        _sync(temporary)
        temporary.replace(path)
    except OutputError:
        raise
    except OSError as error:
        raise output_error(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def temporary_folder(parent: Path) -> Iterator[Path]:
    """A new folder in `parent`, which is made if it isn't there; in the end, all of the folder is removed.

    Raises:
        OutputError: `parent` can't be written.
    """
    try:
        parent.mkdir(parents=True, exist_ok=True)
        folder = TemporaryDirectory(dir=parent, prefix=".", suffix=".partial")
    except OSError as error:
        raise output_error(parent, error) from error
    with folder as name:
        yield Path(name)


def remove_unfinished(folder: Path, *, older_s: float = 0.0) -> None:
    """Remove what killed processes left in a folder of `replacing` and `temporary_folder`, if it is there.

    Args:
        older_s: leave what changed in so many seconds: somebody may be at it; 0: who calls holds a lock.

    Raises:
        OutputError: something can't be removed.
    """
    for found in folder.glob(".*.partial"):
        if not _UNFINISHED.fullmatch(found.name):
            continue
        try:
            if time.time() - found.stat().st_mtime < older_s:
                continue
            shutil.rmtree(found) if found.is_dir() else found.unlink()
        except FileNotFoundError:
            continue
        except OSError as error:
            raise output_error(found, error) from error


def write_bytes(path: Path, data: bytes) -> None:
    """Write `data` to `path`, whole or not at all. Raises OutputError."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def write_copy(path: Path, source: Path, *, linked: bool = False) -> None:
    """Make `path` the file that `source` is, whole or not at all; little of it is in memory at a time.

    Args:
        linked: a second name for `source` will do, which takes no room: for what nobody changes in place.
            Where the disk has no such thing, or it is another one, the file is copied.

    Raises:
        OutputError: `source` can't be read, the folder can't be written, or the disk is full.
    """
    with replacing(path) as temporary:
        if not (linked and _is_linked(source, temporary)):
            shutil.copyfile(source, temporary)


def _is_linked(source: Path, temporary: Path) -> bool:
    """Whether `temporary`, which is removed for it, has become a name of `source`."""
    temporary.unlink()
    try:
        os.link(source, temporary)
    except OSError:
        return False
    return True


def write_together(files: Mapping[Path, bytes]) -> None:
    """`write_bytes` for several files: all are on the disk before the first takes its place, in order.

    On any exception before that, a full disk for example, every path is left unchanged. Not promised: that
    a kill between two renames leaves them of one kind.

    Raises:
        OutputError: a folder can't be written, or the disk is full.
    """
    with ExitStack() as stack:  # ends in the opposite order
        for path, data in reversed(list(files.items())):
            temporary = stack.enter_context(replacing(path))
            temporary.write_bytes(data)
            _sync(temporary)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 `text` to `path`, whole or not at all. Raises OutputError."""
    write_bytes(path, text.encode())


def write_checked(path: Path, data: bytes) -> None:
    """`write_bytes` with the SHA-256 of `data` in front, for `read_checked`. Raises OutputError."""
    write_bytes(path, hashlib.sha256(data).digest() + data)


def read_checked(path: Path) -> bytes | None:
    """What `write_checked` wrote to `path`; None if it isn't there, can't be read, or is damaged."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    digest, data = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:]
    return data if hashlib.sha256(data).digest() == digest else None


def sha256_of(path: Path) -> str:
    """Hex SHA-256 of a file's bytes, read in blocks."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def output_error(path: Path, error: OSError) -> OutputError:
    """The one sentence for a file that can't be written."""
    reason = error.strerror or str(error)
    return OutputError(f"{path}: can't be written ({reason}); free space or choose another folder")


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
