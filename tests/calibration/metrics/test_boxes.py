from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from trt_anime.calibration.metrics.boxes import Matches, box_iou, match
from trt_anime.errors import InputError


def boxes(*values: tuple[float, float, float, float]) -> NDArray[np.float64]:
    return np.array(values, dtype=np.float64).reshape(-1, 4)


def test_iou_by_hand() -> None:
    found = box_iou(boxes((0, 0, 2, 2)), boxes((0, 0, 2, 2), (1, 1, 3, 3), (2, 0, 4, 2), (0, 0, 1, 2)))
    assert found.tolist() == [[1.0, pytest.approx(1 / 7), 0.0, 0.5]]


def test_boxes_without_area() -> None:
    line = boxes((1, 1, 1, 5))
    assert box_iou(line, line).tolist() == [[0.0]]
    assert box_iou(boxes((3, 3, 1, 1)), boxes((0, 0, 4, 4))).tolist() == [[0.0]]  # turned inside out


def test_each_box_is_matched_once() -> None:
    twice = boxes((0, 0, 10, 10), (0, 0, 10, 9))
    assert match(boxes((0, 0, 10, 10)), twice) == Matches(1, 1.0, 1, 2)
    assert match(twice, twice[::-1]) == Matches(2, 2.0, 2, 2)  # in another order


def test_half_the_boxes() -> None:
    found = match(boxes((0, 0, 10, 10), (20, 20, 30, 30)), boxes((0, 0, 10, 8), (50, 50, 60, 60)))
    assert found.matched == 1 and found.overlap == pytest.approx(0.8)
    assert found.f_measure == 0.5
    assert (found + found).f_measure == 0.5


def test_no_boxes() -> None:
    assert match(boxes(), boxes()).f_measure == 1.0
    assert match(boxes(), boxes((0, 0, 1, 1))).f_measure == 0.0


def test_matches_as_an_assignment_does_where_boxes_stand_apart() -> None:
    random = np.random.default_rng(4)
    corners = np.stack(np.meshgrid(np.arange(5), np.arange(4)), axis=-1).reshape(-1, 2) * 20.0
    ours = np.hstack([corners, corners + 10]) + random.uniform(-1, 1, (20, 4))
    theirs = random.permutation(np.hstack([corners, corners + 10]) + random.uniform(-3, 3, (20, 4)))
    overlap = box_iou(ours, theirs)
    rows, columns = linear_sum_assignment(overlap, maximize=True)
    kept = [value for value in overlap[rows, columns] if value >= 0.5]
    found = match(ours, theirs)
    assert 5 < found.matched == len(kept) < 20
    assert found.overlap == pytest.approx(sum(kept))


@pytest.mark.parametrize("bad", [np.zeros((2, 4), np.int64), np.zeros((2, 3)), np.zeros(4)])
def test_bad_boxes_are_refused(bad: NDArray[Any]) -> None:
    with pytest.raises(InputError, match="pass"):
        match(bad, boxes())
    with pytest.raises(InputError, match="pass"):
        match(boxes(), bad)
