"""The same drawing is near, another is far, and groups hold what is near."""

import cv2
import numpy as np
import pytest

from tests.runtime.annotation.degrade import blur, frame, gamma, grain, jpeg, scene
from trt_anime.runtime.annotation.hashes import SIMILAR, Groups, distance
from trt_anime.runtime.annotation.metrics import metrics_of
from trt_anime.runtime.media.frames import Pixels


def hash_of(rgb: Pixels) -> int:
    return metrics_of(rgb).hash


@pytest.mark.parametrize("index", [20, 50, 80])
def test_recompression_scaling_and_grain_stay_near(index: int) -> None:
    rgb = frame(index)
    small = np.asarray(cv2.resize(rgb, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), np.uint8)
    for other in (jpeg(20)(rgb), blur(2)(rgb), grain(6)(rgb), gamma(0.8)(rgb), small):
        assert distance(hash_of(rgb), hash_of(other)) <= 4


def test_other_shots_are_far() -> None:
    hashes = [hash_of(frame(index)) for index in (20, 50, 80)]
    assert min(distance(a, b) for a in hashes for b in hashes if a != b) > 3 * SIMILAR


def test_a_mirrored_frame_is_another() -> None:
    assert distance(hash_of(frame(50)), hash_of(np.ascontiguousarray(frame(50)[:, ::-1]))) > 3 * SIMILAR


def test_flat_frames_are_alike_but_not_black_and_white() -> None:
    groups = Groups()
    black, dark, white = (np.full((90, 160, 3), level, np.uint8) for level in (0, 5, 255))
    assert hash_of(black) == hash_of(white) == 0
    found = [
        groups.group_of(metrics_of(rgb).hash, metrics_of(rgb).mean_luma) for rgb in (black, dark, white)
    ]
    assert found == [0, 0, 1]


def test_groups_are_those_of_their_first_frames() -> None:
    groups = Groups()
    chain = [(1 << bits) - 1 for bits in (0, 4, 8, 12)]  # each 4 from the next
    assert [groups.group_of(one, 0.5) for one in chain] == [0, 0, 1, 1]
    assert groups.group_of(chain[0], 0.6) == 2


def test_many_groups_are_told_apart() -> None:
    rng = np.random.default_rng(5)
    hashes = [int(one) for one in rng.integers(0, 2**63, 700)]
    groups = Groups()
    assert [groups.group_of(one, 0.5) for one in hashes] == list(range(700))
    assert [groups.group_of(one ^ 0b10100, 0.5) for one in hashes] == list(range(700))


def test_a_shot_that_stands_still_is_one_group() -> None:
    film, groups = scene(), Groups()
    found = []
    for index in (38, 42, 46):
        metrics = metrics_of(film.render(index).frame)
        found.append(groups.group_of(metrics.hash, metrics.mean_luma))
    assert set(found) == {0}
