"""Reading ahead and writing behind: the same items in the same order, errors in their place, bounded."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from trt_anime.runtime.streams import Writers, ahead, behind


def test_items_come_in_their_order() -> None:
    assert list(ahead(range(50))) == list(range(50))
    assert list(ahead([])) == []


def test_an_error_comes_after_what_was_before_it() -> None:
    def broken() -> Iterator[int]:
        yield 1
        yield 2
        raise ValueError("torn")

    seen = []
    with pytest.raises(ValueError, match="torn"):
        for item in ahead(broken()):
            seen.append(item)
    assert seen == [1, 2]


def test_it_reads_no_more_than_it_may_hold() -> None:
    read = []

    def noted() -> Iterator[int]:
        for item in range(100):
            read.append(item)
            yield item

    coming = ahead(noted(), depth=3)
    next(coming)
    assert next(coming) == 1
    coming.close()  # type: ignore[attr-defined]
    assert len(read) <= 6


def test_work_of_a_pool_comes_in_the_order_of_its_items_and_holds_few() -> None:
    most, now, lock = 0, 0, threading.Lock()

    def items() -> Iterator[int]:
        nonlocal most, now
        for item in range(40):
            with lock:
                now += 1
                most = max(most, now)
            yield item

    with ThreadPoolExecutor(4) as pool:
        for place, doubled in enumerate(behind(lambda item: 2 * item, items(), pool, depth=5)):
            assert doubled == 2 * place
            with lock:
                now -= 1
    assert most <= 6


def test_everything_is_written_when_the_block_ends() -> None:
    done: list[int] = []
    with Writers.open(2) as writers:
        for item in range(30):
            writers.do(lambda item=item: done.append(item))  # type: ignore[misc]
    assert sorted(done) == list(range(30))


def test_a_write_that_fails_is_not_lost() -> None:
    def fail() -> None:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"), Writers.open(1) as writers:
        writers.do(fail)
