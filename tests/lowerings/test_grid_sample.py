"""Gather in the place of GridSample: the same values, names that stay, and engines."""

from functools import cache
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import TensorProto, helper
from onnxruntime import InferenceSession

from trt_anime.engines.compiler import compiled
from trt_anime.engines.manifest import Profile
from trt_anime.engines.targets import Target
from trt_anime.export.lowerings.grid_sample import gather_from_grid_sample
from trt_anime.limits import unbuildable
from trt_anime.stage import COORDINATES

Array = NDArray[Any]
Sizes = tuple[int | str, int | str, int | str]

FREE: Sizes = ("channels", "height", "width")
PROFILE = Profile(height=64, width=96, max_batch=4)
ALIGNED = pytest.mark.parametrize("align_corners", [0, 1])
PADDING = pytest.mark.parametrize("padding", ["zeros", "border"])


def grid_sample(sizes: Sizes = FREE, *, half: bool = False, **attributes: Any) -> onnx.ModelProto:
    """``picture`` [batch,C,H,W] and ``grid`` [batch,rows,columns,2] -> ``sampled``."""
    kind = TensorProto.FLOAT16 if half else TensorProto.FLOAT
    node = helper.make_node("GridSample", ["picture", "grid"], ["sampled"], name="net/sample", **attributes)
    shape = ["rows", "columns"] if sizes == FREE else [30, 4]
    graph = helper.make_graph(
        [node],
        "sampling",
        [
            helper.make_tensor_value_info("picture", kind, ["batch", *sizes]),
            helper.make_tensor_value_info("grid", kind, ["batch", *shape, 2]),
        ],
        [helper.make_tensor_value_info("sampled", kind, ["batch", sizes[0], *shape])],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def on_a_line(length: int, align_corners: int) -> st.SearchStrategy[float]:
    """Coordinates on one axis: anywhere, on pixels, between them, on the border, and far out."""
    pixel = st.integers(-2, 2 * length + 2).map(lambda half: half / 2)
    if align_corners:
        there = pixel.map(lambda at: 2 * at / max(length - 1, 1) - 1)
    else:
        there = pixel.map(lambda at: (2 * at + 1) / length - 1)
    far = st.sampled_from([-1.0, 1.0, -1e4, 1e4, -1.5, 1.5])
    return st.one_of(there, far, st.floats(-1.5, 1.5, width=32))


@st.composite
def sampling(draw: st.DrawFn, align_corners: int) -> dict[str, Array]:
    height, width, channels, rows, columns = (draw(st.integers(1, 7)) for _ in range(5))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    count = 2 * rows * columns
    across = draw(st.lists(on_a_line(width, align_corners), min_size=count, max_size=count))
    down = draw(st.lists(on_a_line(height, align_corners), min_size=count, max_size=count))
    return {
        "picture": random.uniform(-4, 4, (2, channels, height, width)).astype(np.float32),
        "grid": np.stack([across, down], -1).astype(np.float32).reshape(2, rows, columns, 2),
    }


@ALIGNED
@PADDING
@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_equal_to_grid_sample(align_corners: int, padding: str, data: st.DataObject) -> None:
    inputs = data.draw(sampling(align_corners))
    one, other = (np.asarray(form.run(None, inputs)[0]) for form in sessions(align_corners, padding))
    # A coordinate's last digit moves a sample by 1e-6 of a pixel, and neighbours are up to 8 apart.
    np.testing.assert_allclose(other, one, atol=2e-5, rtol=0)


@ALIGNED
@PADDING
def test_equal_where_sizes_are_known(align_corners: int, padding: str) -> None:
    model = grid_sample((3, 5, 8), align_corners=align_corners, padding_mode=padding)
    lowered = gather_from_grid_sample(model)
    assert "Shape" not in kinds(lowered)
    inputs = example((3, 5, 8))
    np.testing.assert_allclose(run(lowered, inputs), run(model, inputs), atol=2e-5, rtol=0)


@PADDING
def test_however_far_out(padding: str) -> None:
    """There, ONNX Runtime's GridSample counts pixels in integers that overflow; PyTorch's doesn't."""
    model = gather_from_grid_sample(grid_sample(padding_mode=padding))
    picture = np.arange(1, 7, dtype=np.float32).reshape(1, 1, 2, 3)
    grid = np.array([[-1e30, -1e30], [1e30, 1e30]], np.float32).reshape(1, 1, 2, 2)
    expected = [1, 6] if padding == "border" else [0, 0]
    assert run(model, {"picture": picture, "grid": grid}).ravel().tolist() == expected


def test_half_precision_finds_its_place_in_single() -> None:
    """Columns 0 to 1999 of a ramp. Computed in FP16, a position near 1500 is a whole number."""
    model = grid_sample((1, 1, 2000), half=True, align_corners=1)
    ramp = np.linspace(0, 1, 2000, dtype=np.float16).reshape(1, 1, 1, 2000)
    inputs = {"picture": ramp, "grid": np.zeros((1, 30, 4, 2), np.float16)}
    inputs["grid"][..., 0] = np.linspace(0.5, 0.99, 120).reshape(30, 4)
    exact = (inputs["grid"][..., 0].astype(np.float64) + 1) / 2
    found = run(gather_from_grid_sample(model), inputs)[:, 0]
    np.testing.assert_allclose(found, exact, atol=2**-11)  # half a step of the pixels, half of the result


def test_names_and_metadata_stay() -> None:
    model = grid_sample()
    helper.set_model_props(model, {"trt_anime.stage": '"segment"'})
    before = model.SerializeToString(deterministic=True)
    lowered = gather_from_grid_sample(model)
    assert model.SerializeToString(deterministic=True) == before
    names = [node.name for node in lowered.graph.node]
    assert len(set(names)) == len(names)
    assert all(name.startswith("net/sample/") for name in names)
    assert any(COORDINATES in name for name in names)
    assert (lowered.graph.input, lowered.graph.output) == (model.graph.input, model.graph.output)
    assert lowered.metadata_props == model.metadata_props


def test_two_in_a_row() -> None:
    model = grid_sample()
    second = helper.make_node("GridSample", ["sampled", "grid"], ["again"], name="net/second")
    model.graph.node.append(second)
    model.graph.output[0].name = "again"
    inputs = example((3, 5, 8))
    lowered = gather_from_grid_sample(model)
    assert "GridSample" not in kinds(lowered)
    np.testing.assert_allclose(run(lowered, inputs), run(model, inputs), atol=1e-4, rtol=0)


@pytest.mark.parametrize("other", [("mode", "nearest"), ("mode", "cubic"), ("padding_mode", "reflection")])
def test_others_stay(other: tuple[str, str]) -> None:
    attributes: dict[str, Any] = dict([other])
    model = grid_sample(**attributes)
    assert gather_from_grid_sample(model) == model


@pytest.mark.parametrize("capability", [75, 89, 120])
@pytest.mark.parametrize("half", [False, True])
@PADDING
def test_both_forms_are_built(padding: str, half: bool, capability: int) -> None:
    pytest.importorskip("tensorrt_rtx")
    model = grid_sample((16, 20, 30), half=half, padding_mode=padding)
    for form in (model, gather_from_grid_sample(model)):
        assert unbuildable(form) == []
        target = Target("rtx", capability)
        assert compiled(form.SerializeToString(), target, PROFILE, report=lambda share: True).engine


@cache
def sessions(align_corners: int, padding: str) -> tuple[InferenceSession, InferenceSession]:
    model = grid_sample(align_corners=align_corners, padding_mode=padding)
    return session(model), session(gather_from_grid_sample(model))


def session(model: onnx.ModelProto) -> InferenceSession:
    return InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])


def run(model: onnx.ModelProto, inputs: dict[str, Array]) -> Array:
    return np.asarray(session(model).run(None, inputs)[0])


def example(sizes: tuple[int, int, int]) -> dict[str, Array]:
    random = np.random.default_rng(0)
    return {
        "picture": random.standard_normal((2, *sizes)).astype(np.float32),
        "grid": random.uniform(-1.3, 1.3, (2, 30, 4, 2)).astype(np.float32),
    }


def kinds(model: onnx.ModelProto) -> set[str]:
    return {node.op_type for node in model.graph.node}
