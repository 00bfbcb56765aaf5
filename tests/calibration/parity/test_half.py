"""FP16 on a CPU: each node's result is rounded, and ONNX Runtime doesn't take that out again."""

import importlib
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto
from spox import Tensor, Var, argument, build

from tests.engines.graphs import frames, half_graph, stage_graph
from trt_anime.calibration.parity import run_with_onnxruntime
from trt_anime.calibration.parity.half import has_half, rounded_from_half

op: Any = importlib.import_module("spox.opset.ai.onnx.v20")  # its names come by `import *`: untyped

Half = NDArray[np.float16]


def constant(values: NDArray[Any]) -> Var:
    result: Var = op.const(values.astype(np.float16))
    return result


def chain() -> onnx.ModelProto:
    """`x` f16 [batch, 8] -> `y` f16, `z` f32: several nodes in FP16, one of which only moves values."""
    x = argument(Tensor(np.float16, ("batch", 8)))
    scaled = op.mul(x, constant(np.linspace(0.1, 3, 8)))
    y = op.relu(op.sub(op.add(scaled, constant(np.array(700.0))), constant(np.array(699.0))))
    z = op.cast(op.div(y, constant(np.array(3.0))), to=np.float32)
    return build({"x": x}, {"y": y, "z": z})


def expected(x: Half) -> tuple[Half, NDArray[np.float32]]:
    """numpy computes each FP16 operation in FP32 and rounds its result."""
    scaled = x * np.linspace(0.1, 3, 8).astype(np.float16)
    y = np.maximum((scaled + np.float16(700)) - np.float16(699), np.float16(0))
    return y, (y / np.float16(3)).astype(np.float32)


def test_each_result_is_rounded_as_numpy_does() -> None:
    x = np.random.default_rng(0).standard_normal((50, 8)).astype(np.float16)
    found = run_with_onnxruntime(chain())({"x": x})
    y, z = expected(x)
    assert found["y"].dtype == np.float16 and found["z"].dtype == np.float32
    assert np.array_equal(found["y"], y) and np.array_equal(found["z"], z)
    assert len(np.unique(y)) < 40  # rounded to halves at 700: a test that sees it


def test_onnxruntime_alone_does_not_round() -> None:
    """What this is for. When this fails, ONNX Runtime has learned it: then `half` can go."""
    from onnxruntime import InferenceSession

    x = np.random.default_rng(0).standard_normal((50, 8)).astype(np.float16)
    session: Any = InferenceSession(chain().SerializeToString(), providers=["CPUExecutionProvider"])
    assert not np.array_equal(session.run(["y"], {"x": x})[0], expected(x)[0])


@pytest.mark.parametrize("operator", ["conv", "matmul"])
def test_networks_overflow(operator: str) -> None:
    x = argument(Tensor(np.float32, (1, 1, 2, 2)))
    inner = op.cast(x, to=np.float16)
    large, small = (constant(np.full((1, 1, 1, 1), value)) for value in (300.0, 1 / 300))
    if operator == "conv":
        result = op.conv(op.relu(op.conv(inner, large)), small)
    else:
        tall = constant(np.full((2, 2), 300.0))
        result = op.mul(op.matmul(inner, tall), small)
    run = run_with_onnxruntime(build({"x": x}, {"y": op.cast(result, to=np.float32)}))
    assert np.isfinite(run({"x": np.full((1, 1, 2, 2), 50, np.float32)})["y"]).all()
    assert np.isinf(run({"x": np.full((1, 1, 2, 2), 300, np.float32)})["y"]).all()


def test_types_at_the_ends_stay_and_the_model_given_too() -> None:
    model = chain()
    before = model.SerializeToString(deterministic=True)
    rounded = rounded_from_half(model)
    assert model.SerializeToString(deterministic=True) == before
    onnx.checker.check_model(rounded, full_check=True)
    for given, kept in (
        (model.graph.input, rounded.graph.input),
        (model.graph.output, rounded.graph.output),
    ):
        assert list(given) == list(kept)
    assert not any(tensor.data_type == TensorProto.FLOAT16 for tensor in rounded.graph.initializer)


def test_a_typed_stage_graph() -> None:
    model, typed = stage_graph(matmul=True), half_graph(matmul=True)
    assert has_half(typed) and not has_half(model)
    onnx.checker.check_model(rounded_from_half(typed), full_check=True)
    given = {"frame": frames(2, 32, 48)}
    exact, half = (run_with_onnxruntime(graph)(given)["rgba"].astype(int) for graph in (model, typed))
    assert 0 < np.abs(exact - half).max() <= 2
