"""What file headers promise: image sizes, and how long a whole file is.

A folder of ten thousand frames is checked in a second.
"""

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

_HEAD_BYTES = 256 * 1024  # room for a JPEG's colour profile and thumbnail before its size

_MATROSKA_SEGMENT = b"\x18S\x80g"

Size = tuple[int, int]


def image_size(path: Path) -> Size | None:
    """(width, height) as stored, before any rotation tag; None when the header doesn't tell.

    Raises:
        OSError: the file can't be read.
    """
    with path.open("rb") as file:
        head = file.read(32)
        for signature, parse in _PARSERS.items():
            if head.startswith(signature):
                head += file.read(_HEAD_BYTES) if parse is _jpeg else b""
                try:
                    return parse(head)
                except (struct.error, IndexError):
                    return None
    return None


def broken_png(data: bytes) -> str | None:
    """Why a PNG file's bytes can't be right, or None: every chunk is whole, in CRC, up to IEND.

    libpng finds the same, but prints to stderr past everyone.
    """
    at = 8
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        end = at + 12 + length
        if end > len(data):
            break
        (stored,) = struct.unpack_from(">I", data, end - 4)
        if zlib.crc32(memoryview(data)[at + 4 : end - 4]) != stored:
            return "damaged"
        if data[at + 4 : at + 8] == b"IEND":
            return None
        at = end
    return "cut short"


def container_size(path: Path) -> int | None:
    """How many bytes a Matroska, WebM or AVI file has when it is whole; None for others.

    Raises:
        OSError: the file can't be read.
    """
    with path.open("rb") as file:
        head = file.read(256)
    if head.startswith(b"RIFF"):
        return 8 + int.from_bytes(head[4:8], "little")
    at = head.find(_MATROSKA_SEGMENT)
    if not head.startswith(b"\x1aE\xdf\xa3") or at < 0 or at + 12 > len(head):
        return None
    # A number's length is the count of leading zero bits in its first byte; all ones is "unknown".
    at += len(_MATROSKA_SEGMENT)
    length = 9 - head[at].bit_length()
    size = int.from_bytes(head[at : at + length], "big") & ((1 << 7 * length) - 1)
    return None if size == (1 << 7 * length) - 1 else at + length + size


def _png(head: bytes) -> Size:
    return struct.unpack_from(">II", head, 16)


def _bmp(head: bytes) -> Size:
    width, height = struct.unpack_from("<ii", head, 18)
    return width, abs(height)


def _jpeg(head: bytes) -> Size | None:
    at = 2
    while head[at] == 0xFF:
        marker = head[at + 1]
        # Frame headers are C0..CF without the three markers for tables (C4, C8, CC).
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack_from(">HH", head, at + 5)
            return width, height
        (length,) = struct.unpack_from(">H", head, at + 2)
        at += 2 + length
    return None


def _webp(head: bytes) -> Size | None:
    kind = head[12:16]
    if kind == b"VP8X":
        low_w, high_w, low_h, high_h = struct.unpack_from("<HBHB", head, 24)
        return (low_w | high_w << 16) + 1, (low_h | high_h << 16) + 1
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", head, 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", head, 26)
        return width & 0x3FFF, height & 0x3FFF
    return None


_PARSERS: dict[bytes, Callable[[bytes], Size | None]] = {
    b"\x89PNG\r\n\x1a\n": _png,
    b"\xff\xd8\xff": _jpeg,
    b"RIFF": _webp,
    b"BM": _bmp,
}
