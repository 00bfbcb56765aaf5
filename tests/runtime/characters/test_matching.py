"""Which segment is whom."""

import numpy as np
from numpy.typing import NDArray

from trt_anime.runtime.characters.found import found_of
from trt_anime.runtime.characters.looks import Look
from trt_anime.runtime.characters.matching import Matched, Remembered, match, painted
from trt_anime.runtime.results.layers import OTHERS

HEIGHT, WIDTH = 120, 200
RED, BLUE, GREEN = (np.eye(3, dtype=np.float32)[n] for n in range(3))


def boxes(**places: tuple[int, int, int, int]) -> NDArray[np.uint8]:
    """uint8 [H,W]: `_3=(left, top, right, bottom)` draws number 3."""
    ids = np.zeros((HEIGHT, WIDTH), np.uint8)
    for name, (left, top, right, bottom) in places.items():
        ids[top:bottom, left:right] = int(name.lstrip("_"))
    return ids


def matched(
    segments: NDArray[np.uint8],
    tracked: NDArray[np.uint8],
    known: dict[int, Look],
    looks: dict[int, Look],
    free: range = range(5, 256),
) -> tuple[Matched, NDArray[np.uint8]]:
    found = found_of(segments)
    people = {number: Remembered(look, 4000) for number, look in known.items()}
    result = match(found, tracked, known=people, looks=looks, free=free)
    return result, painted(found, tracked, result)


def test_segments_get_the_ids_of_whom_they_lie_on_whatever_their_numbers() -> None:
    tracked = boxes(_1=(10, 20, 60, 110), _2=(100, 20, 150, 110))
    segments = boxes(_1=(103, 20, 153, 110), _2=(13, 20, 63, 110))
    result, ids = matched(segments, tracked, {1: RED, 2: BLUE}, {1: BLUE, 2: RED})
    assert result == Matched({1: 2, 2: 1}, ())
    assert np.array_equal(ids, boxes(_2=(103, 20, 153, 110), _1=(13, 20, 63, 110)))


def test_looks_decide_where_places_do_not() -> None:
    """Motion was wrong by half a figure: both segments overlap both characters alike."""
    tracked = boxes(_1=(40, 20, 80, 110), _2=(80, 20, 120, 110))
    segments = boxes(_1=(60, 20, 100, 65), _2=(60, 65, 100, 110))
    for looks in ({1: RED, 2: BLUE}, {1: BLUE, 2: RED}):
        result, _ = matched(segments, tracked, {1: RED, 2: BLUE}, looks)
        assert result.ids == ({1: 1, 2: 2} if looks[1] is RED else {1: 2, 2: 1})


def test_somebody_new_gets_a_free_id_the_larger_first_and_crumbs_none() -> None:
    tracked = boxes(_1=(10, 20, 60, 110))
    segments = boxes(
        _1=(10, 20, 60, 110), _2=(80, 50, 100, 80), _3=(120, 20, 160, 110), _4=(180, 2, 186, 8)
    )
    looks = {1: RED, 2: BLUE, 3: GREEN, 4: GREEN}
    result, ids = matched(segments, tracked, {1: RED}, looks)
    assert result == Matched({1: 1, 3: 5, 2: 6, 4: 0}, (5, 6))
    assert ids[5, 183] == 0
    result, ids = matched(segments, tracked, {1: RED}, looks, free=range(5, 6))  # room for one more
    assert result == Matched({1: 1, 3: 5, 2: OTHERS, 4: 0}, (5,), others=1)
    assert (ids[50:80, 80:100] == OTHERS).all()


def test_one_segment_over_two_characters_leaves_the_border_where_it_was() -> None:
    tracked = boxes(_1=(10, 20, 60, 110), _2=(60, 30, 110, 110))
    segments = boxes(_1=(8, 20, 112, 112))
    result, ids = matched(segments, tracked, {1: RED, 2: BLUE}, {1: RED})
    assert result.new == ()
    assert np.array_equal(ids > 0, segments > 0)
    assert (ids[tracked > 0] == tracked[tracked > 0]).all()
    assert ids[111, 20] == 1 and ids[111, 100] == 2


def test_a_small_piece_of_a_character_is_he_and_a_large_one_is_somebody_else() -> None:
    tracked = boxes(_1=(10, 20, 110, 110))
    hand = boxes(_1=(10, 20, 80, 110), _2=(90, 40, 105, 60))
    assert matched(hand, tracked, {1: RED}, {1: RED, 2: BLUE})[0] == Matched({1: 1, 2: 1}, ())
    two = boxes(_1=(10, 20, 60, 110), _2=(64, 20, 110, 110))
    assert matched(two, tracked, {1: RED}, {1: RED, 2: BLUE})[0] == Matched({1: 1, 2: 5}, (5,))
    # The one who looks like him is he, though the other is larger.
    assert matched(two, tracked, {1: BLUE}, {1: RED, 2: BLUE})[0] == Matched({2: 1, 1: 5}, (5,))


def test_one_who_was_gone_is_known_again_by_looks_alone() -> None:
    tracked = boxes(_1=(10, 20, 60, 110))
    segments = boxes(_1=(10, 20, 60, 110), _2=(120, 20, 160, 110))
    result, _ = matched(segments, tracked, {1: RED, 2: BLUE}, {1: RED, 2: BLUE})
    assert result.ids == {1: 1, 2: 2}
    result, _ = matched(segments, tracked, {1: RED, 2: BLUE}, {1: RED, 2: GREEN})
    assert result.ids == {1: 1, 2: 5}
    crumbs = boxes(_1=(10, 20, 60, 110), _2=(20, 60, 30, 80))  # as motion leaves them
    result, ids = matched(segments, crumbs, {1: RED, 2: BLUE}, {1: RED, 2: BLUE})
    assert result.ids == {1: 1, 2: 2}
    assert np.array_equal(ids, segments)


def test_a_character_whom_no_segment_holds_stays_where_nobody_is() -> None:
    tracked = boxes(_1=(10, 20, 60, 110), _2=(100, 20, 150, 110))
    segments = boxes(_1=(10, 20, 60, 110), _2=(130, 20, 190, 110))
    found = found_of(segments, characters=[True, False])
    result = match(
        found,
        tracked,
        known={n: Remembered(look, 4000) for n, look in ((1, RED), (2, BLUE))},
        looks={1: RED},
        free=range(3, 256),
    )
    ids = painted(found, tracked, result)
    assert result.ids == {1: 1}
    assert np.array_equal(ids, boxes(_1=(10, 20, 60, 110), _2=(100, 20, 130, 110)))
