"""TensorRT-RTX compiles kernels when an engine first runs; this keeps them beside the engine."""

import hashlib
from contextlib import suppress
from pathlib import Path
from typing import Any

from trt_anime.errors import OutputError
from trt_anime.files import write_bytes

FILE = "runtime.cache"
_DIGEST_BYTES = hashlib.sha256().digest_size


class RuntimeCache:
    """A runtime cache and its file: SHA-256 of the rest, then what TensorRT-RTX serialized.

    Attributes:
        handle: TensorRT-RTX's own object.
        notice: a sentence for the user where the file was of no use; else None.
    """

    def __init__(self, config: Any, folder: Path) -> None:
        """Read the file, if there is one, and make `config` use the cache."""
        self._file = folder / FILE
        self.handle = config.create_runtime_cache()
        self._saved = _whole(self._file)
        self.notice = None
        if self._saved is None and self._file.is_file():
            self.notice = f"{self._file}: is damaged and was ignored; kernels are compiled again"
        elif self._saved is not None and not self.handle.deserialize(self._saved):
            self.notice = (
                f"{self._file}: was made by another GPU, driver or TensorRT-RTX; kernels are compiled again"
            )
        config.set_runtime_cache(self.handle)

    def save(self) -> None:
        """Write the file if the cache has changed. A folder that can't be written is left as it is."""
        data = bytes(self.handle.serialize())
        if data == self._saved:
            return
        with suppress(OutputError):  # the next run is slower to start; this one lost nothing
            write_bytes(self._file, hashlib.sha256(data).digest() + data)
            self._saved = data


def _whole(file: Path) -> bytes | None:
    try:
        content = file.read_bytes()
    except OSError:
        return None
    digest, data = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:]
    return data if hashlib.sha256(data).digest() == digest else None
