"""The stage graph computes what the PyTorch reference computes, and keeps its promises about the hole."""

from functools import cache

import cv2
import numpy as np
import onnx
import onnxruntime as ort
import pytest
from numpy.typing import NDArray

from tests.inpaint.pieces import RULES, Frames, expected, graph_for, pictures, run, session_for
from tests.matte.pieces import drawings, session_of
from trt_anime.export.check import difference_of
from trt_anime.export.inpaint.options import HoleOptions
from trt_anime.limits import sm75_needs_fp16, unbuildable

SIZES = [(1, 1), (40, 40), (75, 127), (127, 75), (243, 357), (480, 854), (60, 700)]
REACH = HoleOptions().grow + 2 * HoleOptions().feather


@cache
def session(rule: str) -> ort.InferenceSession:
    return session_for(rule)


def near(holes: Frames, reach: int) -> NDArray[np.bool_]:
    """bool [B,H,W]: where a pixel of the hole is within `reach`, along either axis."""
    marks = (holes >= HoleOptions().threshold).astype(np.uint8)
    square = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    return np.stack([cv2.dilate(mark, square) > 0 for mark in marks])


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("rule", RULES)
def test_graph_equals_reference(rule: str, size: tuple[int, int]) -> None:
    frames, holes = pictures(1 if size[0] > 400 else 3, *size)
    plate = run(session(rule), frames, holes)
    assert plate.dtype == np.uint8 and plate.shape == frames.shape
    result = difference_of(plate, expected(RULES[rule], frames, holes))
    assert result.passed and result.maximum <= 1, result


@pytest.mark.parametrize(
    "options",
    [HoleOptions(grow=0, feather=0), HoleOptions(grow=9, feather=1, threshold=200)],
    ids=["bare", "wide"],
)
def test_other_options(options: HoleOptions) -> None:
    frames, holes = pictures(2, 97, 130)
    plate = run(session_for("stretch", options), frames, holes)
    result = difference_of(plate, expected(RULES["stretch"], frames, holes, options=options))
    assert result.passed and result.maximum <= 1, result


@pytest.mark.parametrize("rule", RULES)
def test_away_from_the_hole_the_bytes_are_the_frames(rule: str) -> None:
    frames, holes = pictures(2, 243, 357)
    far = ~near(holes, REACH)
    assert 0.3 < far.mean() < 0.95
    np.testing.assert_array_equal(run(session(rule), frames, holes)[far], frames[far])


@pytest.mark.parametrize("rule", RULES)
def test_what_is_in_the_hole_does_not_matter(rule: str) -> None:
    """Neither does the rim around it, where a character's colour has spread: all of it is painted over."""
    frames, holes = pictures(2, 243, 357)
    covered = near(holes, HoleOptions().grow)
    others = np.where(covered[..., None], drawings(2, 243, 357)[::-1], frames)
    assert (others != frames).mean() > 0.1
    np.testing.assert_array_equal(run(session(rule), frames, holes), run(session(rule), others, holes))


@pytest.mark.parametrize("rule", RULES)
def test_no_hole_no_change(rule: str) -> None:
    frames = drawings(2, 75, 127)
    for value in (0, HoleOptions().threshold - 1):
        holes = np.full((2, 75, 127), value, np.uint8)
        np.testing.assert_array_equal(run(session(rule), frames, holes), frames)


@pytest.mark.parametrize("rule", RULES)
def test_all_hole_is_a_picture_too(rule: str) -> None:
    holes = np.full((1, 75, 127), 255, np.uint8)
    first, second = (run(session(rule), drawings(2, 75, 127)[[number]], holes) for number in (0, 1))
    np.testing.assert_array_equal(first, second)


def test_rows_of_a_batch_are_independent() -> None:
    frames, holes = pictures(3, 75, 127)
    together = run(session("long side"), frames, holes)
    for number in range(3):
        alone = run(session("long side"), frames[[number]], holes[[number]])[0]
        assert np.abs(alone.astype(int) - together[number]).max() <= 1


def test_the_edge_of_the_hole_is_no_seam() -> None:
    """Between a flat frame and the network's other colour, no step is larger than a quarter of the way."""
    frames = np.full((1, 120, 120, 3), 30, np.uint8)
    holes = np.zeros((1, 120, 120), np.uint8)
    holes[:, 40:80, 40:80] = 255
    line = run(session("stretch"), frames, holes)[0, 60, 25:60, 0].astype(int)
    assert np.ptp(line) > 40
    assert np.abs(np.diff(line)).max() <= np.ptp(line) / 4


def test_the_graph_describes_itself_and_can_be_built_everywhere() -> None:
    graph = graph_for(RULES["long side"])
    onnx.checker.check_model(graph, full_check=True)
    assert unbuildable(graph) == [] and sm75_needs_fp16(graph) == []
    ends = {value.name: value for value in (*graph.graph.input, *graph.graph.output)}
    shapes = {
        name: [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]
        for name, value in ends.items()
    }
    assert shapes == {
        "frame": ["batch", "height", "width", 3],
        "hole": ["batch", "height", "width"],
        "plate": ["batch", "height", "width", 3],
    }
    kinds = {name: value.type.tensor_type.elem_type for name, value in ends.items()}
    assert set(kinds.values()) == {onnx.TensorProto.UINT8}
    prefixes = {node.name.partition("/")[0] for node in graph.graph.node}
    assert prefixes == {"pre", "net", "post"}
    assert session_of(graph).get_inputs()[0].name == "frame"
