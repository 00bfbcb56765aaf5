"""Engines on disk: found by what they were made from, installed whole or not at all.

    <home>/engines/<stage>-<model>-<width>x<height>-<precision>-<target>-<key>/engine.plan
                                                                               manifest.json

This module is on the lean side: the runtime reads engines with it, no TensorRT needed.
"""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from trt_anime import paths
from trt_anime.engines.manifest import SCHEMA, Manifest, Recipe, manifest_from_json
from trt_anime.errors import InputError
from trt_anime.files import output_error, sha256_of, write_bytes, write_text

_ENGINE = "engine.plan"
_MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Entry:
    """An engine in the store: its folder and its manifest."""

    folder: Path
    manifest: Manifest

    @property
    def engine(self) -> Path:
        """The file that TensorRT reads."""
        return self.folder / _ENGINE


def key_of(recipe: Recipe) -> str:
    """Hex SHA-256 over every field of the recipe and the schema version."""
    table = {"schema": SCHEMA, **asdict(recipe)}
    return hashlib.sha256(json.dumps(table, sort_keys=True).encode()).hexdigest()


def find(recipe: Recipe) -> Entry | None:
    """The engine made from this recipe, if it is here.

    Its size and hash are the ones that its manifest states: a damaged engine isn't found.
    """
    entry = _read(_folder(recipe))
    if entry is None or key_of(entry.manifest.recipe) != key_of(recipe):
        return None
    return entry if sha256_of(entry.engine) == entry.manifest.engine_sha256 else None


def install(manifest: Manifest, engine: bytes) -> Entry:
    """Put an engine into the store, in place of one of the same recipe.

    The manifest is written last, so that a folder without one never held a whole engine.

    Raises:
        OutputError: the folder can't be written.
    """
    folder = _folder(manifest.recipe)
    try:
        for leftover in folder.glob(".*.partial"):  # of a process that was killed; we hold the lock
            leftover.unlink(missing_ok=True)
        (folder / _MANIFEST).unlink(missing_ok=True)
    except OSError as error:
        raise output_error(folder, error) from error
    write_bytes(folder / _ENGINE, engine)
    write_text(folder / _MANIFEST, manifest.to_json())
    return Entry(folder, manifest)


def entries() -> list[Entry]:
    """Every engine here, by folder name. Sizes are checked, hashes aren't: `find` does that."""
    folders = sorted(path for path in paths.engines().glob("*-*") if path.is_dir())
    return [entry for folder in folders if (entry := _read(folder))]


@contextmanager
def locked(recipe: Recipe) -> Iterator[None]:
    """Hold this recipe's lock: other processes that want to build it wait.

    The lock goes with the process, however it ends.
    """
    from filelock import FileLock

    folder = paths.engines() / ".locks"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise output_error(folder, error) from error
    with FileLock(folder / f"{key_of(recipe)}.lock"):
        yield


def _folder(recipe: Recipe) -> Path:
    size = f"{recipe.profile.width}x{recipe.profile.height}"
    words = (recipe.stage, recipe.model, size, recipe.precision, recipe.target, key_of(recipe)[:8])
    return paths.engines() / "-".join(words)


def _read(folder: Path) -> Entry | None:
    source = folder / _MANIFEST
    try:
        manifest = manifest_from_json(source.read_text("utf-8"), source=source)
        whole = (folder / _ENGINE).stat().st_size == manifest.size_bytes
    except (OSError, InputError, UnicodeDecodeError):
        return None
    return Entry(folder, manifest) if whole else None
