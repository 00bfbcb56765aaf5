"""Boxes enclose what they should, and IoU is what it is called."""

import numpy as np
import pytest

from benchmarks.mask_boxes import asked_by_matte, asked_by_truth, iou
from samples.scene import GroundTruth, Scene, SceneOptions


@pytest.fixture(scope="module")
def truth() -> GroundTruth:
    return Scene(SceneOptions(seed=7, width=320, height=180, frames=96)).render(48)


def test_a_box_for_each_person(truth: GroundTruth) -> None:
    asked = asked_by_truth(truth)
    assert len(asked.boxes) == len(asked.truths) >= 1
    for (left, top, right, bottom), shape in zip(asked.boxes.astype(int), asked.truths, strict=True):
        assert shape[top : bottom + 1, left : right + 1].sum() == shape.sum()
        assert shape[top].any() and shape[bottom].any() and shape[:, left].any() and shape[:, right].any()


def test_a_perfect_matte_asks_for_what_it_is(truth: GroundTruth) -> None:
    asked = asked_by_matte(truth, np.where(truth.alpha >= 0.5, 255, 0).astype(np.uint8))
    assert len(asked.boxes) == 1 and asked.matte_iou == 1
    assert asked_by_matte(truth, np.zeros_like(truth.instance)).truths == []


def test_iou() -> None:
    one, other = np.zeros((4, 4), bool), np.zeros((4, 4), bool)
    assert iou(one, other) == 1
    one[:2], other[1:3] = True, True
    assert iou(one, other) == pytest.approx(1 / 3)
