"""Small runs for the ledger's tests: segments with files that are really there."""

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from trt_anime.runtime.ledger.identity import Identity
from trt_anime.runtime.ledger.segments import Ledger
from trt_anime.runtime.media.frames import Stamp
from trt_anime.runtime.media.sinks import Piece
from trt_anime.runtime.segments import Finished

LENGTH = 3
IDENTITY: Identity = {"format": "ffv1", "batch size": "1", "input content": "ab" * 32}


def content(number: int, sink: int) -> bytes:
    return f"segment {number} of sink {sink};".encode() * (number + 1)


def segment(number: int, *, frames: int = LENGTH) -> Finished:
    """What a run would report; its files are `content`."""
    first = number * LENGTH
    pieces = []
    for sink, layer in enumerate(("character", "effects")):
        data = content(number, sink)
        pieces.append((Piece(f"{layer}/{number:06}.mkv", len(data), zlib.crc32(data)),))
    return Finished(
        number=number,
        stamps=tuple(Stamp(index, 1001 * index - 7, 1001) for index in range(first, first + frames)),
        pieces=tuple(pieces),
        computed=2,
        shots=(first,),
    )


def write(folder: Path, finished: Finished) -> Finished:
    """Write a segment's files, as its sinks would before it goes into the ledger."""
    for sink, pieces in enumerate(finished.pieces):
        for piece in pieces:
            path = folder / piece.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content(finished.number, sink))
    return finished


def fill(ledger: Ledger, folder: Path, numbers: range) -> None:
    for number in numbers:
        ledger.append(write(folder, segment(number)))


def start(folder: Path, count: int) -> None:
    """A run that wrote `count` segments and ended."""
    with Ledger.open(folder, IDENTITY, resume=False) as ledger:
        fill(ledger, folder, range(count))


@contextmanager
def resumed(folder: Path) -> Iterator[Ledger]:
    with Ledger.open(folder, IDENTITY, resume=True) as ledger:
        yield ledger
