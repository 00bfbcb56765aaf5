"""A shot's frames are read once, as far as there is room, and come the same each time."""

from collections.abc import Iterator

import numpy as np
import pytest

from trt_anime.runtime.passes.kept import Kept
from trt_anime.runtime.plates.seen import Seen

FRAMES = (10, 12, 14, 16, 18)
SIZE_BYTES = 6 * 8 * 4


class Clip:
    """Counts what is read of it."""

    def __init__(self) -> None:
        self.read_at: list[list[int]] = []

    def read(self, start: int) -> Iterator[Seen]:
        self.read_at.append([])
        for index in FRAMES:
            if index >= start:
                self.read_at[-1].append(index)
                yield Seen(index, np.full((6, 8, 3), index, np.uint8), np.zeros((6, 8), np.uint8))


def indices(frames: Kept) -> tuple[int, ...]:
    found = list(frames())
    assert all((seen.rgb == seen.index).all() for seen in found)
    return tuple(seen.index for seen in found)


def test_frames_that_fit_are_read_once() -> None:
    clip = Clip()
    frames = Kept(clip.read, 10, room_bytes=5 * SIZE_BYTES)
    assert [indices(frames) for _ in range(3)] == [FRAMES] * 3
    assert clip.read_at == [list(FRAMES)]


def test_only_what_has_no_room_is_read_again() -> None:
    clip = Clip()
    frames = Kept(clip.read, 10, room_bytes=3 * SIZE_BYTES)
    assert [indices(frames) for _ in range(3)] == [FRAMES] * 3
    assert clip.read_at == [list(FRAMES), [16, 18], [16, 18]]


def test_without_room_everything_is_read_each_time() -> None:
    clip = Clip()
    frames = Kept(clip.read, 10, room_bytes=SIZE_BYTES - 1)
    assert [indices(frames) for _ in range(2)] == [FRAMES] * 2
    assert clip.read_at == [list(FRAMES)] * 2


def test_who_leaves_early_loses_nothing() -> None:
    clip = Clip()
    frames = Kept(clip.read, 10)
    early = frames()
    assert [next(early).index, next(early).index] == [10, 12]
    del early
    assert indices(frames) == indices(frames) == FRAMES
    assert clip.read_at == [[10, 12], [14, 16, 18]]


def test_two_who_go_over_them_at_once_both_see_all() -> None:
    frames = Kept(Clip().read, 10)
    one, other = frames(), frames()
    seen = [next(other).index, next(other).index], [next(one).index]
    seen[0].extend(later.index for later in other)
    seen[1].extend(later.index for later in one)
    assert seen == (list(FRAMES), list(FRAMES))


def test_a_run_that_has_ended_elsewhere_stops_among_kept_frames() -> None:
    ended = False

    def go_on() -> None:
        if ended:
            raise InterruptedError

    frames = Kept(Clip().read, 10, go_on=go_on)
    assert indices(frames) == FRAMES
    ended = True
    with pytest.raises(InterruptedError):
        indices(frames)
