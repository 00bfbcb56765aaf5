"""Who is who across shots."""

import numpy as np
import pytest
from numpy.typing import NDArray

from samples.scene import Scene, SceneOptions
from tests.runtime.characters.actors import drawn
from trt_anime.runtime.characters.identity import People, Presence, Presences, relabelled
from trt_anime.runtime.characters.looks import EmbeddedLook, Look, colour_layout, likeness, unit
from trt_anime.runtime.results.layers import OTHERS


def look(*values: float) -> Look:
    return unit(np.array(values, np.float32))


def presence(*looks: Look, frames: int = 10, first: int = 0) -> Presence:
    return Presence("character", frames, first, first + frames - 1, [(100, each) for each in looks])


def test_colours_of_the_same_figure_are_alike_wherever_it_stands() -> None:
    looks = {}
    for number in (1, 2, 3):
        for x in (20, 200):
            shown = drawn({number: (x, 50)})
            looks[number, x] = colour_layout(shown.frame, (shown.ids > 0).astype(np.uint8))
    assert looks[1, 20].dtype == np.float32 and np.linalg.norm(looks[1, 20]) == pytest.approx(1)
    assert min(likeness(looks[n, 20], looks[n, 200]) for n in (1, 2, 3)) > 0.99
    assert max(likeness(looks[a, 20], looks[b, 200]) for a in (1, 2, 3) for b in (1, 2, 3) if a != b) < 0.5


def test_colours_of_the_background_don_t_count() -> None:
    shown = drawn({1: (100, 50)})
    shape = (shown.ids > 0).astype(np.uint8)
    changed = np.where(shape[..., None] > 0, shown.frame, 0).astype(np.uint8)
    assert likeness(colour_layout(shown.frame, shape), colour_layout(changed, shape)) > 0.97


def test_where_a_colour_is_counts() -> None:
    frame = np.zeros((90, 30, 3), np.uint8)
    frame[:30], frame[60:] = (200, 40, 40), (40, 40, 200)
    shape = np.ones((90, 30), np.uint8)
    turned = np.ascontiguousarray(frame[::-1])
    assert likeness(colour_layout(frame, shape), colour_layout(turned, shape)) < 0.5


def test_a_network_sees_the_character_alone_and_whole() -> None:
    seen: list[NDArray[np.uint8]] = []

    def runner(inputs: object) -> dict[str, NDArray[np.float16]]:
        assert isinstance(inputs, dict)
        seen.append(inputs["frame"])
        return {"embedding": np.array([[3, 4]], np.float16)}

    shown = drawn({1: (100, 50)})
    found = EmbeddedLook(runner, side=64)(shown.frame, (shown.ids > 0).astype(np.uint8))
    assert found.tolist() == pytest.approx([0.6, 0.8])
    (picture,) = seen
    assert picture.shape == (1, 64, 64, 3)
    coloured = np.abs(picture[0].astype(int) - 124).max(axis=-1) > 20
    rows = np.flatnonzero(coloured.any(axis=1))
    assert (rows[0], rows[-1]) == (pytest.approx(0, abs=1), pytest.approx(63, abs=1))
    assert not coloured[:, :15].any() and not coloured[:, -15:].any()


def test_people_are_known_again_where_that_is_plain() -> None:
    people = People(alike=0.85, clear=0.05)
    red, blue, green = look(1, 0, 0), look(0, 1, 0), look(0, 0, 1)
    assert people.settle(1, {1: presence(red), 2: presence(blue, first=4)}) == {1: 1, 2: 2}
    assert people.settle(2, {1: presence(look(0.1, 1, 0)), 2: presence(green)}) == {1: 2, 2: 3}
    assert people.settle(3, {5: presence(look(1, 0.9, 0))}) == {5: 4}  # one or the other: nobody says
    tracks = {track.id: track for track in people.tracks}
    assert tracks[2].shots == (1, 2) and tracks[2].frames == 20
    assert tracks[2].sure[1] == 1 and 0.98 < tracks[2].sure[2] < 1
    assert (tracks[2].first, tracks[2].last) == (0, 13)
    assert tracks[1].shots == (1,) and tracks[1].sure == {1: 1.0}


def test_two_of_one_shot_are_never_the_same_person() -> None:
    people = People()
    red = look(1, 0, 0)
    people.settle(1, {1: presence(red)})
    ids = people.settle(2, {1: presence(red), 2: presence(red)})
    assert sorted(ids.values()) == [2, 3]  # twins: neither is plain


def test_from_the_255th_on_people_share_an_id_that_nobody_is_recognised_by() -> None:
    people = People()
    crowd = {number: presence(look(*np.eye(260)[number])) for number in range(1, 258)}
    crowd.pop(OTHERS)
    assert people.settle(1, crowd) == {number: min(number, OTHERS) for number in crowd}
    *persons, others = people.tracks
    assert [track.id for track in persons] == list(range(1, OTHERS)) and persons[0].label == "character"
    assert (others.id, others.label, others.shots) == (OTHERS, "others", (1,))
    assert others.frames <= others.last + 1 - others.first
    assert people.highest == OTHERS - 1
    again = {1: crowd[3], 2: crowd[256], OTHERS: presence(look(*np.eye(260)[259]))}
    assert people.settle(2, again) == {1: 3, 2: OTHERS, OTHERS: OTHERS}
    assert people.tracks[-1].shots == (1, 2)


def test_what_a_shot_shows_is_counted_and_looked_at_now_and_then() -> None:
    asked = []

    def describe(frame: NDArray[np.uint8], shape: NDArray[np.uint8]) -> Look:
        asked.append(int(shape.sum()))
        return look(1, 0)

    presences = Presences(describe, every=4)
    for time in range(50):
        shown = drawn({1: (50, 60), **({2: (200, 60)} if time >= 10 else {})})
        presences.note(2 * time, 2, shown.frame, shown.ids)
    one, two = presences.found[1], presences.found[2]
    assert (one.frames, one.first, one.last) == (100, 0, 99)
    assert (two.frames, two.first, two.last) == (80, 20, 99)
    assert len(asked) == 13 + 10
    assert len(one.looks) == 8


def test_ids_of_a_shot_become_ids_of_the_clip() -> None:
    ids = np.array([[0, 1, 2, 3]], np.uint8)
    assert relabelled(ids, {1: 7, 2: 1}).tolist() == [[0, 7, 1, 0]]


def test_the_people_of_the_film_are_known_in_every_shot() -> None:
    scene = Scene(SceneOptions(width=160, height=90, frames=192))
    people, numbers = People(), {}
    for number, shot in enumerate(scene.shots, 1):
        presences = Presences(every=1)
        for part in (2, 3):
            truth = scene.render(shot.first + part * shot.frame_count // 4)
            presences.note(truth.index, 1, truth.frame, truth.instance)
        numbers[number] = people.settle(number, presences.found)
    found = {(own, numbers[shot][own]) for shot in numbers for own in numbers[shot]}
    assert len(found) == 3 and len({own for own, _ in found}) == 3
    assert all(track.sure[shot] > 0.85 for track in people.tracks for shot in track.shots)
