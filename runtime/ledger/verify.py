"""Whether the files that a ledger names are still what they were."""

import zlib
from pathlib import Path
from typing import Any

from trt_anime.runtime.media.sinks import Piece

_BLOCK_BYTES = 1 << 20


def output_flaw(folder: Path, line: dict[str, Any]) -> str | None:
    """What is wrong with a settled output; None if nothing."""
    try:
        facts = (folder / line["path"]).stat()
    except OSError as error:
        return f"can't be read ({error.strerror})"
    if (facts.st_size, facts.st_mtime_ns) != (line["size_bytes"], line["mtime_ns"]):
        return "was changed after it was finished"
    return None


def piece_flaw(path: Path, piece: Piece) -> str | None:
    """What is wrong with a piece, which is read in full; None if nothing."""
    crc32 = 0
    block = bytearray(_BLOCK_BYTES)
    try:
        with path.open("rb", buffering=0) as file:
            size_bytes = path.stat().st_size
            if size_bytes != piece.size_bytes:
                return f"has {size_bytes} bytes instead of {piece.size_bytes}"
            while count := file.readinto(block):
                crc32 = zlib.crc32(memoryview(block)[:count], crc32)
    except OSError as error:
        return f"can't be read ({error.strerror})"
    return None if crc32 == piece.crc32 else "doesn't hold what was written"
