"""Of pictures that look the same the sharpest is kept."""

import cv2
import numpy as np

from samples.scene import GroundTruth
from tests.runtime.delivery.folders import character_rgba
from trt_anime.runtime.delivery.compose import box_of
from trt_anime.runtime.delivery.likeness import Candidate, choose, look
from trt_anime.runtime.media.frames import Pixels
from trt_anime.runtime.results.reader import Results

Run = tuple[Results, list[GroundTruth]]


def _cut(truth: GroundTruth) -> Pixels:
    rgba = character_rgba(truth)
    x, y, width, height = box_of(rgba)
    return rgba[y : y + height, x : x + width]


def _far(one: int, other: int) -> int:
    return (one ^ other).bit_count()


def test_the_same_drawing_is_near_and_another_is_far(run: Run) -> None:
    girl = _cut(run[1][8])
    brighter = girl.copy()
    brighter[..., :3] = np.clip(girl[..., :3] * 1.08 + 6, 0, 255)
    smaller = np.asarray(cv2.resize(girl, None, fx=0.7, fy=0.7, interpolation=cv2.INTER_AREA), np.uint8)
    mirrored = np.ascontiguousarray(girl[:, ::-1])
    here = look(girl)[0]
    assert _far(here, look(brighter)[0]) <= 4 and _far(here, look(smaller)[0]) <= 4
    assert _far(here, look(mirrored)[0]) >= 12
    assert _far(here, look(_cut(run[1][20]))[0]) >= 12


def test_colours_under_transparency_play_no_part(run: Run) -> None:
    girl = _cut(run[1][8])
    other = np.where(girl[..., 3:] == 0, np.uint8(255), girl)
    other[..., 3] = girl[..., 3]
    assert look(girl)[0] == look(other)[0]


def test_smears_are_told_from_drawings_and_darkness_is_not_a_smear(run: Run) -> None:
    girl = _cut(run[1][8])
    dark = girl.copy()
    dark[..., :3] = girl[..., :3] // 4
    smeared = np.asarray(cv2.blur(girl, (15, 1)), np.uint8)
    sharpness = look(girl)[1]
    assert look(dark)[1] > 0.7 * sharpness and look(smeared)[1] < 0.5 * sharpness


def _candidate(index: int, code: int, sharpness: float, shot: int = 1) -> Candidate:
    return Candidate(index, shot, (0, 0, 1, 1), code, sharpness)


def test_the_sharpest_of_a_kind_is_kept_in_the_clips_order() -> None:
    found = [
        _candidate(0, 0b0, 1.0),
        _candidate(1, 0b1, 2.0),
        _candidate(2, 0b11111111, 1.5),
        _candidate(3, 0b0, 2.0, shot=2),  # the same again, in another shot
    ]
    assert [one.index for one in choose(found, distance=4, per_shot=0)] == [1, 2]
    assert [one.index for one in choose(found, distance=0, per_shot=0)] == [0, 1, 2, 3]
    assert [one.index for one in choose(found, distance=0, per_shot=1)] == [1, 3]
    assert choose([], distance=4, per_shot=0) == []


def test_a_smear_is_left_out_however_unlike_it_is() -> None:
    found = [_candidate(k, 1 << k, 1.0) for k in range(4)] + [_candidate(9, 2**64 - 1, 0.05)]
    assert [one.index for one in choose(found, distance=0, per_shot=0)] == [0, 1, 2, 3]
