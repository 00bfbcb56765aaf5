"""FP16 by AutoCast: what is in it, what isn't, and what it says."""

import logging
import subprocess
import sys
from collections import Counter

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from tests.calibration.small import Array, difference, examples, network, node, outputs, pictures, tokens
from tests.engines.graphs import frames, half_graph, stage_graph
from trt_anime.calibration.casting import element_types
from trt_anime.calibration.fp16 import fp16_from_fp32, nodes_in_fp32
from trt_anime.calibration.parity import compare, run_with_onnxruntime
from trt_anime.calibration.qdq import fp8_from_fp32, int8_from_fp32, values_to_calibrate
from trt_anime.calibration.ranges import value_ranges
from trt_anime.errors import EngineError, MissingError
from trt_anime.limits import sm75_needs_fp16
from trt_anime.parity import Parity


def large() -> onnx.ModelProto:
    """`scaled` is 300 times `x`, `squared` is the square of that, and `y` brings it back below 10."""
    return network(
        node("Mul", "x factor", "scaled"),
        node("Mul", "scaled scaled", "squared"),
        node("Relu", "squared", "positive"),
        node("Mul", "positive smaller", "back"),
        node("Add", "back x", "y"),
        weights={"factor": np.array(300, np.float32), "smaller": np.array(1e-5, np.float32)},
        x=["batch", 32],
        y=["batch", 32],
    )


@pytest.mark.parametrize("model", [pictures(), tokens()], ids=["pictures", "tokens"])
def test_network_is_half_and_near_fp32(model: onnx.ModelProto) -> None:
    before = model.SerializeToString(deterministic=True)
    typed = fp16_from_fp32(model)
    assert model.SerializeToString(deterministic=True) == before
    assert nodes_in_fp32(typed) == ()
    assert (typed.graph.input, typed.graph.output) == (model.graph.input, model.graph.output)
    kept = [found.name for found in typed.graph.node if found.op_type != "Cast"]
    assert kept == [found.name for found in model.graph.node]
    (inputs,) = examples(model, 1)
    assert 0 < difference(typed, model, inputs) < 5e-3


def test_islands_stay_single() -> None:
    islands = ["net/deep", "net/larger", "net/y"]
    typed = fp16_from_fp32(pictures(), islands=islands)
    assert nodes_in_fp32(typed) == ("net/deep", "net/larger", "net/y")
    types = element_types(typed)
    for found in typed.graph.node:
        if found.op_type != "Cast" and found.name not in islands:
            assert types[found.output[0]] == TensorProto.FLOAT16, found.name
    assert types[next(n for n in typed.graph.node if n.name == "net/deep").input[1]] == TensorProto.FLOAT


def test_islands_are_whole_names() -> None:
    """Names have characters that patterns give a meaning to, and one may begin another."""
    model = pictures()
    names = {"net/deep": "net/a.b[0]", "net/deep_relu": "net/a.b[0]_relu", "net/stem": "net/axb0"}
    for found in model.graph.node:
        found.name = names.get(found.name, found.name)
    assert nodes_in_fp32(fp16_from_fp32(model, islands=["net/a.b[0]", "b[0]", "not there"])) == (
        "net/a.b[0]",
    )


def test_values_above_512_stay_single_where_frames_are_given() -> None:
    model = large()
    inputs = [{"x": np.full((1, 32), value, np.float32)} for value in (0.1, 1.0, 0.2)]
    assert nodes_in_fp32(fp16_from_fp32(model)) == ()
    kept = nodes_in_fp32(fp16_from_fp32(model, inputs=inputs))
    assert {"net/squared", "net/positive", "net/back"} <= {*kept}
    assert {"net/scaled", "net/y"}.isdisjoint(kept)
    calm = [{"x": np.full((1, 32), 0.05, np.float32)}]
    assert nodes_in_fp32(fp16_from_fp32(model, inputs=calm)) == ()


def test_inputs_and_outputs_stay_single() -> None:
    typed = fp16_from_fp32(tokens())
    for value in (*typed.graph.input, *typed.graph.output):
        assert value.type.tensor_type.elem_type == TensorProto.FLOAT
    (inputs,) = examples(tokens(), 1)
    assert outputs(typed, inputs)["y"].dtype == np.float32


def test_constants_that_no_half_can_hold_stay_single() -> None:
    model = large()
    model.graph.initializer[0].CopyFrom(onnx.numpy_helper.from_array(np.array(1e6, np.float32), "factor"))
    assert "net/scaled" in nodes_in_fp32(fp16_from_fp32(model))


@pytest.mark.parametrize("islands", [(), ("net/deep",), ("net/wide", "net/y")], ids=str)
@pytest.mark.parametrize("model", [pictures(), tokens()], ids=["pictures", "tokens"])
def test_weights_come_back_as_they_were(
    model: onnx.ModelProto, islands: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """AutoCast sees none of them; these are small, so that it sees all of them otherwise."""
    inputs = examples(model, 2)
    seen = fp16_from_fp32(model, islands=islands, inputs=inputs)
    monkeypatch.setattr("trt_anime.hollow.LARGE_BYTES", 64)
    unseen = fp16_from_fp32(model, islands=islands, inputs=inputs)
    assert nodes_in_fp32(unseen) == nodes_in_fp32(seen)
    assert [value.name for value in unseen.graph.input] == [value.name for value in seen.graph.input]
    size, other = (sum(tensor.ByteSize() for tensor in typed.graph.initializer) for typed in (unseen, seen))
    assert abs(size - other) < 200  # names
    for frame in inputs:
        for name, values in outputs(seen, frame).items():
            np.testing.assert_array_equal(outputs(unseen, frame)[name], values)


def test_a_weight_read_in_both_types_is_there_in_both(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trt_anime.hollow.LARGE_BYTES", 64)
    random = np.random.default_rng(0)
    model = network(
        node("MatMul", "x w", "first"),
        node("MatMul", "first w", "y"),
        weights={"w": random.standard_normal((32, 32)).astype(np.float32)},
        x=("batch", 32),
        y=("batch", 32),
    )
    typed = fp16_from_fp32(model, islands=["net/first"])
    assert nodes_in_fp32(typed) == ("net/first",)
    assert [tensor.data_type for tensor in typed.graph.initializer] == [
        TensorProto.FLOAT16,
        TensorProto.FLOAT,
    ]


def test_a_large_weight_that_no_half_can_hold_stays_single(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trt_anime.hollow.LARGE_BYTES", 2)
    model = large()
    model.graph.initializer[0].CopyFrom(onnx.numpy_helper.from_array(np.array(-1e6, np.float32), "factor"))
    assert "net/scaled" in nodes_in_fp32(fp16_from_fp32(model))


@pytest.mark.parametrize("precision", ["int8", "fp8"])
def test_qdq_stays(precision: str) -> None:
    model = tokens()
    ranges = value_ranges(model, values_to_calibrate(model, form="tensorrt"), examples(model))["minmax"]
    if precision == "int8":
        quantized = int8_from_fp32(model, ranges, form="tensorrt", kept=["net/narrow"])
    else:
        quantized = fp8_from_fp32(model, ranges, kept=["net/narrow"])
    typed = fp16_from_fp32(quantized)
    kinds, before = (Counter(n.op_type for n in graph.graph.node) for graph in (typed, quantized))
    kinds.pop("Cast")
    assert kinds == before
    assert nodes_in_fp32(typed) == ()
    (inputs,) = examples(model, 1)
    rounding = difference(quantized, model, inputs)
    assert difference(typed, quantized, inputs) < rounding


def test_an_overflow_shows_in_parity() -> None:
    """Values of 90,000, which FP16 hasn't; with frames to measure on, they stay out of it."""
    model = large()
    inputs = [{"x": np.full((1, 32), value, np.float32)} for value in (0.5, 1.0)]
    exact = outputs(model, inputs[1])["y"]
    assert np.isfinite(exact).all() and exact.max() < 10
    failed = measured(fp16_from_fp32(model), model, inputs)
    (metric,) = failed.metrics
    assert (metric.name, metric.value, metric.limit) == ("not_finite", 32, 0)
    assert not failed.passed
    passed = measured(fp16_from_fp32(model, inputs=inputs), model, inputs)
    assert passed.passed
    assert {metric.name: metric.value for metric in passed.metrics}["not_finite"] == 0


def measured(typed: onnx.ModelProto, model: onnx.ModelProto, inputs: list[dict[str, Array]]) -> Parity:
    for graph in (typed, model):
        graph.graph.output[0].name = "embedding"
        graph.graph.node[-1].output[0] = "embedding"
    return compare(
        run_with_onnxruntime(model),
        run_with_onnxruntime(typed),
        inputs,
        stage="embed",
        precision="fp16",
        reference_name="fp32 graph",
        candidate_name="fp16 graph",
    ).parity


def test_stage_graph_around_it_is_near_fp32() -> None:
    stage, typed = stage_graph(matmul=True), half_graph(matmul=True)
    onnx.checker.check_model(typed, full_check=True)
    types = element_types(typed)
    for found in typed.graph.node:
        if found.name.startswith(("pre/", "post/")):
            assert types[found.output[0]] != TensorProto.FLOAT16, found.name
    assert sm75_needs_fp16(stage) and not sm75_needs_fp16(typed)
    assert nodes_in_fp32(typed) and not any(name.startswith("net/") for name in nodes_in_fp32(typed))
    given = {"frame": frames(2, 64, 96)}
    gap = np.abs(outputs(stage, given)["rgba"].astype(int) - outputs(typed, given)["rgba"])
    assert gap.max() <= 1 and gap.mean() < 0.02  # of 255 levels


def test_network_that_autocast_refuses() -> None:
    model = tokens()
    model.graph.node[1].input[1] = "not there"
    with pytest.raises(EngineError, match=r"^FP16: AutoCast can't type the network \(.+\)$") as caught:
        fp16_from_fp32(model)
    assert "\n" not in str(caught.value)


def test_modelopt_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "modelopt.onnx.autocast.convert", None)
    with pytest.raises(MissingError, match=r"need pip install 'trt-anime\[calibration\]' \(.*modelopt"):
        fp16_from_fp32(tokens())


def test_logging_is_as_it_was() -> None:
    before = logging.root.manager.disable
    fp16_from_fp32(tokens())
    assert logging.root.manager.disable == before


def test_nothing_is_printed() -> None:
    """Neither at the first import, nor with frames, nor with types that numpy doesn't have."""
    code = """
from tests.calibration.small import examples, pictures
from trt_anime.calibration.fp16 import fp16_from_fp32
from trt_anime.calibration.qdq import fp8_from_fp32, values_to_calibrate
from trt_anime.calibration.ranges import value_ranges
from trt_anime.calibration.switches import Half, Switchboard
model, inputs = pictures(), examples(pictures())
ranges = value_ranges(model, values_to_calibrate(model, form="tensorrt"), inputs)["entropy"]
fp16_from_fp32(model, inputs=inputs)
fp16_from_fp32(fp8_from_fp32(model, ranges, kept=()))
Switchboard(model, Half()).run(inputs[0], ["net/deep"])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
