"""An append-only file of JSON lines in which no change goes unseen.

A line is one JSON object in ASCII and ends with a newline:

    {"sum":"<64 hex digits>","kind":"segment","number":3,...}

``sum`` always comes first. It is the SHA-256 of the line before's ``sum`` (of nothing, on the first
line) followed by this line's bytes after ``"sum":"...",`` up to the newline. So a line that was changed,
removed, swapped or doubled breaks the chain, and only what stands before it counts. Lines missing from the
end leave a shorter journal that is whole.

A process that is killed while it appends leaves at most a last line without its newline. `cut` takes
that off again, like any damage.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trt_anime.errors import InputError
from trt_anime.files import output_error

if TYPE_CHECKING:
    from filelock import BaseFileLock

_BEGIN = b'{"sum":"'
_AFTER_SUM = b'",'
_SUM_DIGITS = 64

# A network file system that runs without its lock service.
_NO_LOCKS = frozenset({errno.ENOLCK, errno.EOPNOTSUPP})


class Journal:
    """A journal, locked against other processes. Calls must not overlap.

    Attributes:
        path: the file.
        is_locked: False where the file system knows no locks.
        torn: whether the file ended in the middle of a line when it was opened.
        damaged: how many ended lines of the file as opened don't count.
    """

    def __init__(self, path: Path) -> None:
        """Lock and open the journal in `path`, or a new one; an existing file is left unchanged.

        Raises:
            InputError: another process has it open.
            OutputError: it can't be opened or read.
        """
        self.path = path
        self._lock = _locked(path)
        try:
            self._file = path.open("a+b", buffering=0)
        except OSError as error:
            self._unlock()
            raise output_error(path, error) from error
        self._marks: list[tuple[int, str]] = []  # end and sum of every line that counts
        try:
            data = self._read()
            _sync_folder(path.parent)
        except OSError as error:
            self._file.close()
            self._unlock()
            raise output_error(path, error) from error
        self._marks = [mark for mark, _ in _chain(data)]
        rest = data[self._end :]
        self.damaged = rest.count(b"\n")
        self.torn = bool(rest) and not rest.endswith(b"\n")

    @property
    def is_locked(self) -> bool:
        return self._lock is not None

    def __len__(self) -> int:
        """Lines that count."""
        return len(self._marks)

    def lines(self) -> list[dict[str, Any]]:
        """All lines that count, read from the file, so that a long run doesn't keep them in memory.

        Raises:
            OutputError: the file can't be read.
        """
        try:
            return [fields for _, fields in _chain(self._read())][: len(self)]
        except OSError as error:
            raise output_error(self.path, error) from error

    def append(self, fields: Mapping[str, Any]) -> None:
        """Add one line; on return it is on the disk. On any error the journal is left unchanged.

        Args:
            fields: at least one; what `json` takes, without NaN.

        Raises:
            OutputError: disk full, or the file can't be written.
        """
        text = json.dumps(fields, separators=(",", ":"), allow_nan=False)
        rest = text[1:].encode("ascii")
        count, end = len(self), self._end
        total = _sum(self._sum, rest)
        line = _BEGIN + total.encode("ascii") + _AFTER_SUM + rest + b"\n"
        try:
            self._write(line)
            os.fsync(self._file.fileno())
            self._marks.append((end + len(line), total))
        except BaseException as error:  # Ctrl-C too: half a line would spoil the next one
            del self._marks[count:]
            with suppress(OSError):
                self._file.truncate(end)
            if isinstance(error, OSError):
                raise output_error(self.path, error) from error
            raise

    def cut(self, count: int) -> None:
        """Keep the first `count` lines and take everything else off the file.

        Raises:
            OutputError: the file can't be written.
        """
        del self._marks[count:]
        try:
            self._file.truncate(self._end)
            os.fsync(self._file.fileno())
        except OSError as error:
            raise output_error(self.path, error) from error

    def close(self) -> None:
        """Close and unlock. A journal without content is removed. Again is harmless."""
        if self._file.closed:
            return
        with suppress(OSError):
            if os.fstat(self._file.fileno()).st_size == 0:
                self.path.unlink()
        with suppress(OSError):  # a network file system may report here what `fsync` already did
            self._file.close()
        self._unlock()

    @property
    def _end(self) -> int:
        return self._marks[-1][0] if self._marks else 0

    @property
    def _sum(self) -> str:
        return self._marks[-1][1] if self._marks else ""

    def _read(self) -> bytes:
        self._file.seek(0)
        return self._file.readall()

    def _write(self, line: bytes) -> None:
        rest = memoryview(line)
        while rest:
            rest = rest[self._file.write(rest) :]

    def _unlock(self) -> None:
        if self._lock is None:
            return
        # Still held: a process that has just opened this file sees that its name is gone, and tries anew.
        with suppress(OSError):
            Path(self._lock.lock_file).unlink()
        with suppress(OSError):
            self._lock.release()


def _chain(data: bytes) -> Iterator[tuple[tuple[int, str], dict[str, Any]]]:
    """End, sum and fields of every line, up to the first that doesn't follow from the one before."""
    previous, start = "", 0
    while (end := data.find(b"\n", start) + 1) > 0:
        total, rest = _split(data[start : end - 1])
        if total != _sum(previous, rest).encode("ascii"):
            return
        yield (end, total.decode("ascii")), json.loads(b"{" + rest)
        previous, start = total.decode("ascii"), end


def _split(line: bytes) -> tuple[bytes, bytes]:
    """A line's sum, empty where the line isn't one of ours, and the bytes that it covers."""
    digits_end = len(_BEGIN) + _SUM_DIGITS
    rest_begin = digits_end + len(_AFTER_SUM)
    if not line.startswith(_BEGIN) or line[digits_end:rest_begin] != _AFTER_SUM:
        return b"", b""
    return line[len(_BEGIN) : digits_end], line[rest_begin:]


def _sum(previous: str, rest: bytes) -> str:
    return hashlib.sha256(previous.encode("ascii") + rest).hexdigest()


def _locked(path: Path) -> BaseFileLock | None:
    """The lock of the journal in `path`, held; None where the file system knows no locks.

    It lies beside the journal, since on NFS a lock is lost as soon as its process closes any handle of
    the locked file. The kernel drops it with the process, so a killed run bars nobody.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(path.with_name(f".{path.stem}.lock"), thread_local=False)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise InputError(
            f"{path.parent}: another trt-anime process is writing there; wait for it, or choose another "
            "folder with -o"
        ) from error
    except OSError as error:
        if error.errno in _NO_LOCKS:
            return None
        raise output_error(path, error) from error
    return lock


def _sync_folder(folder: Path) -> None:
    """Put the folder's entry for a new file on the disk, where the system lets folders be synced."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
