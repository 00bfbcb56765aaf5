"""TensorRT-RTX compiles kernels when an engine first runs; this keeps them beside the engine."""

from contextlib import suppress
from typing import Any

from trt_anime.engines.library import Library, said_last
from trt_anime.engines.locks import locked
from trt_anime.engines.store import MANIFEST, Entry, kernels_file, lock_of
from trt_anime.errors import EngineError, OutputError
from trt_anime.files import read_checked, write_checked

# Only who builds the engine anew holds its lock for long, and has no use for the old one's kernels.
_PATIENCE_S = 5.0


class RuntimeCache:
    """A runtime cache and its file: SHA-256 of the rest, then what TensorRT-RTX serialized.

    Two processes may run one engine. TensorRT-RTX can't merge two caches (it has `serialize`, `deserialize`
    and `reset`), so what another process wrote since this one began is replaced only by more than that.

    Attributes:
        handle: TensorRT-RTX's own object; None where it has or takes none.
        notice: a sentence for the user where the cache is of no use; else None.
    """

    def __init__(self, library: Library, config: Any, entry: Entry, *, gpu: str) -> None:
        """Read the file of this kind of GPU, if there is one, and make `config` use the cache."""
        self._library, self._folder = library, entry.folder
        self._file = entry.folder / kernels_file(gpu)
        self._saved = read_checked(self._file)
        self.handle: Any = None
        self.notice: str | None = None
        try:
            self.handle = library.asked("makes no cache", config.create_runtime_cache)
            self.notice = self._taken_back()
            library.asked("takes no cache", config.set_runtime_cache, self.handle)
        except EngineError:
            self.handle = None
            said = f" ({reason})" if (reason := said_last(library.log.errors)) else ""
            self.notice = (
                f"{self._file}: {library.title} takes no cache{said}; kernels are compiled in every run"
            )

    def save(self) -> None:
        """Write the file if the cache has changed. What can't be had or written is left as it is.

        The next run is slower to start then; this one lost nothing, and an error under way says more.
        """
        if self.handle is None:
            return
        with suppress(EngineError, OutputError):
            data = bytes(self._library.asked("gave no kernels", self.handle.serialize))
            if data == self._saved:
                return
            with locked(lock_of(self._folder), timeout_s=_PATIENCE_S) as held:
                if held and (self._folder / MANIFEST).is_file():  # else the engine was removed meanwhile
                    self._write(data)

    def _write(self, data: bytes) -> None:
        there = read_checked(self._file)
        if there is None or there == self._saved or len(there) < len(data):
            write_checked(self._file, data)
            self._saved = data

    def _taken_back(self) -> str | None:
        if self._saved is None:
            damaged = f"{self._file}: is damaged and was ignored; kernels are compiled again"
            return damaged if self._file.is_file() else None
        try:
            self._library.asked("took no kernels", self.handle.deserialize, self._saved)
        except EngineError:
            title = self._library.title
            return f"{self._file}: was made by another driver or {title}; kernels are compiled again"
        return None
