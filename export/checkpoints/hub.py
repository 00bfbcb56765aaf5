"""Checkpoints from the model hub, through huggingface_hub.

huggingface_hub says where the file is (HF_ENDPOINT, HF_HUB_OFFLINE and the user's token are its business),
how long it is and what it hashes to. The bytes come through our own downloader: huggingface_hub 2 drops its
partial file at the end of a run, and tries for half a minute before it believes that it is offline.
"""

import os
import shutil
from dataclasses import replace
from pathlib import Path

from trt_anime.export.checkpoints.download import CONNECT_TIMEOUT_S, download
from trt_anime.export.checkpoints.sources import Job, SourceError
from trt_anime.files import sha256_of


def fetch(job: Job) -> Path:
    """Fetch an hf: source: out of the user's hub cache if it is there, else from the hub."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")  # read when huggingface_hub is imported
    import huggingface_hub as hub
    from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]  # documented

    source = job.source
    cached = hub.try_to_load_from_cache(source.name, source.path, revision=source.version)
    if isinstance(cached, str):
        job.say("found in the hub's cache on this machine")
        return Path(shutil.copyfile(cached, job.folder / job.filename))
    url = hub.hf_hub_url(source.name, source.path, revision=source.version)
    headers: dict[str, str] = build_hf_headers()
    try:
        published = hub.get_hf_file_metadata(url, headers=headers, timeout=CONNECT_TIMEOUT_S)
    except Exception as error:  # its HTTP library's errors are not part of its interface
        raise SourceError(_reason(error)) from error
    if None not in (job.size_bytes, published.size) and job.size_bytes != published.size:
        raise SourceError(f"offers {published.size} bytes, the published file has {job.size_bytes}")
    file = download(url, replace(job, size_bytes=published.size), headers=headers)
    _check(file, published.etag)
    return file


def _check(file: Path, etag: str | None) -> None:
    # For large files the hub's ETag is their SHA-256 (64 digits); for small ones it is a git hash.
    if etag and len(etag) == 64 and sha256_of(file) != etag:
        file.unlink()
        raise SourceError("sent other bytes than it announced")


def _reason(error: Exception) -> str:
    name = type(error).__name__
    known = {
        "OfflineModeIsEnabled": "HF_HUB_OFFLINE is set",
        "GatedRepoError": "its owner asks you to accept terms first; do so on its page, then set HF_TOKEN",
        "RepositoryNotFoundError": "there is no such repository, or it is private; set HF_TOKEN",
        "RevisionNotFoundError": "there is no such revision",
        "RemoteEntryNotFoundError": "there is no such file",
    }
    if name in known:
        return known[name]
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"can't be reached ({lines[0].partition('] ')[2] or lines[0] if lines else name})"
