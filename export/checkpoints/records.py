"""What the store remembers: a record beside each file, and the user's own pins in `lock.json`."""

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock

from trt_anime import paths
from trt_anime.errors import CheckpointError
from trt_anime.export.catalogue import Format
from trt_anime.files import write_text

IMPORTED = "import"


@dataclass(frozen=True, kw_only=True)
class Record:
    """Where a stored file is from; lies beside it as `<filename>.json`.

    Attributes:
        source: as in the catalogue, or ``import``.
        published: these are the bytes that the catalogue means.
        date: when it was stored, ISO 8601, UTC.
    """

    model: str
    format: Format
    source: str
    published: bool
    sha256: str
    size_bytes: int
    licence: str
    date: str


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def record_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.json")


def write(path: Path, record: Record) -> None:
    write_text(record_path(path), json.dumps(asdict(record), indent=2) + "\n")


def forget(path: Path) -> None:
    record_path(path).unlink(missing_ok=True)


def read(path: Path) -> Record | None:
    """The record of the stored file at `path`; None if it isn't here, or not as it was stored."""
    try:
        record = Record(**json.loads(record_path(path).read_bytes()))
        return record if path.stat().st_size == record.size_bytes else None
    except (OSError, ValueError, TypeError):
        return None


def pinned(key: str) -> str | None:
    """The SHA-256 that the first download of `key` pinned."""
    entry = _pins().get(key)
    return entry["sha256"] if entry else None


def pin(key: str, sha256: str, source: str) -> None:
    """Pin `key` unless it is pinned already."""
    with FileLock(paths.models() / ".lock"):
        pins = _pins()
        if key not in pins:
            pins[key] = {"sha256": sha256, "source": source, "date": now()}
            write_text(_lock_path(), json.dumps(pins, indent=2, sort_keys=True) + "\n")


def _lock_path() -> Path:
    return paths.models() / "lock.json"


def _pins() -> dict[str, Any]:
    try:
        pins = json.loads(_lock_path().read_bytes())
    except FileNotFoundError:
        return {}
    except ValueError:
        pins = None
    if not isinstance(pins, dict):
        raise CheckpointError(f"{_lock_path()}: can't be read; mend it, or delete it to pin anew")
    return pins
