"""Results that threads share."""

from collections.abc import Callable
from functools import lru_cache
from threading import Lock
from typing import TypeVar, TypeVarTuple

Arguments = TypeVarTuple("Arguments")
Result = TypeVar("Result")


def shared(
    maxsize: int,
) -> Callable[[Callable[[*Arguments], Result]], Callable[[*Arguments], Result]]:
    """`functools.lru_cache` for threads: who wants what another is computing waits for it.

    One computation at a time, whatever the arguments: what is shared here holds the interpreter anyway.
    An exception isn't kept; the next caller computes again. Arguments are positional and hashable.
    """

    def decorate(function: Callable[[*Arguments], Result]) -> Callable[[*Arguments], Result]:
        remembered, lock = lru_cache(maxsize)(function), Lock()

        def call(*args: *Arguments) -> Result:
            with lock:
                return remembered(*args)

        return call

    return decorate
