"""What a graph needs besides the frame."""

import numpy as np
import pytest

from trt_anime.calibration.inputs import figure_hole, inputs_for


def frame(seed: int, height: int = 90, width: int = 160) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (1, height, width, 3), np.uint8)


def test_a_matte_needs_the_frame_alone() -> None:
    picture = frame(0)
    assert list(inputs_for("matte", picture)) == ["frame"]
    assert inputs_for("matte", picture)["frame"] is picture


def test_inpainting_needs_a_hole() -> None:
    inputs = inputs_for("inpaint", frame(0))
    assert list(inputs) == ["frame", "hole"]
    hole = inputs["hole"]
    assert hole.dtype == np.uint8 and hole.shape == (1, 90, 160)
    assert set(np.unique(hole)) == {0, 255}


@pytest.mark.parametrize("size", [(90, 160), (160, 90), (40, 40)], ids=str)
def test_the_hole_is_a_part_of_the_frame(size: tuple[int, int]) -> None:
    covers = [figure_hole(frame(seed, *size)).mean() / 255 for seed in range(20)]
    assert min(covers) > 0.05 and max(covers) < 0.7


def test_equal_frames_have_equal_holes_and_others_have_others() -> None:
    np.testing.assert_array_equal(figure_hole(frame(1)), figure_hole(frame(1)))
    assert (figure_hole(frame(1)) != figure_hole(frame(2))).any()


def test_segmentation_needs_a_threshold_for_each_frame() -> None:
    inputs = inputs_for("segment", frame(0).repeat(3, axis=0))
    assert list(inputs) == ["frame", "threshold"]
    assert inputs["threshold"].dtype == np.float32 and inputs["threshold"].tolist() == [0.5] * 3
