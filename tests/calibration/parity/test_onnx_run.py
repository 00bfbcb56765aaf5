"""The reference runner, and what an FP16 overflow looks like."""

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnxruntime import InferenceSession
from spox import Tensor, argument, build

from tests.calibration.small import network, node
from tests.engines.graphs import frames, saved, stage_graph
from trt_anime.calibration.parity import compare, run_with_onnxruntime
from trt_anime.calibration.qdq import int8_from_fp32
from trt_anime.errors import EngineError, InputError, MissingError

op: Any = importlib.import_module("spox.opset.ai.onnx.v20")  # its names come by `import *`: untyped


def squares(dtype: type[np.floating]) -> onnx.ModelProto:
    """`pixels` f32 [batch, 4] -> `embedding` f32 [batch, 4], their squares, computed in `dtype`."""
    pixels = argument(Tensor(np.float32, ("batch", 4)))
    inner = op.cast(pixels, to=dtype)
    return build({"pixels": pixels}, {"embedding": op.cast(op.mul(inner, inner), to=np.float32)})


def test_model_and_file_give_the_same_bytes(tmp_path: Path) -> None:
    model = stage_graph(matmul=True)
    given = {"frame": frames(2, 32, 48)}
    first = run_with_onnxruntime(model)(given)
    assert first["rgba"].shape == (2, 32, 48, 4)
    again = run_with_onnxruntime(saved(model, tmp_path), threads=1)(given)
    assert first.keys() == again.keys()
    assert all(np.array_equal(first[name], again[name]) for name in first)


def test_overflow_in_half_precision_is_found() -> None:
    batches = [{"pixels": np.array([[1, 2, 3, 4], [250, 2, 3, peak]], np.float32)} for peak in (255, 300)]
    comparison = compare(
        run_with_onnxruntime(squares(np.float32)),
        run_with_onnxruntime(squares(np.float16)),
        batches,
        stage="embed",
        precision="fp16",
        reference_name="fp32 graph",
        candidate_name="fp16 graph",
    )
    (failure,) = comparison.parity.failures
    assert (failure.name, failure.value) == ("not_finite", 1.0)  # 300 squared is more than 65504
    assert comparison.parity.worst_frame == 3


def test_biases_beside_qdq_are_left_alone() -> None:
    """ONNX Runtime alone would make whole numbers of them: this one is 0.4, and would be 0."""
    model = network(
        node("Conv", "x w b", "conv"),
        node("Conv", "conv w", "y"),
        weights={"w": np.ones((1, 1, 1, 1), np.float32), "b": np.array([0.003], np.float32)},
        x=["batch", 1, 4, 4],
        y=["batch", 1, 4, 4],
    )
    ranges = {"x": (-127.0, 127.0), "conv": (-0.004, 0.004)}  # steps of 1, and of 1/127 for the weight
    quantized = int8_from_fp32(model, ranges, form="tensorrt", kept=())
    given = {"x": np.zeros((1, 1, 4, 4), np.float32)}
    np.testing.assert_allclose(run_with_onnxruntime(quantized)(given)["y"], 0.003, rtol=0.02)
    alone = InferenceSession(quantized.SerializeToString(), providers=["CPUExecutionProvider"])
    assert not np.asarray(alone.run(["y"], given)[0]).any()  # when this fails, ONNX Runtime has changed


def test_graph_that_is_none(tmp_path: Path) -> None:
    path = tmp_path / "toy.onnx"
    with pytest.raises(InputError, match=r"toy\.onnx: ONNX Runtime can't run it .*export it again"):
        run_with_onnxruntime(path)
    path.write_bytes(b"no graph")
    with pytest.raises(InputError, match=r"toy\.onnx: ONNX Runtime can't run it"):
        run_with_onnxruntime(path)


def test_inputs_that_do_not_fit() -> None:
    with pytest.raises(EngineError, match="ONNX Runtime failed on it"):
        run_with_onnxruntime(stage_graph())({"frame": np.zeros((1, 32, 48, 4), np.uint8)})


def test_missing_onnxruntime_speaks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(importlib.import_module("sys").modules, "onnxruntime", None)
    with pytest.raises(MissingError, match=r"trt-anime\[cpu\]"):
        run_with_onnxruntime(stage_graph())
