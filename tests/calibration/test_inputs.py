"""What graphs are fed with."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from onnx import ModelProto, TensorProto, helper

from trt_anime.calibration.inputs import Reading, figure_box, figure_hole
from trt_anime.stage import StageInfo

Shape = tuple[int | str, ...]


def frame(seed: int, height: int = 90, width: int = 160) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (1, height, width, 3), np.uint8)


def reading(
    *earlier: Reading,
    gives: Mapping[str, np.ndarray] | None = None,
    **inputs: tuple[int, Shape],
) -> Reading:
    """A graph of the given inputs, each a type and a shape, that gives what it is told to."""

    def run(feeds: Mapping[str, Any]) -> Mapping[str, Any]:
        assert feeds.keys() == inputs.keys()
        return gives or {}

    values = [helper.make_tensor_value_info(name, *kind) for name, kind in inputs.items()]
    model: ModelProto = helper.make_model(helper.make_graph([], "graph", values, []))
    info = StageInfo("any", "toy", "", "", "", {}, capacity={"prompts": 3, "boxes": 4})
    return Reading(model, info, earlier, run)


FRAME = (TensorProto.UINT8, ("batch", "height", "width", 3))


def test_a_matte_needs_the_frame_alone() -> None:
    picture = frame(0)
    inputs = reading(frame=FRAME).inputs_for(picture)
    assert list(inputs) == ["frame"]
    np.testing.assert_array_equal(inputs["frame"], picture)


def test_a_graph_for_frames_of_one_size_gets_them_in_it() -> None:
    inputs = reading(frame=(TensorProto.UINT8, (1, 48, 64, 3))).inputs_for(frame(0))
    assert inputs["frame"].shape == (1, 48, 64, 3)


def test_inpainting_needs_a_hole() -> None:
    wanted = (TensorProto.UINT8, ("batch", "height", "width"))
    hole = reading(frame=FRAME, hole=wanted).inputs_for(frame(0))["hole"]
    assert hole.dtype == np.uint8 and hole.shape == (1, 90, 160)
    assert set(np.unique(hole)) == {0, 255}


def test_boxes_stand_for_as_many_as_there_may_be() -> None:
    wanted = (TensorProto.FLOAT, ("batch", "boxes", 4))
    boxes = reading(boxes=wanted, size=(TensorProto.INT64, (2,))).inputs_for(frame(0))["boxes"]
    assert boxes.shape == (1, 4, 4) and boxes.dtype == np.float32
    left, top, right, bottom = boxes[0, 3]
    hole = figure_hole(frame(0))[0] > 0
    inside = hole[int(top) : int(bottom), int(left) : int(right)]
    assert inside.sum() == hole.sum()
    assert inside.any(0).all() and inside.any(1).all()
    np.testing.assert_array_equal(boxes[0, 0], figure_box(frame(0))[0, 0])


def test_outputs_of_earlier_graphs_are_inputs_of_later_ones() -> None:
    vectors = np.arange(6, dtype=np.float32).reshape(3, 2)
    tokens = (TensorProto.INT64, ("prompts", 7))
    prompt = reading(tokens=tokens, gives={"prompts": vectors})
    effects = reading(prompt, frame=FRAME, prompts=(TensorProto.FLOAT, ("prompts", 2)))
    inputs = effects.inputs_for(frame(0))
    assert inputs["prompts"] is vectors
    ids = prompt.inputs_for(frame(0))["tokens"]
    assert ids.shape == (3, 7) and ids.dtype == np.int64 and ids.min() > 0


def test_state_is_drawn_and_equal_frames_have_equal_state() -> None:
    graph = reading(memory=(TensorProto.FLOAT, (5, 8)), valid=(TensorProto.FLOAT, (5,)))
    first, again, other = (graph.inputs_for(frame(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first["memory"], again["memory"])
    assert (first["memory"] != other["memory"]).all()
    np.testing.assert_array_equal(first["valid"], 1)


@pytest.mark.parametrize("size", [(90, 160), (160, 90), (40, 40)], ids=str)
def test_the_hole_is_a_part_of_the_frame(size: tuple[int, int]) -> None:
    covers = [figure_hole(frame(seed, *size)).mean() / 255 for seed in range(20)]
    assert min(covers) > 0.05 and max(covers) < 0.7


def test_equal_frames_have_equal_holes_and_others_have_others() -> None:
    np.testing.assert_array_equal(figure_hole(frame(1)), figure_hole(frame(1)))
    assert (figure_hole(frame(1)) != figure_hole(frame(2))).any()


def test_segmentation_needs_a_threshold() -> None:
    inputs = reading(frame=FRAME, threshold=(TensorProto.FLOAT, ("batch",))).inputs_for(frame(0))
    assert inputs["threshold"].dtype == np.float32 and inputs["threshold"].tolist() == [0.5]
