"""Q/DQ in its two writings: where it stands, what it rounds, and that it runs and builds."""

from collections import Counter
from functools import cache
from pathlib import Path

import ml_dtypes
import numpy as np
import onnx
import onnxruntime as ort
import pytest

from tests.calibration.small import (
    Array,
    difference,
    examples,
    initializers,
    makers,
    network,
    node,
    outputs,
    pictures,
    tokens,
    values,
    weights,
)
from trt_anime.calibration.fp16 import fp16_from_fp32
from trt_anime.calibration.operators import MOVES
from trt_anime.calibration.qdq import (
    Form,
    fp8_from_fp32,
    int8_from_fp32,
    quantized_nodes,
    values_to_calibrate,
)
from trt_anime.calibration.ranges import Range, value_ranges
from trt_anime.calibration.switches import layers_of
from trt_anime.engines.compiler import Plan
from trt_anime.engines.manifest import Profile
from trt_anime.engines.targets import Target
from trt_anime.engines.worker import plan_from_onnx

NETWORKS = {"pictures": pictures(), "tokens": tokens()}
FORMS: tuple[Form, ...] = ("tensorrt", "cpu")

NAMES = pytest.mark.parametrize("name", NETWORKS)
FORM = pytest.mark.parametrize("form", FORMS)


@cache
def ranges(name: str, form: Form) -> dict[str, Range]:
    model = NETWORKS[name]
    return value_ranges(model, values_to_calibrate(model, form=form), examples(model))["minmax"]


def int8(name: str, form: Form, *kept: str) -> onnx.ModelProto:
    return int8_from_fp32(NETWORKS[name], ranges(name, form), form=form, kept=kept)


def products(name: str) -> list[str]:
    return [found.name for found in layers_of(NETWORKS[name], products_only=True)]


def test_which_products_there_are() -> None:
    assert products("pictures") == ["net/stem", "net/deep", "net/thin", "net/join"]
    assert products("tokens") == ["net/wide", "net/narrow", "net/y"]


@NAMES
@FORM
def test_valid_and_near_fp32(name: str, form: Form) -> None:
    model = NETWORKS[name]
    before = model.SerializeToString(deterministic=True)
    found = int8(name, form)
    assert model.SerializeToString(deterministic=True) == before
    onnx.checker.check_model(found, full_check=True)
    assert [(entry.domain, entry.version) for entry in found.opset_import] == [("", 20)]
    assert (found.graph.input, found.graph.output) == (model.graph.input, model.graph.output)
    for inputs in examples(model, 2):
        spread = float(np.std(outputs(model, inputs)["y"]))
        assert 0 < difference(found, model, inputs) < 0.25 * spread


@NAMES
def test_for_tensorrt_only_products_read_integers(name: str) -> None:
    found = int8(name, "tensorrt")
    constants, made = initializers(found), makers(found)
    readers: dict[str, list[onnx.NodeProto]] = {}
    for reader in found.graph.node:
        for value in reader.input:
            readers.setdefault(value, []).append(reader)
    for node_ in found.graph.node:
        if node_.name in products(name):
            activation, weight = (made[value] for value in node_.input[:2])
            assert activation.op_type == weight.op_type == "DequantizeLinear"
            assert made[activation.input[0]].op_type == "QuantizeLinear"
            assert constants[weight.input[0]].dtype == np.int8
            assert not {*node_.input[2:]} - constants.keys()  # a bias stays as it is
        elif node_.op_type == "QuantizeLinear":
            assert [reader.op_type for reader in readers[node_.output[0]]] == ["DequantizeLinear"]
            assert node_.input[0] not in made or made[node_.input[0]].op_type != "DequantizeLinear"
        elif node_.op_type == "DequantizeLinear":
            assert {reader.name for reader in readers[node_.output[0]]} <= {*products(name)}
            assert constants[node_.input[2]].dtype == np.int8
            assert not constants[node_.input[2]].any()
            assert np.array_equal(
                constants[node_.input[1]].astype(np.float16), constants[node_.input[1]]
            )  # typed to FP16, no scale changes
    kinds = Counter(found_.op_type for found_ in found.graph.node)
    assert kinds["DequantizeLinear"] == 2 * len(products(name))
    assert kinds["QuantizeLinear"] == len(products(name))


@NAMES
@FORM
def test_weights_have_a_scale_for_each_output_channel(name: str, form: Form) -> None:
    found = int8(name, form)
    constants, made, exact = initializers(found), makers(found), initializers(NETWORKS[name])
    channels = {"Conv": 0, "MatMul": 1, "Gemm": 0}  # the one Gemm is transposed
    for node_ in found.graph.node:
        if node_.name in products(name):
            dequantize = made[node_.input[1]]
            (axis,) = (attribute.i for attribute in dequantize.attribute if attribute.name == "axis")
            assert axis == channels[node_.op_type]
            steps, scale = (constants[value] for value in dequantize.input[:2])
            weight = exact[dequantize.input[0].removesuffix("_quantized")]
            assert scale.shape == (weight.shape[axis],)
            others = tuple(other for other in range(weight.ndim) if other != axis)
            np.testing.assert_allclose(scale, np.abs(weight).max(others) / 127, rtol=1e-3)
            rounded = np.moveaxis(steps.astype(np.float32), axis, -1) * scale
            assert (np.abs(rounded - np.moveaxis(weight, axis, -1)) <= 0.5001 * scale).all()


@NAMES
def test_for_cpus_values_are_unsigned(name: str) -> None:
    found = int8(name, "cpu")
    constants = initializers(found)
    zeros = [constants[node_.input[2]] for node_ in found.graph.node if node_.op_type == "QuantizeLinear"]
    assert zeros and {zero.dtype for zero in zeros} == {np.dtype(np.uint8)}
    assert len({int(zero) for zero in zeros}) > 1  # values behind a Relu begin at 0, others don't
    assert len(zeros) > len(products(name))  # results, too: integers from product to product


def test_for_cpus_every_product_has_an_integer_kernel(tmp_path: Path) -> None:
    """Whatever reads its result: one that wants it in floats (here ConvTranspose) reads it rounded."""
    options = ort.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.log_severity_level = 4
    model = int8("pictures", "cpu").SerializeToString()
    ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    optimised = onnx.load(options.optimized_model_filepath)
    kinds = {node_.name: node_.op_type for node_ in optimised.graph.node}
    assert {kinds[name] for name in products("pictures")} == {"QLinearConv"}
    assert kinds["net/up"] == "ConvTranspose"


@FORM
def test_what_has_no_kernel_on_integers_gets_none(form: Form) -> None:
    found = int8("pictures", form)
    assert "net/up" not in quantized_nodes(NETWORKS["pictures"], form=form, kept=())
    assert "up_w" in initializers(found)
    assert "net/up" in {node_.name for node_ in found.graph.node}


@pytest.mark.parametrize("kept", [("net/deep",), ("net/join",), ("net/thin", "net/join"), ("net/stem",)])
@FORM
def test_kept_products_read_what_was_there(form: Form, kept: tuple[str, ...]) -> None:
    """Back to where it was computed: through Concat, Resize and MaxPool, too."""
    found = int8("pictures", form, *kept)
    onnx.checker.check_model(found, full_check=True)
    made, by_name = makers(found), {node_.name: node_ for node_ in found.graph.node}
    for name in kept:
        assert by_name[name].input[1] in initializers(NETWORKS["pictures"])
        waiting = [by_name[name].input[0]]
        while waiting:
            maker = made.get(waiting.pop())
            if maker is not None:
                assert maker.op_type not in ("QuantizeLinear", "DequantizeLinear")
                waiting += maker.input if maker.op_type in MOVES | {"Resize"} else []
    others = {*products("pictures")} - {*kept}
    assert all(made[by_name[name].input[1]].op_type == "DequantizeLinear" for name in others)
    (inputs,) = examples(NETWORKS["pictures"], 1)
    assert difference(found, NETWORKS["pictures"], inputs) < 0.05


@pytest.mark.parametrize("form", FORMS)
def test_first_product_kept_computes_what_it_did(form: Form) -> None:
    (inputs,) = examples(NETWORKS["pictures"], 1)
    found = int8("pictures", form, "net/stem")
    exact = values(NETWORKS["pictures"], inputs, "stem")["stem"]
    assert np.array_equal(values(found, inputs, "stem")["stem"], exact)


@NAMES
@FORM
def test_each_product_can_be_kept(name: str, form: Form) -> None:
    """Ranges are found once, for whatever is kept later."""
    (inputs,) = examples(NETWORKS[name], 1)
    for kept in products(name):
        onnx.checker.check_model(int8(name, form, kept), full_check=True)
    all_kept = int8(name, form, *products(name))
    if form == "tensorrt":
        assert all_kept == NETWORKS[name]
    else:
        assert difference(all_kept, NETWORKS[name], inputs) < 0.05


@FORM
def test_weights_that_two_products_share(form: Form) -> None:
    random = np.random.default_rng(5)
    model = network(
        node("Conv", "x w b", "one"),
        node("Relu", "one", "between"),
        node("Conv", "between w b", "y"),
        weights={"w": weights(random, 4, 4, 1, 1), "b": weights(random, 4)},
        x=["batch", 4, 8, 8],
        y=["batch", 4, 8, 8],
    )
    found_ranges = value_ranges(model, values_to_calibrate(model, form=form), examples(model))["minmax"]
    found = int8_from_fp32(model, found_ranges, form=form, kept=["net/y"])
    onnx.checker.check_model(found, full_check=True)
    first, second = (node_ for node_ in found.graph.node if node_.op_type == "Conv")
    assert makers(found)[first.input[1]].op_type == "DequantizeLinear"
    assert np.array_equal(initializers(found)[second.input[1]], initializers(model)["w"])
    (inputs,) = examples(model, 1)
    assert 0 < difference(found, model, inputs) < 0.1


def test_arithmetic_on_sizes_stays() -> None:
    """Concat and Add are quantized for CPUs, where they are of values."""
    model = network(
        node("Conv", "x w", "conv"),
        node("Shape", "conv", "batch", end=1),
        node("Add", "batch none", "rows"),
        node("Concat", "rows rest", "shape", axis=0),
        node("Reshape", "conv shape", "y"),
        weights={
            "w": np.ones((4, 4, 1, 1), np.float32),
            "none": np.zeros(1, np.int64),
            "rest": np.array([-1], np.int64),
        },
        x=["batch", 4, 2, 2],
        y=["batch", 16],
    )
    names = values_to_calibrate(model, form="cpu")
    assert names == ["x", "conv"]
    found = int8_from_fp32(
        model, value_ranges(model, names, examples(model))["minmax"], form="cpu", kept=()
    )
    (inputs,) = examples(model, 1)
    assert difference(found, model, inputs) < 0.1


@NAMES
def test_fp8(name: str) -> None:
    model = NETWORKS[name]
    found = fp8_from_fp32(model, ranges(name, "tensorrt"), kept=())
    onnx.checker.check_model(found, full_check=True)
    like = int8(name, "tensorrt")
    assert [node_.op_type for node_ in found.graph.node] == [node_.op_type for node_ in like.graph.node]
    constants, made, exact = initializers(found), makers(found), initializers(model)
    assert not any(array.dtype in (np.int8, np.uint8) for array in constants.values())
    for node_ in found.graph.node:
        if node_.name not in products(name):
            continue
        activation, weight = (made[value] for value in node_.input[:2])
        reach = max(np.abs(ranges(name, "tensorrt")[made[activation.input[0]].input[0]]))
        np.testing.assert_allclose(constants[activation.input[1]], reach / 448, rtol=1e-3)
        axis = 1 if node_.op_type == "MatMul" else 0
        stored, scale = (constants[value] for value in weight.input[:2])
        array = np.moveaxis(exact[weight.input[0].removesuffix("_quantized")], axis, -1)
        by_hand = (array / scale).astype(ml_dtypes.float8_e4m3fn)
        assert stored.dtype == ml_dtypes.float8_e4m3fn
        assert np.array_equal(np.moveaxis(stored, axis, -1).view(np.uint8), by_hand.view(np.uint8))
        assert 400 < np.abs(by_hand.astype(np.float32)).max() <= 448
    (inputs,) = examples(model, 1, seed=9)
    assert 0 < difference(found, model, inputs) < 0.35 * float(np.std(outputs(model, inputs)["y"]))


def test_small_weights_survive_fp16() -> None:
    """A folded batch norm leaves channels of 5e-5, whose scales FP16 knows to one digit only."""
    random = np.random.default_rng(6)
    array = weights(random, 4, 8, 3, 3)
    reach = np.array([1, 5e-5, 4e-6, 0], np.float32)
    array *= (reach / np.abs(array).max((1, 2, 3)))[:, None, None, None]
    model = network(
        node("Conv", "x w", "conv"),
        node("Mul", "conv larger", "y"),
        weights={"w": array, "larger": np.array([[[1]], [[5e3]], [[5e4]], [[1]]], np.float32)},
        x=["batch", 8, 12, 12],
        y=["batch", 4, 10, 10],
    )
    found_ranges = value_ranges(model, ["x"], examples(model))["minmax"]
    found = fp16_from_fp32(int8_from_fp32(model, found_ranges, form="tensorrt", kept=()))
    (inputs,) = examples(model, 1)
    result, exact = (outputs(graph, inputs)["y"][0] for graph in (found, model))
    assert np.isfinite(result).all() and not result[3].any()
    size = [float((result[n] * exact[n]).sum() / (exact[n] ** 2).sum()) for n in range(3)]
    assert size == pytest.approx([1, 1, 1], abs=0.02)


def test_value_that_was_always_zero() -> None:
    model = network(
        node("Neg", "x", "negative"),
        node("Relu", "negative", "nothing"),
        node("Conv", "nothing w", "y"),
        weights={"w": np.ones((1, 1, 1, 1), np.float32)},
        x=["batch", 1, 4, 4],
        y=["batch", 1, 4, 4],
    )
    bright: dict[str, Array] = {"x": np.arange(16, dtype=np.float32).reshape(1, 1, 4, 4)}
    for form in FORMS:
        found_ranges = value_ranges(model, values_to_calibrate(model, form=form), [bright])["minmax"]
        found = int8_from_fp32(model, found_ranges, form=form, kept=())
        assert not outputs(found, bright)["y"].any()


def built(model: onnx.ModelProto, capability: int) -> Plan:
    pytest.importorskip("tensorrt_rtx")
    target, profile = Target("rtx", capability), Profile(height=64, width=96, max_batch=4)
    typed = fp16_from_fp32(model).SerializeToString()
    return plan_from_onnx(typed, target, profile, on_progress=lambda share: None)


@pytest.mark.parametrize("precision", ["int8", "float8"])
@NAMES
def test_tensorrt_computes_on_it(name: str, precision: str) -> None:
    model = int8(name, "tensorrt")
    if precision == "float8":
        model = fp8_from_fp32(NETWORKS[name], ranges(name, "tensorrt"), kept=())
    assert built(model, 89).product_precision == {precision: 1.0}


def test_sm75_has_integers_for_matrix_products_alone() -> None:
    """With Q/DQ, its convolutions are FP16 between conversions: slower, and no more exact."""
    random = np.random.default_rng(7)
    model = network(
        node("Conv", "x w", "y", pads=[1, 1, 1, 1]),
        weights={"w": weights(random, 32, 32, 3, 3)},
        x=["batch", 32, 16, 16],
        y=["batch", 32, 16, 16],
    )
    found_ranges = value_ranges(model, ["x"], examples(model))["minmax"]
    found = int8_from_fp32(model, found_ranges, form="tensorrt", kept=())
    assert built(found, 80).product_precision == {"int8": 1.0}
    assert built(found, 75).product_precision == {"float16": 1.0}
    assert built(int8("tokens", "tensorrt"), 75).product_precision == {"int8": 1.0}


def test_for_cpus_the_last_map_is_not_rounded() -> None:
    """What leads to no product any more is FP32: of a matte's steep last map, 256 steps would show."""
    random = np.random.default_rng(5)
    model = network(
        node("Conv", "x w1", "a", pads=[1, 1, 1, 1]),
        node("Relu", "a", "b"),
        node("Conv", "b w2", "logits"),
        node("Sigmoid", "logits", "y"),
        weights={"w1": weights(random, 8, 3, 3, 3), "w2": weights(random, 1, 8, 1, 1)},
        x=["batch", 3, 16, 16],
        y=["batch", 1, 16, 16],
    )
    names = values_to_calibrate(model, form="cpu")
    found = int8_from_fp32(
        model, value_ranges(model, names, examples(model))["minmax"], form="cpu", kept=()
    )
    (sigmoid,) = (node_ for node_ in found.graph.node if node_.op_type == "Sigmoid")
    (last,) = (node_ for node_ in found.graph.node if node_.name == "net/logits")
    assert sigmoid.input[0] == last.output[0]
