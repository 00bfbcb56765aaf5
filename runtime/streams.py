"""Reading ahead and writing behind, so that a pass computes while files come and go."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


class _End:
    """After the last item."""


def ahead(items: Iterable[T], *, depth: int = 3) -> Iterator[T]:
    """The same items, made by a thread of their own, up to `depth` before they are wanted.

    An error of `items` comes out in its place.
    """
    source = iter(items)
    with ThreadPoolExecutor(1, "read ahead") as pool:
        coming: deque[Future[T | type[_End]]] = deque(pool.submit(next, source, _End) for _ in range(depth))
        while (item := coming.popleft().result()) is not _End:
            coming.append(pool.submit(next, source, _End))
            yield item  # type: ignore[misc]


class Writers:
    """Work for a few threads; whoever hands in too much waits."""

    def __init__(self, pool: ThreadPoolExecutor, depth: int) -> None:
        self._pool, self._depth = pool, depth
        self._pending: deque[Future[object]] = deque()

    @classmethod
    @contextmanager
    def open(cls, threads: int) -> Iterator["Writers"]:
        """Everything is done when the block ends without an error. Raises what the work raises."""
        with ThreadPoolExecutor(threads, "write") as pool:
            writers = cls(pool, 2 * threads)
            try:
                yield writers
            except BaseException:
                for job in writers._pending:
                    job.cancel()
                raise
            writers.wait()

    def do(self, work: Callable[[], object]) -> None:
        """Soon. Raises what earlier work raised."""
        while len(self._pending) >= self._depth:
            self._pending.popleft().result()
        self._pending.append(self._pool.submit(work))

    def wait(self) -> None:
        """Until all of it is done. Raises what it raised."""
        while self._pending:
            self._pending.popleft().result()


def behind(
    work: Callable[[T], R], items: Iterable[T], pool: ThreadPoolExecutor, *, depth: int
) -> Iterator[R]:
    """`work` of each item, in their order, by the pool's threads; at most `depth` items are held."""
    coming: deque[Future[R]] = deque()
    for item in items:
        coming.append(pool.submit(work, item))
        if len(coming) >= depth:
            yield coming.popleft().result()
    while coming:
        yield coming.popleft().result()
