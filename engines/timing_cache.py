"""How long TensorRT's kernels took on this GPU: measured once, used by every later build.

    <home>/engines/.caches/timing-<system>-<TensorRT's version>-<GPU>.cache

TensorRT-RTX measures nothing when it builds; its own methods of these names do nothing.
"""

import re
from pathlib import Path
from typing import Any

from trt_anime import paths
from trt_anime.engines.library import Library, said_last
from trt_anime.engines.locks import locked
from trt_anime.engines.machine import gpu_for, system_here
from trt_anime.engines.targets import Target
from trt_anime.errors import EngineError, OutputError
from trt_anime.files import read_checked, write_checked

_AGAIN = "kernels are measured again"


def file_here(target: Target, version: str) -> Path | None:
    """The cache of builds for `target` on this machine; None where there is none to be had."""
    gpu = gpu_for(target) if target.flavour == "trt" else None
    if gpu is None:
        return None
    words = f"timing-{system_here()}-{version}-{gpu.name}".lower()
    return paths.engines() / ".caches" / f"{re.sub(r'[^a-z0-9._]+', '-', words)}.cache"


class TimingCache:
    """The timing cache of one build and its file, which many processes may read and write."""

    def __init__(self, library: Library, config: Any, file: Path) -> None:
        """Read the file, if there is one, and make `config` use and fill the cache.

        Raises:
            EngineError: the library takes no cache, not even an empty one.
        """
        self._library, self._config, self._file = library, config, file
        self._read = read_checked(file)
        self._notices: list[str] = []
        if self._read is None and file.is_file():
            self._notices.append(f"{file}: is damaged and was ignored; {_AGAIN}")
        try:
            self._cache = self._attached(self._read or b"")
        except EngineError as error:
            if not self._read:
                raise
            self._notices.append(f"{file}: does not fit and was ignored ({error}); {_AGAIN}")
            self._cache = self._attached(b"")

    def kept(self) -> tuple[str, ...]:
        """Write what was measured, and what others have written meanwhile; sentences for the user.

        The build is done by then: what can't be had or written costs time in the next one, no more.
        """
        try:
            with locked(self._file.with_suffix(".lock")):
                self._write(read_checked(self._file))
        except (EngineError, OutputError) as error:
            self._notices.append(f"{error} (the timing cache was not kept)")
        return tuple(self._notices)

    def _attached(self, data: bytes) -> Any:
        cache = self._created(data)
        self._library.asked("refused the timing cache", self._config.set_timing_cache, cache, False)
        return cache

    def _created(self, data: bytes) -> Any:
        what = "made no timing cache"
        cache = self._library.asked(what, self._config.create_timing_cache, data)
        # What it can't use, it replaces by an empty cache, with a warning and no more.
        if complaints := [*self._library.log.warnings, *self._library.log.errors]:
            raise self._library.error(what, said=said_last(complaints))
        return cache

    def _write(self, there: bytes | None) -> None:
        asked = self._library.asked
        if there is not None and there != self._read:
            asked("could not combine two timing caches", self._cache.combine, self._created(there), False)
        data = bytes(asked("gave no timing cache", self._cache.serialize))
        if data != there:
            write_checked(self._file, data)
