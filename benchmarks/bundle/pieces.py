"""A folder of files as pieces of limited size with a manifest, and back.

    bundle.json       what is in it, with the SHA-256 of every piece
    piece-000, …      one tar archive, cut; wheels are compressed already

The manifest comes last: a folder without it is a bundle that was not finished.
"""

import hashlib
import io
import json
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

from trt_anime.errors import InputError
from trt_anime.files import output_error, sha256_of, write_text

SCHEMA = 1
MANIFEST = "bundle.json"
MOST_BYTES = 60_000_000

_BLOCK = 1 << 20


@dataclass(frozen=True)
class Piece:
    """A file of the bundle. `sha256`: hex."""

    name: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """What a bundle says of itself.

    Attributes:
        facts: of whoever made it, as JSON takes them.
        files: path within the bundle -> size in bytes.
        pieces: in the order in which they follow one another.
    """

    facts: Mapping[str, Any]
    files: Mapping[str, int]
    pieces: tuple[Piece, ...]

    @property
    def size_bytes(self) -> int:
        return sum(piece.size_bytes for piece in self.pieces)


def write_pieces(
    folder: Path, source: Path, *, facts: Mapping[str, Any], most_bytes: int = MOST_BYTES
) -> Manifest:
    """All files below `source` into pieces in `folder`, which loses those of an earlier bundle.

    Raises OutputError: the disk is full, or the folder can't be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for old in (folder / MANIFEST, *folder.glob("piece-*")):
            old.unlink(missing_ok=True)
        files = sorted(path for path in source.rglob("*") if path.is_file())
        with (
            _Cutter(folder, most_bytes) as cutter,
            tarfile.open(mode="w|", fileobj=cast(Any, cutter)) as archive,
        ):
            for path in files:
                archive.add(path, path.relative_to(source).as_posix())
    except OSError as error:
        raise output_error(folder, error) from error
    sizes = {path.relative_to(source).as_posix(): path.stat().st_size for path in files}
    manifest = Manifest(facts, sizes, tuple(cutter.pieces))
    write_text(folder / MANIFEST, json.dumps({"schema": SCHEMA, **asdict(manifest)}, indent=1) + "\n")
    return manifest


def read_manifest(folder: Path) -> Manifest:
    """Raises InputError: there is none, or it isn't one of this release."""
    path = folder / MANIFEST
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if found.pop("schema") != SCHEMA:
            raise InputError(f"{path}: was made by another release; run `make gpu-bundle` again")
        pieces = tuple(Piece(**piece) for piece in found["pieces"])
        return Manifest(found["facts"], found["files"], pieces)
    except OSError as error:
        raise InputError(f"{path}: can't be read ({error.strerror}); copy it there, too") from error
    except (ValueError, KeyError, TypeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: is no manifest of a bundle; copy it again") from error


def check_pieces(folder: Path, manifest: Manifest) -> None:
    """Raises InputError, naming them: pieces are missing or damaged."""
    missing = [piece.name for piece in manifest.pieces if not (folder / piece.name).is_file()]
    if missing:
        raise InputError(
            f"{folder}: {len(missing)} of {len(manifest.pieces)} pieces are missing ({', '.join(missing)});"
            " copy them there"
        )
    damaged = [
        piece.name
        for piece in manifest.pieces
        if (folder / piece.name).stat().st_size != piece.size_bytes
        or sha256_of(folder / piece.name) != piece.sha256
    ]
    if damaged:
        raise InputError(f"{folder}: damaged on the way: {', '.join(damaged)}; copy them again")


def join_pieces(folder: Path, target: Path) -> Manifest:
    """Check all pieces and put the files below `target`, which is made.

    Raises:
        InputError: pieces are missing or damaged; nothing was written.
        OutputError: the disk is full.
    """
    manifest = read_manifest(folder)
    check_pieces(folder, manifest)
    try:
        with (
            io.BufferedReader(_Joined([folder / piece.name for piece in manifest.pieces])) as stream,
            tarfile.open(mode="r|", fileobj=stream) as archive,
        ):
            archive.extractall(target, filter="data")
    except OSError as error:
        raise output_error(target, error) from error
    return manifest


class _Cutter:
    """A file to write to, which is cut into pieces."""

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self.pieces: list[Piece] = []
        self._folder, self._most = folder, most_bytes
        self._name, self._size = "", 0
        self._file: io.BufferedWriter | None = None
        self._digest = hashlib.sha256()

    def __enter__(self) -> "_Cutter":
        return self

    def __exit__(self, *error: object) -> None:
        self._end()

    def write(self, data: bytes) -> int:
        view = memoryview(data)
        while view:
            if self._file is None:
                self._name, self._size = f"piece-{len(self.pieces):03}", 0
                self._digest = hashlib.sha256()
                self._file = (self._folder / self._name).open("wb")
            part = view[: self._most - self._size]
            self._file.write(part)
            self._digest.update(part)
            self._size += len(part)
            view = view[len(part) :]
            if self._size == self._most:
                self._end()
        return len(data)

    def _end(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
            self.pieces.append(Piece(self._name, self._size, self._digest.hexdigest()))


class _Joined(io.RawIOBase):
    """Files to read from as if they were one."""

    def __init__(self, paths: list[Path]) -> None:
        self._blocks = self._read(paths)
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._rest:
            self._rest = memoryview(next(self._blocks, b""))
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count

    @staticmethod
    def _read(paths: list[Path]) -> Iterator[bytes]:
        for path in paths:
            with path.open("rb") as file:
                while block := file.read(_BLOCK):
                    yield block
