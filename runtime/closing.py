"""Things that are open until `close`, and close themselves at the end of a `with` block."""

from types import TracebackType
from typing import Protocol, Self


class Closing(Protocol):
    """For protocols, and for classes, which need `close` only."""

    def close(self) -> None: ...

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
