"""When frames are memorised and which sensory memory is kept."""

import pytest

from trt_anime.errors import InputError
from trt_anime.runtime.temporal.xmem.options import MemoryOptions
from trt_anime.runtime.temporal.xmem.schedule import Moment, Schedule


def moments(options: MemoryOptions, count: int, masks: tuple[int, ...] = (0,)) -> list[Moment]:
    schedule = Schedule(options)
    return [
        schedule.next(mask=time in masks, complete=time == 0, last=time == count - 1)
        for time in range(count)
    ]


def times(found: list[Moment], name: str) -> list[int]:
    return [time for time, moment in enumerate(found) if getattr(moment, name)]


def test_as_published() -> None:
    found = moments(MemoryOptions(), 12)
    assert times(found, "segment") == [*range(1, 12)]
    assert times(found, "memorise") == times(found, "deep") == [0, 5, 10]
    assert times(found, "keep_sensory") == [1, 2, 3, 4, 6, 7, 8, 9]


def test_a_mask_is_memorised_and_counts_as_the_last_time() -> None:
    assert times(moments(MemoryOptions(memorise_every=3), 10, masks=(0, 2)), "memorise") == [0, 2, 5, 8]


def test_nothing_is_remembered_of_the_last_frame() -> None:
    found = moments(MemoryOptions(memorise_every=1), 3, masks=(0, 2))
    assert times(found, "memorise") == times(found, "deep") == [0, 1]
    assert found[2] == Moment(segment=True, keep_sensory=False, memorise=False, deep=False)


def test_deep_updates_of_their_own_wait_for_a_memorised_frame() -> None:
    found = moments(MemoryOptions(memorise_every=2, deep_update_every=3), 12)
    assert times(found, "memorise") == [0, 2, 4, 6, 8, 10]
    assert times(found, "deep") == [0, 4, 8]
    assert times(found, "keep_sensory") == [*range(1, 11)]


def test_nothing_is_predicted_where_all_is_given() -> None:
    schedule = Schedule(MemoryOptions())
    schedule.next(mask=True, complete=True, last=False)
    assert not schedule.next(mask=True, complete=True, last=False).segment


@pytest.mark.parametrize("name", ["memorise_every", "deep_update_every", "keep_frames"])
def test_numbers_below_one(name: str) -> None:
    with pytest.raises(InputError, match=f"{name} is 0"):
        MemoryOptions(**{name: 0})
