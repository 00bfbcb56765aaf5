"""Which frame lies where, and which one goes."""

import pytest

from trt_anime.runtime.temporal.aot_slots import Slots


def filled(capacity: int, frames: str) -> Slots:
    """One letter a frame: g given, f found."""
    slots = Slots(capacity)
    for number, letter in enumerate(frames):
        slots.take(number, given=letter == "g")
    return slots


def test_slots_fill_in_order() -> None:
    slots = Slots(3)
    assert slots.valid == (False, False, False)
    assert [slots.take(frame, given=frame == 0) for frame in (0, 5)] == [0, 1]
    assert slots.valid == (True, True, False)
    assert slots.frames == (0, 5)


@pytest.mark.parametrize(
    ("frames", "kept"),
    [
        ("gff", (0, 1, 2)),
        ("gfff", (0, 2, 3)),  # the oldest found one goes
        ("gfffffff", (0, 6, 7)),
        ("gffg", (0, 2, 3)),  # also for a given one
        ("gggf", (0, 1, 2)),  # a found one pushes no given one out
        ("gggg", (1, 2, 3)),  # a given one does
        ("fgff", (1, 2, 3)),
    ],
)
def test_what_stays(frames: str, kept: tuple[int, ...]) -> None:
    assert filled(3, frames).frames == kept


def test_what_does_not_stay_gets_no_slot() -> None:
    slots = filled(2, "gg")
    assert slots.take(2, given=False) is None
    assert slots.take(3, given=True) == 0


def test_at_least_one_slot() -> None:
    with pytest.raises(ValueError, match="at least one slot"):
        Slots(0)
