"""Results that threads share."""

from collections.abc import Callable
from functools import lru_cache, wraps
from threading import Lock
from typing import ParamSpec, TypeVar

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def shared(maxsize: int) -> Callable[[Callable[Arguments, Result]], Callable[Arguments, Result]]:
    """`functools.lru_cache` for threads: who wants what another is computing waits for it.

    One computation at a time, whatever the arguments: what is shared here holds the interpreter anyway.
    An exception isn't kept; the next caller computes again. Arguments must be hashable.
    """

    def decorate(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
        remembered, lock = lru_cache(maxsize)(function), Lock()

        @wraps(function)
        def call(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
            with lock:
                return remembered(*args, **kwargs)

        return call

    return decorate
