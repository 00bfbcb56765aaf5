"""The worst frame's picture: four panels of the frame's size, the difference where it is."""

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.calibration.parity.clips import HEIGHT, WIDTH, compared, reference_outputs, worsened
from trt_anime.calibration.parity import TASKS, worst_picture
from trt_anime.calibration.parity.pictures import LABEL_HEIGHT


def panels(picture: NDArray[np.uint8], width: int = WIDTH) -> list[NDArray[np.uint8]]:
    assert picture.dtype == np.uint8 and picture.shape[1:] == (4 * width, 3)
    return list(np.split(picture[LABEL_HEIGHT:], 4, axis=1))


@pytest.mark.parametrize("stage", TASKS)
def test_panels_of_every_stage(stage: str) -> None:
    reference = reference_outputs(stage)
    comparison = compared(stage, reference, worsened(stage, reference, 3))
    picture = worst_picture(comparison)
    frame, ours, theirs, difference = panels(picture)
    assert np.array_equal(frame, comparison.worst.inputs["frame"])
    assert not np.array_equal(ours, theirs)
    assert difference.max() > 64
    assert picture[:LABEL_HEIGHT].any(axis=(0, 2)).reshape(4, WIDTH).any(axis=1).all()  # all labelled


@pytest.mark.parametrize("stage", sorted(set(TASKS) - {"detect"}))
def test_no_difference_is_black(stage: str) -> None:
    reference = reference_outputs(stage)
    _, ours, theirs, difference = panels(worst_picture(compared(stage, reference, reference)))
    assert np.array_equal(ours, theirs)
    assert difference.max() <= 4  # the colour map's black


def test_a_difference_is_where_it_is() -> None:
    reference = reference_outputs("matte")
    reference["rgba"][2, 10:20, 30:40, 3] = 100
    candidate = {"rgba": reference["rgba"].copy()}
    candidate["rgba"][2, 10:20, 30:40, 3] = 103
    *_, difference = panels(worst_picture(compared("matte", reference, candidate)))
    where = difference.max(axis=-1) > 64
    assert where[10:20, 30:40].all() and where.sum() == 100


def test_layers_lie_on_a_checkerboard() -> None:
    reference = reference_outputs("matte")
    reference["rgba"][0, :32, :32] = (10, 20, 30, 0)
    reference["rgba"][0, 32:, 32:] = (10, 20, 30, 255)
    _, ours, _, _ = panels(worst_picture(compared("matte", reference, reference)))
    assert ours[0, 0].tolist() != ours[0, 16].tolist() == ours[16, 0].tolist()
    assert ours[40, 40].tolist() == [10, 20, 30]


@pytest.mark.parametrize("column", range(9))
def test_a_lone_pixel_survives_reduction(column: int) -> None:
    reference = reference_outputs("segment")
    reference["index"][:, 7, column] = 1
    candidate = {"index": reference["index"].copy()}
    candidate["index"][1, 7, column] = 2
    picture = worst_picture(compared("segment", reference, candidate), panel_width=20)
    *_, difference = panels(picture, width=20)
    assert difference.shape[0] == round(HEIGHT * 20 / WIDTH)
    assert difference.max() > 200


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_is_white(value: float) -> None:
    reference, candidate = reference_outputs("embed"), reference_outputs("embed")
    candidate["embedding"][0, :16] = value
    _, _, theirs, difference = panels(worst_picture(compared("embed", reference, candidate)))
    for panel in (theirs, difference):
        assert panel[:, : WIDTH // 2].min() > 150
    assert difference[:, WIDTH // 2 :].max() <= 4


def test_a_stage_without_a_frame_has_a_picture() -> None:
    reference = reference_outputs("caption")
    comparison = compared("caption", reference, worsened("caption", reference, 0))
    del comparison.worst.inputs["frame"]
    assert worst_picture(comparison, panel_width=160).shape == (LABEL_HEIGHT + 90, 640, 3)
