"""Which frames are drawn."""

from collections import Counter

import numpy as np
import pytest

from trt_anime.calibration.selection import FEWEST, Candidate, drawn, parted, shows_something


def film(*shots: int, clip: int = 0, held: int = 1) -> list[Candidate]:
    """A clip of shots with so many drawings each, every one `held` frames long."""
    found: list[Candidate] = []
    for shot, drawings in enumerate(shots):
        for _ in range(drawings):
            for repeat in range(held):
                found.append(Candidate(clip, len(found), shot, held=repeat > 0))
    return found


def test_shots_alike() -> None:
    """A long shot gives no more frames than a short one, until the short one has none left."""
    chosen = drawn(film(100, 3, 40), 12, seed=0)
    assert Counter(candidate.shot for candidate in chosen) == {0: 5, 1: 3, 2: 4} or Counter(
        candidate.shot for candidate in chosen
    ) == {0: 4, 1: 3, 2: 5}
    assert {candidate.shot for candidate in chosen[:3]} == {0, 1, 2}


def test_shots_of_different_clips_are_different_shots() -> None:
    chosen = drawn([*film(50), *film(50, clip=1)], 6, seed=0)
    assert Counter(candidate.clip for candidate in chosen) == {0: 3, 1: 3}


def test_more_shots_than_frames() -> None:
    chosen = drawn(film(*[5] * 30), 10, seed=3)
    assert len({candidate.shot for candidate in chosen}) == 10
    assert {candidate.shot for candidate in chosen} != set(range(10))  # not those at the beginning alone


def test_no_drawing_twice() -> None:
    chosen = drawn(film(8, 8, held=3), 100, seed=0)
    assert len(chosen) == len(set(chosen)) == 16
    assert not any(candidate.held for candidate in chosen)


def test_seeds() -> None:
    clip = film(20, 20, 20)
    assert drawn(clip, 9, seed=5) == drawn(clip, 9, seed=5)
    assert drawn(clip, 9, seed=5) != drawn(clip, 9, seed=6)


def test_nothing_to_draw_from() -> None:
    assert drawn([], 5, seed=0) == []


@pytest.mark.parametrize("shots", [(9,), (9, 9), (9, 9, 9), (3, 3, 3, 3), (4, 50), (1,) * 9])
def test_both_parts_have_every_shot(shots: tuple[int, ...]) -> None:
    chosen = drawn(film(*shots), 24, seed=1)
    calibration, validation = parted([(candidate, candidate) for candidate in chosen])
    assert not set(calibration) & set(validation)
    assert sorted([*calibration, *validation], key=repr) == sorted(chosen, key=repr)
    assert len(validation) == len(chosen) // 3
    seen = Counter(candidate.shot for candidate in chosen)
    for part in (calibration, validation):
        assert {candidate.shot for candidate in part} >= {
            shot for shot, count in seen.items() if count >= 3
        }


def test_the_fewest_that_can_be_parted() -> None:
    chosen = [(candidate, candidate.index) for candidate in film(FEWEST)]
    assert parted(chosen) == ([0, 1], [2])


@pytest.mark.parametrize(
    ("level", "alpha", "shows"),
    [
        ("noise", 0.5, True),
        ("noise", 0.0, False),  # nobody there
        ("noise", 0.001, False),
        ("noise", 0.99, False),  # nothing but a character: no edge
        ("black", 0.5, False),  # whatever the network sees in it
        ("grey", 0.5, False),
    ],
)
def test_what_shows_something(level: str, alpha: float, shows: bool) -> None:
    frame = np.full((40, 60, 3), {"black": 0, "grey": 128}.get(level, 0), np.uint8)
    if level == "noise":
        frame = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    rgba = np.zeros((1, 40, 60, 4), np.uint8)
    rgba[0, :, : round(60 * alpha), 3] = 255
    assert shows_something(frame, {"rgba": rgba}, stage="matte") is shows
    assert shows_something(frame, {}, stage="segment") is (level == "noise")
