"""What stands for a shot is stable, sharp, different; what shows a character is sharp, large, whole."""

import cv2
import numpy as np
import pytest

from trt_anime.runtime.annotation.characters import Presence, presences
from trt_anime.runtime.annotation.choice import Candidate, ShotChoice
from trt_anime.runtime.annotation.metrics import Metrics
from trt_anime.runtime.media.frames import Pixels

A, B, C, D = (int(word, 16) for word in ("0" * 16, "f" * 8 + "0" * 8, "0" * 8 + "f" * 8, "0f" * 8))


def candidate(
    index: int,
    *,
    hash: int = A,
    sharpness: float = 0.5,
    luma: float = 0.5,
    shown: int = 1,
    shows: float = 0.0,
) -> Candidate:
    """`shows`: how large character 1 is in it; 0 for not at all."""
    metrics = Metrics(sharpness, luma, 0, 0, 0.5, 0, 0, 0, 0, hash)
    people = (Presence(1, (0, 0, 9, 9), shows, 0, 0, sharpness, 0.5),) if shows else ()
    return Candidate(index, shown, metrics, np.zeros((2, 2, 3), np.uint8), people)


def chosen(count: int, *candidates: Candidate) -> dict[int, tuple[str, ...]]:
    choice = ShotChoice(count)
    for one in candidates:
        choice.offer(one)
    return {index: reasons for index, (_, reasons) in choice.representatives.items()}


def test_the_first_frame_that_stands_still_comes_before_ones_that_move() -> None:
    frames = [candidate(n, hash=h) for n, h in enumerate((A, B, C, C, D))]
    assert chosen(1, *frames) == {3: ("first",)}


def test_a_held_frame_is_stable() -> None:
    assert chosen(1, candidate(0), candidate(2, hash=B, shown=2), candidate(4, hash=B)) == {2: ("first",)}


def test_fades_and_smears_are_no_first_frames() -> None:
    black, smeared = candidate(0, luma=0.01, shown=4), candidate(4, hash=B, sharpness=0.2)
    good = candidate(5, hash=B, sharpness=0.6)
    assert chosen(1, black, smeared, good) == {5: ("first", "sharpest")}
    assert chosen(1, smeared, candidate(5, hash=C, sharpness=0.6)) == {5: ("first", "sharpest")}


def test_a_shot_of_one_frame_has_that_frame() -> None:
    assert chosen(3, candidate(7, luma=0.0)) == {7: ("first", "sharpest")}


def test_near_duplicates_dont_stand_for_a_shot_twice() -> None:
    frames = [candidate(n, hash=A ^ (n & 3), sharpness=0.5 - 0.01 * n) for n in range(9)]
    assert chosen(3, *frames) == {0: ("sharpest",), 1: ("first",)}


def test_the_rest_are_those_that_differ_most() -> None:
    near = B ^ 0b111111111111
    found = chosen(
        4,
        candidate(0, shown=2, sharpness=0.9),
        candidate(2, hash=near),
        candidate(3, hash=B),
        candidate(4, hash=C),
    )
    assert found[0] == ("first", "sharpest") and found.keys() >= {0, 4}
    assert found[4] == ("different",) and len(found) == 4


def test_no_more_frames_are_kept_than_are_needed() -> None:
    """A long shot in which each frame is another picture."""
    rng = np.random.default_rng(2)
    choice = ShotChoice(3)
    for index in range(500):
        choice.offer(candidate(index, hash=int(rng.integers(0, 2**63)), shows=0.1))
    kept = {id(one) for one in (*choice._others, choice._first, choice._sharpest, *choice.best.values())}
    assert len(kept) <= 6 and len(choice.representatives) == 3


def test_the_best_frame_shows_the_character_sharp_and_large() -> None:
    choice = ShotChoice(1)
    shown = [(0.5, 0.2), (0.2, 0.4), (0.5, 0.3), (0.5, 0.1), (0.9, 0.0)]
    for index, (sharpness, area) in enumerate(shown):
        choice.offer(candidate(index, sharpness=sharpness, shows=area))
    assert {number: one.index for number, one in choice.best.items()} == {1: 2}


def drawn(*boxes: tuple[int, int, int, int, int]) -> tuple[Pixels, Pixels]:
    """Ids [60,80], and luma with stripes in them; each box is id, left, top, right, bottom."""
    ids = np.zeros((60, 80), np.uint8)
    for number, left, top, right, bottom in boxes:
        ids[top:bottom, left:right] = number
    stripes = np.tile((np.arange(80) // 3 % 2 * 160 + 40).astype(np.uint8), (60, 1))
    return ids, np.where(ids > 0, stripes, np.uint8(128)).astype(np.uint8)


def test_boxes_and_areas_are_exact() -> None:
    one, two = presences(*drawn((3, 10, 5, 40, 50), (200, 50, 20, 70, 40)))
    assert (one.id, one.box) == (3, (10, 5, 40, 50)) and one.area == pytest.approx(30 * 45 / 4800)
    assert (two.id, two.box) == (200, (50, 20, 70, 40))
    assert one.cut == two.cut == one.hidden == two.hidden == 0 and one.sharpness == 1


def test_what_the_frame_cuts_off_counts_by_length() -> None:
    (person,) = presences(*drawn((1, 0, 20, 30, 60)))
    assert person.cut == pytest.approx((40 + 30) / (2 * (30 + 40)))


def test_who_stands_behind_is_hidden() -> None:
    picture = drawn((1, 10, 10, 40, 50), (2, 40, 10, 70, 50))
    assert {one.id: one.hidden > 0.2 for one in presences(*picture)} == {1: True, 2: True}
    assert {one.id: one.hidden > 0.2 for one in presences(*picture, order=(1, 2))} == {1: True, 2: False}
    assert {one.id: one.hidden > 0.2 for one in presences(*picture, order=(2, 1))} == {1: False, 2: True}


def test_specks_are_nobody() -> None:
    assert presences(*drawn((5, 3, 3, 4, 5))) == []
    assert presences(*drawn()) == []


def test_the_background_doesnt_make_a_smeared_figure_sharp() -> None:
    ids, luma = drawn((1, 20, 10, 60, 50))
    smeared = luma.copy()
    smeared[ids > 0] = 120
    smeared[ids == 0] = np.tile((np.arange(80) // 3 % 2 * 160 + 40).astype(np.uint8), (60, 1))[ids == 0]
    assert presences(ids, luma)[0].sharpness == 1 and presences(ids, smeared)[0].sharpness == 0


def test_a_face_with_open_eyes_is_shown_better() -> None:
    ids, face = drawn((1, 10, 5, 70, 55))
    face[ids > 0] = 200
    cv2.rectangle(face, (12, 7), (68, 14), 90, 1)  # hair
    closed, opened = face.copy(), face.copy()
    for x in (30, 50):
        cv2.line(closed, (x - 5, 22), (x + 5, 22), 60, 1)
        cv2.circle(opened, (x, 22), 5, 255, -1)
        cv2.circle(opened, (x, 22), 3, 20, -1)
    (shut,), (awake,) = presences(ids, closed), presences(ids, opened)
    assert awake.shown > 1.1 * shut.shown and awake.area == shut.area
