"""Held frames: what is noise and what is a change, on drawings whose truth is known."""

from collections.abc import Iterator

import numpy as np
import pytest

from benchmarks.held_clips import Clip, Quality, base, hard_cases, recoded
from trt_anime.runtime.lookahead.held import LIMITS, HeldFrames
from trt_anime.runtime.lookahead.reduced import Reduced
from trt_anime.runtime.media.frames import Pixels

FRAMES = 6
CASES = [case for case in hard_cases(FRAMES) if case.must]
CODED = Quality("libx264", 23)


def wrong_and_missed(clip: Clip, frames: Iterator[Pixels], preset: str) -> tuple[list[int], list[int]]:
    """Frames taken for another drawing's repeat, and held frames not found."""
    held, fresh = HeldFrames(LIMITS[preset]), 0
    wrong, missed = [], []
    for index, frame in enumerate(frames):
        repeat = held.holds(Reduced.of(frame))
        fresh = fresh if repeat else index
        if clip.drawings[index] != clip.drawings[fresh]:
            wrong.append(index)
        if clip.held(index) and not repeat:
            missed.append(index)
    return wrong, missed


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_as_drawn_every_change_is_seen_and_every_repeat_found(case: Clip) -> None:
    assert wrong_and_missed(case, recoded(case, None), "fast") == ([], [])


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_changes_are_seen_through_codec_noise(case: Clip) -> None:
    frames = list(recoded(case, CODED))
    for preset in LIMITS:
        assert wrong_and_missed(case, iter(frames), preset)[0] == []


@pytest.mark.parametrize("preset", LIMITS)
def test_codec_noise_is_no_change(preset: str) -> None:
    still = next(case for case in CASES if case.name == "nothing moves")
    frames = list(recoded(still, CODED))
    assert not np.array_equal(frames[0], frames[1])  # there is noise to see through
    assert wrong_and_missed(still, iter(frames), preset)[1] == []


@pytest.mark.parametrize("preset", LIMITS)
def test_a_drift_adds_up(preset: str) -> None:
    """A tenth of the rows grows lighter by a level at each step: within the limits, but not four times."""
    held, verdicts = HeldFrames(LIMITS[preset]), []
    for step in range(5):
        picture = np.full((160, 160, 3), 100, np.uint8)
        picture[: 16 * step] += 1
        verdicts.append(held.holds(Reduced.of(picture)))
    assert verdicts[:2] == [False, True]
    assert verdicts.count(False) == 2


def test_presets_go_from_lenient_to_strict() -> None:
    fast, balanced, quality = (LIMITS[name] for name in ("fast", "balanced", "quality"))
    for name in ("mean", "tone", "shift", "detail"):
        assert getattr(fast, name) > getattr(balanced, name) > getattr(quality, name)


def test_a_colour_may_change_where_the_luma_does_not() -> None:
    picture = np.full((360, 640, 3), 128, np.uint8)
    blush = picture.copy()
    blush[150:200, 300:350] += np.array([20, -11, 4], np.int8).view(np.uint8)  # luma changes by 0
    held = HeldFrames(LIMITS["fast"])
    assert not held.holds(Reduced.of(picture))
    assert not held.holds(Reduced.of(blush))


def test_another_size_is_another_picture() -> None:
    held = HeldFrames(LIMITS["fast"])
    held.holds(Reduced.of(np.zeros((90, 160, 3), np.uint8)))
    assert not held.holds(Reduced.of(np.zeros((80, 160, 3), np.uint8)))


def test_forgets() -> None:
    held, frame = HeldFrames(LIMITS["fast"]), Reduced.of(base())
    assert [held.holds(frame), held.holds(frame)] == [False, True]
    held.forget()
    assert [held.holds(frame), held.holds(frame)] == [False, True]
