"""Resumable HTTP downloads.

A partial file outlives the run, together with the validator (ETag or date) that its bytes belong to. The
next run asks for the rest with Range and If-Range, so a file that has changed in between starts anew.
"""

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx

from trt_anime import __version__
from trt_anime.export.checkpoints.sources import Job, SourceError

CONNECT_TIMEOUT_S = 5.0
READ_TIMEOUT_S = 30.0
RESUMPTIONS = 3  # in one run; a connection that breaks without a single new byte isn't tried again


@dataclass(frozen=True)
class Partial:
    """The bytes that are here already, and what they are a part of."""

    path: Path

    @property
    def validator_path(self) -> Path:
        return self.path.with_name(f"{self.path.name}.validator")

    def size(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    def validator(self) -> str:
        return self.validator_path.read_text() if self.validator_path.exists() else ""

    def restart(self, headers: Mapping[str, str]) -> None:
        """Empty the file; the bytes to come belong to the response with these `headers`."""
        self.path.write_bytes(b"")
        etag = headers.get("etag", "")
        strong = "" if etag.startswith("W/") else etag  # If-Range takes no weak ones
        self.validator_path.write_text(strong or headers.get("last-modified", ""))

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)
        self.validator_path.unlink(missing_ok=True)


def fetch(job: Job) -> Path:
    """Fetch an https: source."""
    return download(job.source.name, job)


def download(url: str, job: Job, *, headers: Mapping[str, str] | None = None) -> Path:
    """Download `url` to `job.folder / job.filename`, going on where an earlier run stopped.

    `headers` are not sent on to another host when the server redirects there (httpx sees to that for
    Authorization). Not promised: that the bytes are right; a server without validators may mix versions
    only if it also ignores If-Range. Raises SourceError.
    """
    partial = Partial(job.folder / job.filename)
    if job.size_bytes is not None and partial.size() == job.size_bytes:
        return partial.path
    with _client(headers or {}) as client:
        for left in reversed(range(RESUMPTIONS + 1)):
            before = partial.size()
            try:
                _transfer(client, url, partial, job)
                return partial.path
            except httpx.TransportError as error:
                if left == 0 or partial.size() <= before:
                    raise SourceError(reason_of(error)) from error
                job.say(f"connection lost after {partial.size() / 1e6:.1f} MB, resuming")
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                raise SourceError(reason_of(error)) from error
    raise AssertionError("unreachable")


def reason_of(error: Exception) -> str:
    """Why a request failed, in a few words without the address."""
    text = str(error)
    if isinstance(error, httpx.ConnectTimeout):
        return f"no answer within {CONNECT_TIMEOUT_S:.0f} s"
    if "CERTIFICATE_VERIFY_FAILED" in text:
        return "its certificate isn't trusted here; name your CA bundle in SSL_CERT_FILE"
    if isinstance(error, httpx.TimeoutException):
        return f"nothing came for {READ_TIMEOUT_S:.0f} s"
    if isinstance(error, httpx.ProxyError):
        return f"the proxy refused: {text}"
    if isinstance(error, httpx.ConnectError):
        return f"can't be reached ({text.partition('] ')[2] or text})"
    return text.partition("\n")[0] or type(error).__name__


def _transfer(client: httpx.Client, url: str, partial: Partial, job: Job) -> None:
    start = partial.size() if partial.validator() else 0
    ask = {"Range": f"bytes={start}-", "If-Range": partial.validator()} if start else {}
    with client.stream("GET", url, headers=ask) as response:
        if start and response.status_code == 416:  # the rest of nothing, or of a file that got shorter
            partial.remove()
            return _transfer(client, url, partial, job)
        left = _check(response, start, job)
        if response.status_code != 206:
            start = 0
            partial.restart(response.headers)
        elif start:
            job.say(f"resuming after {start / 1e6:.1f} MB")
        with job.progress(left) as advance, partial.path.open("ab") as file:
            for block in response.iter_raw():
                file.write(block)
                advance(len(block))


def _check(response: httpx.Response, start: int, job: Job) -> int | None:
    """Refuse what can't be the file before a byte of it is kept; return the bytes to come, if known."""
    status = response.status_code
    if response.url.scheme == "http" and any(hop.url.scheme == "https" for hop in response.history):
        raise SourceError("redirects to an address without TLS")
    if status not in (200, 206):
        raise SourceError(f"answered {status} {response.reason_phrase}".strip())
    if response.headers.get("content-type", "").startswith("text/html"):
        raise SourceError("answered with a web page, not with the file")
    if status == 206 and not response.headers.get("content-range", "").startswith(f"bytes {start}-"):
        raise SourceError("answered with another part of the file than the one asked for")
    length = response.headers.get("content-length", "")
    if not length.isdigit():
        return None
    total = int(length) + (start if status == 206 else 0)
    if job.size_bytes is not None and total != job.size_bytes:
        raise SourceError(f"offers {total} bytes, the published file has {job.size_bytes}")
    return int(length)


def _client(headers: Mapping[str, str]) -> httpx.Client:
    return httpx.Client(
        headers={
            "User-Agent": f"trt-anime/{__version__}",
            "Accept-Encoding": "identity",  # ranges count the bytes as sent
            **headers,
        },
        timeout=httpx.Timeout(READ_TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
        follow_redirects=True,
        verify=_trust(),
    )


def _trust() -> ssl.SSLContext:
    """The CA bundle that the environment names, else httpx's own together with the system's."""
    for variable in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        if bundle := os.environ.get(variable):
            try:
                if Path(bundle).is_dir():
                    return ssl.create_default_context(capath=bundle)
                return ssl.create_default_context(cafile=bundle)
            except (OSError, ssl.SSLError) as error:
                raise SourceError(f"{variable} names {bundle}, which is no CA bundle") from error
    context = httpx.create_ssl_context()
    context.load_default_certs()
    return context
