"""Overlaps of segmentations, against cases that can be counted on fingers and against scikit-image."""

import importlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from scipy import ndimage

from trt_anime.calibration.metrics.masks import (
    boundary_f,
    class_overlap,
    mask_overlap,
    mean_iou,
    mean_mask_iou,
)
from trt_anime.errors import InputError

skimage: Any = importlib.import_module("skimage.metrics")  # it is half typed

PLANES = arrays.arrays(np.uint8, (2, 5, 6), elements=st.integers(0, 4))


def plane(*values: int) -> NDArray[np.uint8]:
    return np.array([[values]], dtype=np.uint8)


def square(left: int, size: int = 20) -> NDArray[np.bool_]:
    mask = np.zeros((60, 80), dtype=np.bool_)
    mask[20 : 20 + size, left : left + size] = True
    return mask


def test_iou_counts_classes_that_either_has() -> None:
    # class 0: 1 of 2; class 7: 1 of 3; class 9 is in the candidate only: 0 of 1; all others are in neither
    overlap = class_overlap(plane(0, 0, 7, 7), plane(0, 7, 7, 9))
    assert overlap.iou() == {0: 0.5, 7: pytest.approx(1 / 3), 9: 0.0}
    assert mean_iou(plane(0, 0, 7, 7), plane(0, 7, 7, 9)) == pytest.approx((0.5 + 1 / 3) / 3)


def test_the_last_class_of_a_byte_counts() -> None:
    assert class_overlap(plane(255, 255), plane(255, 0)).iou() == {0: 0.0, 255: 0.5}


@given(PLANES, PLANES)
def test_iou_is_that_of_the_contingency_table(
    reference: NDArray[np.uint8], candidate: NDArray[np.uint8]
) -> None:
    table = skimage.contingency_table(reference, candidate).toarray()
    size = max(table.shape)
    table = np.pad(table, [(0, size - length) for length in table.shape])
    both = np.diag(table)
    either = table.sum(axis=0) + table.sum(axis=1) - both
    expected = {index: both[index] / either[index] for index in np.flatnonzero(either)}
    assert class_overlap(reference, candidate).iou() == pytest.approx(expected)


@given(PLANES, PLANES)
def test_overlap_adds_up_over_frames(reference: NDArray[np.uint8], candidate: NDArray[np.uint8]) -> None:
    frames = [class_overlap(*pair) for pair in zip(reference, candidate, strict=True)]
    assert (frames[0] + frames[1]).iou() == class_overlap(reference, candidate).iou()


@given(PLANES)
def test_equal_planes_agree_wholly(same: NDArray[np.uint8]) -> None:
    assert mean_iou(same, same.copy()) == 1.0


def test_masks_are_averaged_and_empty_pairs_left_out() -> None:
    reference = np.zeros((3, 2, 4), dtype=np.bool_)
    candidate = reference.copy()
    reference[0, 0] = candidate[0, 0, :2] = True  # 2 of 4
    candidate[1, 1, 1] = True  # 0 of 1
    assert mask_overlap(reference, candidate).iou() == {0: 0.5, 1: 0.0}
    assert mean_mask_iou(reference, candidate) == 0.25
    assert mean_mask_iou(reference[2:], candidate[2:]) == 1.0


def test_boundary_within_the_tolerance_is_the_same() -> None:
    assert boundary_f(square(20), square(20), tolerance=0) == 1.0
    assert boundary_f(square(20), square(22), tolerance=2) == 1.0
    assert 0.3 < boundary_f(square(20), square(23), tolerance=2) < 1.0
    assert boundary_f(square(0), square(50), tolerance=2) == 0.0
    assert boundary_f(square(20), square(21)) == 1.0  # 0.8 % of a diagonal of 100 is 1 pixel


def test_boundary_of_nothing() -> None:
    nothing, everything = np.zeros((60, 80), np.bool_), np.ones((60, 80), np.bool_)
    assert boundary_f(nothing, nothing) == 1.0
    assert boundary_f(nothing, square(20)) == boundary_f(square(20), nothing) == 0.0
    assert boundary_f(everything, everything) == 1.0  # the picture's border is none


def test_boundary_is_that_of_distances() -> None:
    random = np.random.default_rng(3)
    a, b = (ndimage.gaussian_filter(random.standard_normal((2, 50, 60)), (0, 4, 4)) > 0)[:]
    edges = [mask & ~np.asarray(ndimage.binary_erosion(mask, border_value=1)) for mask in (a, b)]
    disc = np.hypot(*np.mgrid[-1:2, -1:2]) <= 1
    near = [ndimage.binary_dilation(edge, disc) for edge in edges]
    precision, recall = near[0][edges[1]].mean(), near[1][edges[0]].mean()
    expected = 2 * precision * recall / (precision + recall)
    assert 0.1 < expected < 0.9
    assert boundary_f(a, b, tolerance=1) == pytest.approx(expected)


@pytest.mark.parametrize("bad", [np.zeros((1, 2, 2)), np.zeros((1, 2, 3), np.uint8)], ids=["dtype", "size"])
def test_bad_planes_are_refused(bad: NDArray[Any]) -> None:
    good: NDArray[Any] = np.zeros((1, 2, 2), np.uint8)
    for pair in ((bad, good), (good, bad)):
        with pytest.raises(InputError, match="pass"):
            class_overlap(*pair)
        with pytest.raises(InputError, match="pass"):
            mask_overlap(*pair)
