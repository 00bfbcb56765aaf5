"""The user's checkpoints on disk: `paths.models() / model / filename`, each with a record beside it.

A file is in its place only after it passed its checks. One file per model and format; an import takes the
place of a download of the same format. While a file is being fetched, its bytes lie in a folder beside
it, `.<filename>.partial`, which outlives an interruption.
"""

import hashlib
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from trt_anime import paths
from trt_anime.errors import DownloadError, InputError, OutputError
from trt_anime.export import catalogue
from trt_anime.export.catalogue import Checkpoint, File, Format, Model
from trt_anime.export.checkpoints import records
from trt_anime.export.checkpoints.records import IMPORTED, Record
from trt_anime.export.checkpoints.sources import Advance, Job, SourceError, fetch, parse
from trt_anime.export.checkpoints.verify import check_published, format_of
from trt_anime.files import output_error, replacing, sha256_of


def _silent(line: str) -> None:
    pass


def _uncounted(title: str, total: int | None) -> AbstractContextManager[Advance]:
    return nullcontext(lambda amount: None)


@dataclass(frozen=True, kw_only=True)
class Report:
    """Where a pull talks to: single lines, and the count of bytes (title, bytes to come if known)."""

    say: Callable[[str], None] = _silent
    progress: Callable[[str, int | None], AbstractContextManager[Advance]] = _uncounted


SILENT = Report()


def folder_of(model: Model) -> Path:
    return paths.models() / model.name


def door_of(model: Model, door: Format | None) -> Checkpoint:
    """The published file in format `door`, or the first one. Raises InputError."""
    for checkpoint in model.files:
        if door in (None, checkpoint.format):
            return checkpoint
    doors = " or ".join(checkpoint.format for checkpoint in model.files)
    raise InputError(f"{model.name} isn't published as .{door}; choose {doors}, or import your own file")


def stored(model: Model) -> dict[Path, Record]:
    """Every file of `model` that is here, in the order in which `find` prefers them."""
    names = [checkpoint.filename for checkpoint in model.files]
    names += [f"{model.name}.{format}" for format in ("onnx", "pth", "safetensors")]
    places = {folder_of(model) / name: None for name in names}
    here = {path: record for path in places if (record := records.read(path)) is not None}
    return dict(sorted(here.items(), key=lambda item: item[1].source != IMPORTED))


def find(model: Model, *, door: Format | None = None) -> Path | None:
    """The checkpoint of `model` on this machine: an imported file first, then as in the catalogue.

    The file has the size it was stored with; its hash isn't computed again.
    """
    for path, record in stored(model).items():
        if door in (None, record.format):
            return path
    return None


def names_here() -> list[str]:
    """Names of the catalogue's models whose weights are on this machine, in any format."""
    return [name for name, model in catalogue.CATALOGUE.items() if find(model)]


def pull(model: Model, *, door: Format | None = None, force: bool = False, report: Report = SILENT) -> Path:
    """Bring one published file of `model` here and return its path; a file that is here stays.

    Sources are tried in order. An interrupted download goes on where it stopped, another pull of the same
    model is waited for, and on any error the file in place is left unchanged.

    Raises:
        InputError: the model has no such door.
        DownloadError: no source gave the file; the message lists them with their reasons.
        OutputError: the disk is full or the folder can't be written.
    """
    checkpoint = door_of(model, door)
    path = folder_of(model) / checkpoint.filename
    with _alone(model, report), _disk_errors(path):
        for file in (*checkpoint.companions, checkpoint):  # in this order: with the last one, all are here
            place = folder_of(model) / file.filename
            here = None if force else records.read(place)
            if here is None:
                _from_sources(model, checkpoint.format, file, place, report)
            elif not here.published:
                report.say(f"{model.name}: your own {file.filename} is here and stays; --force replaces it")
    return path


def import_file(model: Model, path: Path, *, report: Report = SILENT) -> Path:
    """Copy the user's own checkpoint into the store and return where it lies.

    Any file of a known format is taken, a fine-tune too; its record says whether it is the published one.
    Those of its companions that lie beside it under their published names come along.
    Whether its tensors fit the network shows at export. Raises CheckpointError or OutputError.
    """
    format = format_of(path)
    published = next((file for file in model.files if file.format == format), None)
    target = folder_of(model) / (published.filename if published else f"{model.name}.{format}")
    with _alone(model, report), _disk_errors(target):
        for file in published.companions if published else ():
            if (beside := path.with_name(file.filename)).is_file():
                _take(model, format, beside, folder_of(model) / file.filename, file)
        same = _take(model, format, path, target, published)
    if not same:
        report.say(f"{model.name}: {path} is not the published file; taken as your own")
    return target


def _take(model: Model, format: Format, path: Path, target: Path, published: File | None) -> bool:
    """Copy the user's own file to `target`; is it the published one?"""
    with replacing(target) as temporary:
        shutil.copyfile(path, temporary)
        sha256 = sha256_of(temporary)
        records.forget(target)
    same = published is not None and sha256 == published.sha256
    _record(model, format, target, IMPORTED, sha256, published=same)
    return same


def _from_sources(model: Model, format: Format, file: File, path: Path, report: Report) -> None:
    reasons = []
    for source in file.sources:
        try:
            _from_source(source, model, format, file, path, report)
        except SourceError as error:
            reasons.append(f"  {source}\n    {error}")
            if source != file.sources[-1]:
                report.say(f"{model.name}: {source}: {error}; trying the next source")
        else:
            shutil.rmtree(_partial_folder(path), ignore_errors=True)
            return
    raise DownloadError(
        f"{file.filename}: no source gave the file; get it elsewhere and run"
        f" `trt-anime models import {model.name} FILE`\n" + "\n".join(reasons)
    )


def _from_source(source: str, model: Model, format: Format, file: File, path: Path, report: Report) -> None:
    """Fetch, check, and only then move into place. Raises SourceError."""
    key = f"{model.name}/{file.filename}"
    partial = _partial_folder(path) / hashlib.sha256(source.encode()).hexdigest()[:12]
    partial.mkdir(parents=True, exist_ok=True)
    job = Job(
        source=parse(source),
        folder=partial,
        filename=file.filename,
        size_bytes=file.size_bytes,
        say=lambda line: report.say(f"{model.name}: {line}"),
        progress=lambda total: report.progress(model.name, total),
    )
    fetched = fetch(job)
    try:
        sha256 = check_published(fetched, file, pinned=records.pinned(key))
    except SourceError:
        shutil.rmtree(partial)
        raise
    if file.sha256 is None:
        records.pin(key, sha256, source)
    with replacing(path) as temporary:
        fetched.replace(temporary)
        records.forget(path)
    _record(model, format, path, source, sha256, published=True)


def _partial_folder(path: Path) -> Path:
    return path.with_name(f".{path.name}.partial")


def _record(model: Model, format: Format, path: Path, source: str, sha256: str, *, published: bool) -> None:
    record = Record(
        model=model.name,
        format=format,
        source=source,
        published=published,
        sha256=sha256,
        size_bytes=path.stat().st_size,
        licence=model.licence if published else "",
        date=records.now(),
    )
    records.write(path, record)


@contextmanager
def _alone(model: Model, report: Report) -> Iterator[None]:
    """Keep other processes and threads off this model's folder."""
    folder = folder_of(model)
    with _disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / ".lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            report.say(f"{model.name}: waiting for another trt-anime that is fetching it")
            lock.acquire()
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _disk_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OutputError:
        raise
    except OSError as error:
        raise output_error(path, error) from error
