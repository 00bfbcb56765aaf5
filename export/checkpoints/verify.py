"""Is this file a checkpoint, and is it the published one? Its content decides, never its name."""

import hashlib
import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from trt_anime.errors import CheckpointError
from trt_anime.export.catalogue import Checkpoint, File, Format
from trt_anime.export.checkpoints.sources import SourceError

# A PyTorch file from before 2020 starts with this number, pickled with protocol 2.
_LEGACY_PTH = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."
_HEAD_BYTES = 512


def format_of(path: Path) -> Format:
    """Recognise a checkpoint by its structure, without torch and without running anything in it.

    Not promised: that its tensors fit a network; `export` checks that strictly. Raises CheckpointError.
    """
    head = _refuse_what_downloads_leave(path)
    if head.startswith(b"PK\x03\x04"):
        return _pth(path)
    if head.startswith(_LEGACY_PTH):
        return "pth"
    if head[8:9] == b"{":
        return _safetensors(path, int.from_bytes(head[:8], "little"))
    return _onnx(path)


def check_published(path: Path, published: File, *, pinned: str | None) -> str:
    """Return the SHA-256 of a fetched file if it is the one that the catalogue means.

    Size and published hashes decide; without a SHA-256 in the catalogue the `pinned` one does; without
    either, the file must at least be whole and, if it holds weights, of the right format. Raises
    SourceError.
    """
    with _said_of_the_source(path):
        _refuse_what_downloads_leave(path)
    size_bytes = path.stat().st_size
    sha256, md5 = _hashes(path)
    wrong = ""
    if published.size_bytes not in (None, size_bytes):
        wrong = f"{size_bytes} bytes instead of {published.size_bytes}"
    elif published.sha256 not in (None, sha256):
        wrong = f"SHA-256 {sha256[:12]}… instead of {(published.sha256 or '')[:12]}…"
    elif published.md5 not in (None, md5):
        wrong = f"MD5 {md5} instead of {published.md5}"
    elif pinned not in (None, sha256):
        wrong = f"SHA-256 {sha256[:12]}… instead of {(pinned or '')[:12]}…, which lock.json pins"
    if wrong:
        raise SourceError(f"sent another file than the published one ({wrong})")
    if published.sha256 is None and isinstance(published, Checkpoint):
        with _said_of_the_source(path):
            found = format_of(path)
        if found != published.format:
            raise SourceError(f"sent something else: the file is .{found}, not .{published.format}")
    return sha256


@contextmanager
def _said_of_the_source(path: Path) -> Iterator[None]:
    try:
        yield
    except CheckpointError as error:
        reason = str(error).removeprefix(f"{path}: ").partition(";")[0]
        raise SourceError(f"sent something else: the file {reason}") from error


def _hashes(path: Path) -> tuple[str, str]:
    sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            sha256.update(block)
            md5.update(block)
    return sha256.hexdigest(), md5.hexdigest()


def _refuse_what_downloads_leave(path: Path) -> bytes:
    """Return the first bytes of `path`, unless it is what a failed download leaves behind."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except FileNotFoundError:
        raise CheckpointError(f"{path}: there is no such file; check the path") from None
    except OSError as error:
        raise CheckpointError(f"{path}: can't be read ({error.strerror}); check the path") from error
    text = head.lstrip().lower()
    if not head:
        raise CheckpointError(f"{path}: is empty; download it again")
    if text.startswith((b"<!doctype", b"<html", b"<?xml")):
        raise CheckpointError(f"{path}: is a web page; download the file itself, not the page about it")
    if text.startswith(b"version https://git-lfs"):
        raise CheckpointError(
            f"{path}: is a git-lfs pointer, not the weights; run `git lfs pull` beside it"
        )
    return head


def _pth(path: Path) -> Format:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except zipfile.BadZipFile:
        raise CheckpointError(f"{path}: is cut short; download it again") from None
    if not any(name.endswith("/data.pkl") for name in names):
        raise CheckpointError(f"{path}: is a zip archive without a checkpoint in it; unpack it first")
    return "pth"


def _safetensors(path: Path, header_bytes: int) -> Format:
    size_bytes = path.stat().st_size
    if 8 + header_bytes > size_bytes:
        raise CheckpointError(f"{path}: is cut short; download it again")
    with path.open("rb") as file:
        file.seek(8)
        text = file.read(header_bytes)
    try:
        entries = json.loads(text)
        ends = [entry["data_offsets"][1] for name, entry in entries.items() if name != "__metadata__"]
        whole_bytes = 8 + header_bytes + max(ends)
    except (ValueError, KeyError, TypeError, IndexError, AttributeError):
        raise CheckpointError(f"{path}: has a damaged safetensors header; download it again") from None
    if whole_bytes != size_bytes:
        raise CheckpointError(f"{path}: has {size_bytes} of {whole_bytes} bytes; download it again")
    return "safetensors"


def _onnx(path: Path) -> Format:
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    try:
        model = onnx.load_model(path, load_external_data=False)
    except (DecodeError, ValueError):
        model = onnx.ModelProto()
    if not model.graph.node:
        raise CheckpointError(
            f"{path}: is no .pth, .safetensors or .onnx file, or cut short; download it again"
        )
    if any(tensor.data_location == onnx.TensorProto.EXTERNAL for tensor in model.graph.initializer):
        raise CheckpointError(
            f"{path}: keeps its weights in another file; save it as one, onnx.save(onnx.load(FILE), NEW)"
        )
    return "onnx"
