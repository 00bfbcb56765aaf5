"""Held frames and shots together."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.runtime.lookahead.test_shots import view
from trt_anime.errors import InputError
from trt_anime.runtime.lookahead.reduced import FINE_SIDE, SMALL_SIDE, Reduced
from trt_anime.runtime.lookahead.shots import Shots
from trt_anime.runtime.lookahead.stage import PRIMING_FRAMES, LookAhead, Verdict
from trt_anime.runtime.media.frames import Pixels

START = Verdict(repeat=False, shot_start=True)
FRESH = Verdict(repeat=False, shot_start=False)
REPEAT = Verdict(repeat=True, shot_start=False)


def verdicts(frames: list[Pixels], preset: str = "balanced", *, held: bool = True) -> list[Verdict]:
    ahead = LookAhead(preset=preset, held=held)
    return [ahead.judge(frame) for frame in frames]


def test_twos_threes_and_a_cut() -> None:
    frames = [view(1), view(1), view(1, 3), view(1, 3), view(1, 3), view(2), view(2)]
    assert verdicts(frames) == [START, REPEAT, FRESH, REPEAT, REPEAT, START, REPEAT]


def test_not_held() -> None:
    frames = [view(1), view(1), view(2), view(2)]
    assert verdicts(frames, held=False) == [START, FRESH, START, FRESH]


def test_a_segment_begins_fresh_and_its_shot_goes_on() -> None:
    ahead = LookAhead(preset="fast")
    ahead.judge(view(1))
    assert ahead.judge(view(1)) == REPEAT
    ahead.begin_segment()
    assert [ahead.judge(view(1)), ahead.judge(view(1))] == [FRESH, REPEAT]


def test_what_a_shot_starts_with_is_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it looks like."""
    monkeypatch.setattr(Shots, "begins", lambda self, frame: True)
    assert verdicts([view(1), view(1)]) == [START, START]


def test_a_run_from_mid_clip_primed_says_the_same() -> None:
    places = [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 1, 1]
    frames = [view(seed, 3 * (index // 2)) for index, seed in enumerate(places)]
    segment = 4
    whole = LookAhead(preset="balanced")
    through = []
    for index, frame in enumerate(frames):
        if index % segment == 0:
            whole.begin_segment()
        through.append(whole.judge(frame))
    for start in range(0, len(frames), segment):
        resumed = LookAhead(preset="balanced")
        for frame in frames[max(0, start - PRIMING_FRAMES) : start]:
            resumed.prime(frame)
        resumed.begin_segment()
        assert [resumed.judge(frame) for frame in frames[start : start + segment]] == through[
            start : start + segment
        ]


def test_the_callers_array_is_not_kept() -> None:
    """One array is decoded into again and again; both parts must remember what it showed."""
    for shape in ((180, 320), (1, 1), (3, 1)):
        shared = np.zeros((*shape, 3), np.uint8)
        ahead = LookAhead(preset="balanced")
        seen = []
        for level in (40, 40, 200, 200):
            shared[:] = level
            seen.append(ahead.judge(shared))
        assert [verdict.repeat for verdict in seen] == [False, True, False, True]


@pytest.mark.parametrize("preset", ["", "best", "FAST"])
def test_unknown_preset(preset: str) -> None:
    with pytest.raises(InputError, match="choose one of fast, balanced, quality"):
        LookAhead(preset=preset)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 400), st.integers(1, 400))
def test_any_size(height: int, width: int) -> None:
    dark, light = (np.full((height, width, 3), level, np.uint8) for level in (30, 220))
    judged = verdicts([dark, dark, light, light])
    assert [verdict.repeat for verdict in judged] == [False, True, False, True]


@pytest.mark.parametrize(
    ("size", "fine"),
    [
        ((1080, 1920), (540, 960)),
        ((720, 1280), (360, 640)),
        ((2160, 3840), (540, 960)),
        ((481, 855), (240, 427)),
    ],
)
def test_sizes_of_what_is_kept(size: tuple[int, int], fine: tuple[int, int]) -> None:
    reduced = Reduced.of(np.zeros((*size, 3), np.uint8))
    assert reduced.fine.shape == fine and min(fine) <= FINE_SIDE
    assert reduced.coarse.shape == (fine[0] // 2, fine[1] // 2)
    assert SMALL_SIDE / 2 < max(reduced.small.shape[:2]) <= SMALL_SIDE
