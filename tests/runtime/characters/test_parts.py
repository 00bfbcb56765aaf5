"""What a matte tells: parts, heads side by side, where a character ends."""

import cv2
import numpy as np
import pytest

from tests.runtime.characters.actors import HEIGHT, WIDTH, drawn, figure
from trt_anime.runtime.characters.found import Matte
from trt_anime.runtime.characters.heads import side_by_side
from trt_anime.runtime.characters.parts import matte_parts
from trt_anime.runtime.characters.planes import held_by, nearest


def blank(scale: int = 1) -> Matte:
    return np.zeros((HEIGHT * scale, WIDTH * scale), np.uint8)


def test_parts_are_numbered_by_size_and_cover_the_matte() -> None:
    matte = blank()
    matte[20:60, 20:50] = 255
    matte[20:160, 150:250] = 200
    parts = matte_parts(matte)
    assert np.array_equal(parts > 0, matte >= 128)
    assert parts[40, 30] == 2 and parts[40, 200] == 1


@pytest.mark.parametrize("scale", [1, 6])
def test_a_rail_joins_nobody_and_crumbs_are_nobody(scale: int) -> None:
    matte = blank(scale)
    s = scale
    matte[20 * s : 170 * s, 40 * s : 100 * s] = 255
    matte[20 * s : 170 * s, 200 * s : 260 * s] = 255
    matte[90 * s : 92 * s] = 255
    matte[5 * s : 10 * s, 150 * s : 156 * s] = 255
    parts = matte_parts(matte)
    assert parts.shape == matte.shape
    assert {parts[50 * s, 70 * s], parts[50 * s, 230 * s]} == {1, 2}
    assert parts.max() == 2
    assert not parts[: 12 * s, 145 * s : 160 * s].any()
    body = parts[20 * s : 170 * s, 40 * s : 100 * s]
    assert (body == body[0, 0]).mean() == 1


def test_pieces_upon_each_other_are_one_and_beside_each_other_two() -> None:
    matte = blank()
    matte[20:80, 40:100] = 255
    matte[86:170, 50:110] = 255
    matte[20:170, 118:180] = 255
    parts = matte_parts(matte)
    assert parts[40, 60] == parts[120, 60] != parts[40, 150]
    assert parts.max() == 2


def test_strands_belong_to_whom_they_hang_on() -> None:
    matte = blank()
    matte[60:170, 40:100] = 255
    cv2.line(matte, (100, 80), (130, 60), 255, 1)
    assert matte_parts(matte)[62, 127] == 1


def test_nothing_in_the_matte_is_no_part() -> None:
    assert not matte_parts(blank()).any()
    assert not matte_parts(np.full((HEIGHT, WIDTH), 127, np.uint8)).any()


def test_two_heads_are_two_characters_whose_boxes_overlap() -> None:
    pair = (drawn({1: (80, 60), 2: (115, 50)}).ids > 0).astype(np.uint8)
    left, right = side_by_side(pair)
    assert left[0] == 80 and right[2] == 165
    assert right[0] < left[2] < right[2]
    assert left[1] == pytest.approx(60, abs=2) and right[1] == pytest.approx(50, abs=2)


def test_a_head_with_a_strand_and_a_raised_hand_is_one() -> None:
    single = np.zeros((HEIGHT, WIDTH), np.uint8)
    single[60:, 100:150] = figure()
    cv2.line(single, (125, 62), (135, 30), 1, 2)
    cv2.line(single, (146, 150), (165, 70), 1, 5)
    assert len(side_by_side(single)) == 1
    assert side_by_side(np.zeros_like(single)) == []


def test_a_map_of_ids_ends_where_the_matte_does() -> None:
    shown = drawn({1: (60, 60), 2: (200, 60)})
    moved = np.roll(shown.ids, 4, axis=1)
    assert np.array_equal(held_by(moved, shown.matte), shown.ids)


def test_a_newcomer_is_not_taken_for_a_part_of_whom_he_touches() -> None:
    shown = drawn({1: (100, 60), 2: (140, 60)})
    held = held_by(np.where(shown.ids == 1, 1, 0).astype(np.uint8), shown.matte)
    assert (held[shown.ids == 1] == 1).all()
    assert (held[shown.ids == 2] == 0).mean() > 0.6


def test_the_nearest_id_of_all_pixels() -> None:
    ids = np.zeros((5, 9), np.uint8)
    ids[2, 1], ids[2, 7] = 4, 9
    near, distance = nearest(ids)
    assert near[0].tolist()[:4] == [4] * 4 and near[0].tolist()[5:] == [9] * 4
    assert distance[2, 1] == 0 and distance[2, 3] == pytest.approx(2, abs=0.1)
    assert not nearest(np.zeros_like(ids))[0].any()
