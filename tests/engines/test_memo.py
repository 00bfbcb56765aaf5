from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from trt_anime.engines.memo import shared


def test_who_wants_what_is_being_computed_waits_for_it() -> None:
    begun, let_go = Event(), Event()
    calls = []

    @shared(2)
    def double(number: int) -> int:
        calls.append(number)
        begun.set()
        assert let_go.wait(10)
        return 2 * number

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(double, 3)
        assert begun.wait(10)
        second = pool.submit(double, 3)
        let_go.set()
        assert (first.result(), second.result()) == (6, 6)
    assert calls == [3]


def test_the_oldest_is_forgotten() -> None:
    calls = []

    @shared(2)
    def same(number: int) -> int:
        calls.append(number)
        return number

    assert [same(number) for number in (1, 2, 1, 3, 1, 2)] == [1, 2, 1, 3, 1, 2]
    assert calls == [1, 2, 3, 2]


def test_an_exception_is_not_kept() -> None:
    answers: Iterator[Exception | int] = iter([ValueError("not yet"), 7])

    @shared(1)
    def ask() -> int:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    with pytest.raises(ValueError, match="not yet"):
        ask()
    assert ask() == 7
