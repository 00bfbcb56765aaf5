"""TensorRT-RTX compiles kernels when an engine first runs; this keeps them beside the engine."""

import hashlib
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

from trt_anime.errors import OutputError
from trt_anime.files import write_bytes

_DIGEST_BYTES = hashlib.sha256().digest_size


def file_name(gpu: str) -> str:
    """Such as ``runtime-nvidia-geforce-rtx-4090.cache``: kernels for one sm89 card aren't another's."""
    return f"runtime-{re.sub(r'[^a-z0-9]+', '-', gpu.lower()).strip('-')}.cache"


class RuntimeCache:
    """A runtime cache and its file: SHA-256 of the rest, then what TensorRT-RTX serialized.

    Attributes:
        handle: TensorRT-RTX's own object; None where it has or takes none.
        notice: a sentence for the user where the cache is of no use; else None.
    """

    def __init__(self, config: Any, folder: Path, *, gpu: str) -> None:
        """Read the file of this kind of GPU, if there is one, and make `config` use the cache."""
        self._file = folder / file_name(gpu)
        self._saved = _whole(self._file)
        self.handle: Any = config.create_runtime_cache()
        self.notice: str | None = None
        if self.handle is not None:
            self.notice = self._taken_back()
        if self.handle is None or not config.set_runtime_cache(self.handle):
            self.handle = None
            self.notice = f"{self._file}: TensorRT-RTX takes no cache; kernels are compiled in every run"

    def save(self) -> None:
        """Write the file if the cache has changed. What can't be had or written is left as it is.

        The next run is slower to start then; this one lost nothing, and an error under way says more.
        """
        if self.handle is None:
            return
        with suppress(OutputError):
            data = self._serialized()
            if data is not None and data != self._saved:
                write_bytes(self._file, hashlib.sha256(data).digest() + data)
                self._saved = data

    def _taken_back(self) -> str | None:
        if self._saved is None:
            damaged = f"{self._file}: is damaged and was ignored; kernels are compiled again"
            return damaged if self._file.is_file() else None
        if self.handle.deserialize(self._saved):
            return None
        return f"{self._file}: was made by another driver or TensorRT-RTX; kernels are compiled again"

    def _serialized(self) -> bytes | None:
        try:
            memory = self.handle.serialize()
            return None if memory is None else bytes(memory)
        except Exception:  # the binding's own classes, on a device that is lost
            return None


def _whole(file: Path) -> bytes | None:
    try:
        content = file.read_bytes()
    except OSError:
        return None
    digest, data = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:]
    return data if hashlib.sha256(data).digest() == digest else None
