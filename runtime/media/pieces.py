"""Finished files on their way to being whole: a temporary name that is the same each time, a checksum."""

import errno
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from av.error import FFmpegError

from trt_anime.errors import OutputError
from trt_anime.files import output_error
from trt_anime.runtime.media.sinks import Piece

_BLOCK_BYTES = 1 << 20

# What the disk may say; FFmpeg's encoders and muxers use the system's other numbers for what they refuse.
_DISK = {
    number: os.strerror(number)
    for number in (
        *(errno.ENOSPC, errno.EFBIG, errno.EDQUOT, errno.EIO, errno.EMFILE),
        *(errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOENT, errno.ENOTDIR, errno.EISDIR),
    )
}


def temporary_of(path: Path) -> Path:
    """Where `path` is written until it is whole. Always the same: what a kill leaves is written over."""
    return path.with_name(f".{path.name}.partial")


@contextmanager
def placing(path: Path, *, sync: bool = False) -> Iterator[Path]:
    """Yield `temporary_of(path)`, to be written; on success it becomes `path` in one step.

    On any exception the temporary file is removed and `path` is left unchanged.

    Args:
        sync: have it on the disk before the step. Not worth it for thousands of small files.

    Raises:
        OutputError: the folder can't be written, or the disk is full.
    """
    temporary = temporary_of(path)
    try:
        yield temporary
        settle(temporary, path, sync=sync)
    except OutputError:
        raise
    except OSError as error:
        raise output_error(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)


def settle(temporary: Path, path: Path, *, sync: bool) -> None:
    """Give a whole file its own name. Raises OSError."""
    if sync:
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
    temporary.replace(path)


def piece_of(path: Path, root: Path) -> Piece:
    """Size and checksum of a finished file below `root`. Raises OutputError."""
    crc32 = size_bytes = 0
    block = bytearray(_BLOCK_BYTES)
    try:
        with path.open("rb", buffering=0) as file:
            while count := file.readinto(block):
                crc32 = zlib.crc32(memoryview(block)[:count], crc32)
                size_bytes += count
    except OSError as error:
        raise output_error(path, error) from error
    return Piece(path.relative_to(root).as_posix(), size_bytes, crc32)


def refused(path: Path, error: Exception, *, tool: str) -> OutputError:
    """The one sentence for FFmpeg's refusal: the system's reason where there is one."""
    if isinstance(error, OutputError):
        return error
    number = error.errno if isinstance(error, (FFmpegError, OSError)) else None
    if number is not None and number in _DISK:
        return output_error(path, OSError(number, _DISK[number]))
    return OutputError(f"{path}: {tool} refused ({error}); choose another --format")
