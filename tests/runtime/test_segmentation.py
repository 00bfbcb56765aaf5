"""Tables and an index into segments, by hand-made examples."""

import numpy as np
import pytest
from numpy.typing import NDArray

from trt_anime.runtime.segmentation import (
    Segments,
    instance_segments,
    panoptic_segments,
    semantic_segments,
)

NONE = 255
STUFF = {7, 8}


def index_of(*rows: tuple[int, int]) -> NDArray[np.uint8]:
    """A picture 10 pixels wide: (row of the tables, how many pixels it wins), one after the other."""
    flat = [row for row, count in rows for _ in range(count)]
    return np.array(flat, np.uint8).reshape(-1, 10)


def panoptic(index: NDArray[np.uint8], labels: list[int], areas: list[int]) -> Segments:
    scores = np.linspace(0.9, 0.6, len(labels), dtype=np.float32)
    return panoptic_segments(
        index, scores, np.array(labels, np.int32), np.array(areas, np.int32), stuff=STUFF
    )


def test_a_row_with_too_little_left_of_its_mask_is_dropped() -> None:
    found = panoptic(index_of((0, 30), (1, 10), (2, 20)), [3, 4, 5], [30, 100, 24])
    assert [(one.label, one.rows, one.pixels) for one in found.found] == [(3, (0,), 30), (5, (2,), 20)]
    assert found.ids.ravel().tolist() == [1] * 30 + [0] * 10 + [2] * 20


def test_four_of_five_pixels_are_enough_and_a_pixel_less_is_not() -> None:
    """In FP32, 0.8 is a little more than 0.8."""
    index = index_of((0, 40), (1, 40), (NONE, 10))
    found = panoptic(index, [3, 4], [50, 51])
    assert [one.rows for one in found.found] == [(0,)]


def test_a_mask_without_pixels_of_its_own_is_none() -> None:
    assert panoptic(index_of((0, 30), (1, 30)), [3, 4], [0, -1]).found == ()


def test_stuff_is_one_segment() -> None:
    index = index_of((0, 10), (1, 10), (2, 10), (3, 10), (4, 10))
    found = panoptic(index, [7, 3, 7, 8, 3], [10] * 5)
    assert [(one.id, one.label, one.rows, one.pixels) for one in found.found] == [
        (1, 7, (0, 2), 20),
        (2, 3, (1,), 10),
        (3, 8, (3,), 10),
        (4, 3, (4,), 10),
    ]
    assert found.found[0].score == pytest.approx(0.9)


def test_no_two_segments_have_one_id() -> None:
    """After a second piece of the sky, the published code would count on from the sky's id."""
    found = panoptic(index_of((0, 10), (1, 10), (2, 10), (3, 10)), [7, 3, 7, 3], [10] * 4)
    assert [one.id for one in found.found] == [1, 2, 3]
    assert found.ids[:, 0].tolist() == [1, 2, 1, 3]


def test_instances_that_others_cover_stay_in_the_list() -> None:
    scores, labels = np.array([0.9, 0.8, 0.2], np.float32), np.array([1, 1, 5], np.int32)
    found = instance_segments(
        index_of((1, 30), (NONE, 10)), scores, labels, np.array([20, 30, 0], np.int32)
    )
    assert [(one.id, one.label, one.pixels) for one in found.found] == [(1, 1, 0), (2, 1, 30)]
    assert np.unique(found.ids).tolist() == [0, 2]


def test_classes_that_have_pixels() -> None:
    labels = np.arange(150, dtype=np.int32)
    found = semantic_segments(index_of((149, 20), (2, 10), (NONE, 10)), np.ones(150, np.float32), labels)
    assert [(one.id, one.label, one.pixels) for one in found.found] == [(1, 2, 10), (2, 149, 20)]
    assert found.ids[:, 0].tolist() == [2, 2, 1, 0]


def test_as_many_segments_as_there_can_be() -> None:
    index = np.arange(250, dtype=np.uint8).reshape(10, 25)
    found = instance_segments(
        index, np.ones(250, np.float32), np.zeros(250, np.int32), np.ones(250, np.int32)
    )
    assert len(found.found) == 250 and np.array_equal(found.ids.ravel(), np.arange(1, 251))
