"""Engines on disk: found by what they were made from, installed whole or not at all.

    <home>/engines/<stage>-<model>-<width>x<height>-<precision>-<target>-<key>/engine.plan
                                                                               manifest.json
                                                                               worst.png

This module is on the lean side: the runtime reads engines with it, no TensorRT needed.
`pruning` takes away what is no longer used.
"""

import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from trt_anime import paths
from trt_anime.engines import locks
from trt_anime.engines.manifest import SCHEMA, Manifest, Recipe, manifest_from_json
from trt_anime.errors import InputError, MissingError
from trt_anime.files import output_error, sha256_of, write_bytes, write_text

ENGINE = "engine.plan"
MANIFEST = "manifest.json"
PICTURE = "worst.png"


@dataclass(frozen=True)
class Entry:
    """An engine in the store: its folder and its manifest."""

    folder: Path
    manifest: Manifest

    @property
    def engine(self) -> Path:
        """The file that TensorRT reads."""
        return self.folder / ENGINE

    @property
    def picture(self) -> Path:
        """The worst frame of `manifest.engine_parity`; there once that was measured."""
        return self.folder / PICTURE


@dataclass(frozen=True)
class Refused:
    """A folder of the store that holds no engine that could be believed.

    Attributes:
        reason: what is wrong with it, to be read after the folder's name.
        manifest: where it could be read.
    """

    folder: Path
    reason: str
    manifest: Manifest | None = None


def key_of(recipe: Recipe) -> str:
    """Hex SHA-256 over every field of the recipe and the schema version."""
    table = {"schema": SCHEMA, **asdict(recipe)}
    return hashlib.sha256(json.dumps(table, sort_keys=True).encode()).hexdigest()


def find(recipe: Recipe) -> Entry | None:
    """The engine made from this recipe, if it is here; it counts as used then.

    Its size and hash are the ones that its manifest states: a damaged engine isn't found.
    """
    entry = _read(folder_of(recipe))
    if isinstance(entry, Refused) or key_of(entry.manifest.recipe) != key_of(recipe) or damage(entry):
        return None
    used(entry)
    return entry


def damage(entry: Entry) -> str | None:
    """Reads the whole file: what is wrong with an engine's bytes, None if they are its manifest's."""
    try:
        whole = sha256_of(entry.engine) == entry.manifest.engine_sha256
    except OSError as error:
        return f"its {ENGINE} can't be read ({error.strerror or error})"
    return None if whole else f"its {ENGINE} is damaged: it is not the file that its manifest describes"


def install(manifest: Manifest, engine: bytes) -> Entry:
    """Put an engine into the store, in place of one of the same recipe.

    The manifest is written last, so that a folder without one never held a whole engine. On any
    exception the folder is gone: what was in it was not this engine, or was damaged.

    Raises:
        OutputError: the folder can't be written.
    """
    folder = folder_of(manifest.recipe)
    try:
        for leftover in folder.glob(".*.partial"):  # of a process that was killed; we hold the lock
            leftover.unlink(missing_ok=True)
        (folder / MANIFEST).unlink(missing_ok=True)
        (folder / PICTURE).unlink(missing_ok=True)  # of an engine that this one replaces
    except OSError as error:
        raise output_error(folder, error) from error
    try:
        write_bytes(folder / ENGINE, engine)
        write_text(folder / MANIFEST, manifest.to_json())
    except BaseException:
        (folder / MANIFEST).unlink(missing_ok=True)
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return Entry(folder, manifest)


def amended(entry: Entry, manifest: Manifest, picture: bytes) -> Entry:
    """Put what was measured about an engine into its manifest, and the worst frame beside it.

    Raises:
        MissingError: it was removed or built anew meanwhile.
        OutputError: the folder can't be written.
    """
    with locks.locked(lock_of(entry.folder)):
        now = _read(entry.folder)
        if isinstance(now, Refused) or now.manifest.engine_sha256 != manifest.engine_sha256:
            raise MissingError(f"{entry.folder}: was removed or built anew meanwhile; run it once more")
        write_bytes(entry.picture, picture)
        write_text(entry.folder / MANIFEST, manifest.to_json())
    return Entry(entry.folder, manifest)


def removed_pictures() -> Path:
    """The folder with the worst frames of engines that went because of them, by their folders' names."""
    return paths.engines() / ".failed"


def entries() -> list[Entry]:
    """Every engine here, by folder name. Sizes are checked, hashes aren't: `damage` does that."""
    return [found for found in survey() if isinstance(found, Entry)]


def survey() -> list[Entry | Refused]:
    """Every folder of an engine, by name: whole, as far as `entries` tells, or refused with the reason."""
    return [_read(folder) for folder in folders()]


def folders() -> list[Path]:
    """Every folder in the store that is named like an engine's, by name."""
    return sorted(path for path in paths.engines().glob("*-*") if path.is_dir())


def used(entry: Entry) -> None:
    """Note that an engine was used now. Not noted in a store that can't be written."""
    with suppress(OSError):
        os.utime(entry.folder / MANIFEST)


def kernels_file(gpu: str) -> str:
    """Name of the file beside an engine with the kernels that TensorRT-RTX compiled on a kind of GPU.

    Such as ``runtime-nvidia-geforce-rtx-4090.cache``: kernels for one sm89 card aren't another's.
    """
    return f"runtime-{re.sub(r'[^a-z0-9]+', '-', gpu.lower()).strip('-')}.cache"


@contextmanager
def locked(recipe: Recipe) -> Iterator[None]:
    """Hold this recipe's lock: other processes that want to build it, or to remove it, wait.

    The lock goes with the process, however it ends.
    """
    with locks.locked(lock_of(folder_of(recipe))):
        yield


def lock_of(folder: Path) -> Path:
    """The lock of an engine's folder: named by what is known of it even when its manifest isn't."""
    return paths.engines() / ".locks" / f"{folder.name}.lock"


def folder_of(recipe: Recipe) -> Path:
    """Where a recipe's engine is, or would be."""
    words = (
        recipe.stage,
        recipe.model,
        recipe.profile.frame,
        recipe.precision,
        recipe.target,
        key_of(recipe)[:8],
    )
    return paths.engines() / "-".join(words)


def _read(folder: Path) -> Entry | Refused:
    source = folder / MANIFEST
    try:
        manifest = manifest_from_json(source.read_text("utf-8"), source=Path(MANIFEST))
    except FileNotFoundError:
        return Refused(folder, f"has no {MANIFEST}: its build was cut off")
    except InputError as error:
        return Refused(folder, str(error))
    except (OSError, UnicodeDecodeError) as error:
        return Refused(folder, f"its {MANIFEST} can't be read ({error})")
    try:
        size_bytes = (folder / ENGINE).stat().st_size
    except OSError as error:
        return Refused(folder, f"its {ENGINE} can't be read ({error.strerror or error})", manifest)
    if size_bytes != manifest.size_bytes:
        what = "truncated" if size_bytes < manifest.size_bytes else "damaged"
        sizes = f"{size_bytes} bytes where its manifest says {manifest.size_bytes}"
        return Refused(folder, f"its {ENGINE} is {what}: {sizes}", manifest)
    if folder.name != folder_of(manifest.recipe).name:
        home = folder_of(manifest.recipe).name
        return Refused(folder, f"is foreign: its manifest belongs into {home}", manifest)
    return Entry(folder, manifest)
