"""Rounding that can be switched on layer by layer, against the same done by hand."""

from collections.abc import Callable

import ml_dtypes
import numpy as np
import onnx
import onnxruntime as ort
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from tests.calibration.small import (
    Array,
    examples,
    network,
    node,
    outputs,
    pictures,
    tokens,
    values,
    weights,
)
from trt_anime.calibration.fp16 import fp16_from_fp32
from trt_anime.calibration.qdq import int8_from_fp32, values_to_calibrate
from trt_anime.calibration.ranges import Ranges, value_ranges
from trt_anime.calibration.switches import Float8, Half, Int8, Rounding, Switchboard, layers_of

RANGES: Ranges = {"x": (-2.5, 3.0), "relu": (0.0, 4.0)}
RANDOM = np.random.default_rng(0)
FIRST, SECOND, BIAS = weights(RANDOM, 8, 3, 3, 3), weights(RANDOM, 4, 8, 3, 3), weights(RANDOM, 8)

Round = Callable[[Array], Array]


def two_convolutions() -> onnx.ModelProto:
    return network(
        node("Conv", "x first bias", "conv", pads=[1, 1, 1, 1]),
        node("Relu", "conv", "relu"),
        node("Conv", "relu second", "y", pads=[1, 1, 1, 1]),
        weights={"first": FIRST, "bias": BIAS, "second": SECOND},
        x=["batch", 3, 16, 16],
        y=["batch", 4, 16, 16],
    )


def convolved(x: Array, kernel: Array) -> Array:
    """3 x 3, zeros around, summed in float64."""
    windows = sliding_window_view(np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1))), (3, 3), axis=(2, 3))
    return np.asarray(np.einsum("bihwyx,oiyx->bohw", windows.astype(np.float64), kernel), np.float32)


def half(array: Array) -> Array:
    return array.astype(np.float16).astype(np.float32)


HALVES = np.arange(0x7C00, dtype=np.uint16).view(np.float16).astype(np.float32)  # all from 0 up


def in_half(scale: Array | float) -> Array:
    """The smallest number of FP16 that isn't below: what an engine is given."""
    return HALVES[np.searchsorted(HALVES, np.asarray(scale, np.float32))]


def through_steps(array: Array, scale: Array | float, zero: int, low: int, high: int) -> Array:
    exact = np.asarray(scale, np.float32)
    steps = np.clip(np.round(array / exact) + zero, low, high) - zero
    return np.asarray(steps * exact, np.float32)


def channel_scale(array: Array, largest: int) -> Array:
    """One for each output channel, which comes first in a convolution."""
    return np.asarray(np.abs(array).max((1, 2, 3), keepdims=True) / np.float32(largest))


def float8(array: Array, scale: Array | float) -> Array:
    stored = np.clip(array / scale, -448, 448).astype(ml_dtypes.float8_e4m3fn)
    return np.asarray(stored.astype(np.float32) * scale, np.float32)


# Precision -> its rounding, and by hand: of x, of what is behind the Relu, of weights.
BY_HAND: dict[str, tuple[Rounding, Round, Round, Round]] = {
    "int8 for TensorRT": (
        Int8(RANGES, symmetric=True),
        lambda x: through_steps(x, in_half(3.0 / 127), 0, -128, 127),
        lambda x: through_steps(x, in_half(4.0 / 127), 0, -128, 127),
        lambda w: through_steps(w, in_half(channel_scale(w, 127)), 0, -127, 127),
    ),
    "int8 for CPUs": (
        Int8(RANGES, symmetric=False),
        lambda x: through_steps(x, 5.5 / 255, 116, 0, 255),
        lambda x: through_steps(x, 4.0 / 255, 0, 0, 255),
        lambda w: through_steps(w, channel_scale(w, 127), 0, -127, 127),
    ),
    "fp8": (
        Float8(RANGES),
        lambda x: float8(x, in_half(3.0 / 448)),
        lambda x: float8(x, in_half(4.0 / 448)),
        lambda w: float8(w, in_half(channel_scale(w, 448))),
    ),
}


@pytest.mark.parametrize(
    "rounding", [Half(), *(row[0] for row in BY_HAND.values())], ids=["fp16", *BY_HAND]
)
def test_nothing_switched_is_fp32(rounding: Rounding) -> None:
    model = two_convolutions()
    (inputs,) = examples(model, 1)
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    plain = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    expected = np.asarray(plain.run(["y"], inputs)[0])
    board = Switchboard(model, rounding)
    assert np.array_equal(board.run(inputs, ())["y"], expected)
    np.testing.assert_allclose(board.run(inputs, ())["y"], outputs(model, inputs)["y"], atol=1e-5)


@pytest.mark.parametrize("layers", [("net/conv",), ("net/y",), ("net/conv", "net/y")])
@pytest.mark.parametrize("precision", BY_HAND)
def test_each_layer_is_rounded_as_by_hand(precision: str, layers: tuple[str, ...]) -> None:
    rounding, of_x, of_relu, of_weights = BY_HAND[precision]
    (inputs,) = examples(two_convolutions(), 1)
    x, first, second = inputs["x"], FIRST, SECOND
    if "net/conv" in layers:
        x, first = of_x(x), of_weights(first)
    relu = np.maximum(convolved(x, first) + BIAS[:, None, None], 0)
    if "net/y" in layers:
        relu, second = of_relu(relu), of_weights(second)
    expected = convolved(relu, second)
    board = Switchboard(two_convolutions(), rounding)
    assert board.layers == ("net/conv", "net/y")
    found = board.run(inputs, layers)["y"]
    # Sums differ in their last digits, so that a value at the border of two steps goes the other way.
    assert np.mean(np.abs(found - expected) > 1e-5) < 0.01
    assert np.abs(found - expected).max() < 0.05
    assert np.mean(np.abs(found - outputs(two_convolutions(), inputs)["y"]) > 1e-3) > 0.5


def test_fp16_is_rounded_as_by_hand() -> None:
    (inputs,) = examples(two_convolutions(), 1)
    relu = np.maximum(half(convolved(half(inputs["x"]), half(FIRST)) + half(BIAS)[:, None, None]), 0)
    expected = half(convolved(relu, half(SECOND)))
    board = Switchboard(two_convolutions(), Half())
    assert board.layers == ("net/conv", "net/y")
    found = board.run(inputs, board.layers)["y"]
    assert np.mean(found == expected) > 0.98
    np.testing.assert_allclose(found, expected, atol=2**-9)
    assert np.array_equal(half(found), found)
    first_alone = board.run(inputs, ["net/conv"])["y"]
    np.testing.assert_allclose(first_alone, convolved(relu, SECOND), atol=1e-3)
    assert not np.array_equal(half(first_alone), first_alone)


def test_all_in_fp16_is_the_typed_graph() -> None:
    for model in (pictures(), tokens()):
        (inputs,) = examples(model, 1)
        board = Switchboard(model, Half())
        typed = outputs(fp16_from_fp32(model), inputs)["y"]
        np.testing.assert_allclose(board.run(inputs, board.layers)["y"], typed, atol=2**-9)
        assert np.abs(typed - outputs(model, inputs)["y"]).max() > 2**-12


@pytest.mark.parametrize(
    "model", [two_convolutions(), pictures(), tokens()], ids=["two", "pictures", "tokens"]
)
def test_all_in_int8_is_the_typed_graph(model: onnx.ModelProto) -> None:
    inputs = examples(model)
    ranges = value_ranges(model, values_to_calibrate(model, form="tensorrt"), inputs)["minmax"]
    board = Switchboard(model, Int8(ranges, symmetric=True))
    typed = outputs(int8_from_fp32(model, ranges, form="tensorrt", kept=()), inputs[0])["y"]
    simulated, exact = board.run(inputs[0], board.layers)["y"], board.run(inputs[0], ())["y"]
    # Sums differ in their last digits, which now and then is a step.
    assert np.abs(simulated - typed).mean() < 0.05 * np.abs(simulated - exact).mean()


def test_a_resizes_factors_are_no_values() -> None:
    """Seven tenths more: FP16 has no such number."""
    model = network(
        node("Resize", "x - factors", "y", mode="linear"),
        weights={"factors": np.array([1, 1, 1.7, 1.7], np.float32)},
        x=["batch", 3, 16, 16],
        y=["batch", 3, 27, 27],
    )
    (inputs,) = examples(model, 1)
    board = Switchboard(model, Half())
    assert board.layers == ("net/y",)
    expected = half(outputs(model, {"x": half(inputs["x"])})["y"])
    assert np.array_equal(board.run(inputs, board.layers)["y"], expected)


def test_what_only_moves_values_is_no_layer() -> None:
    names = [found.name for found in layers_of(pictures(), products_only=False)]
    kept = ("stem", "deep", "residual", "thin", "larger", "join", "up", "y")
    assert names == [f"net/{name}" for name in kept]
    products = [found.name for found in layers_of(pictures(), products_only=True)]
    assert products == [f"net/{name}" for name in ("stem", "deep", "thin", "join")]


def test_products_of_two_values_are_no_layer_of_integers() -> None:
    model = network(
        node("Transpose", "x", "turned", perm=[0, 2, 1]),
        node("MatMul", "x turned", "y"),
        weights={},
        x=["batch", 6, 16],
        y=["batch", 6, 6],
    )
    assert layers_of(model, products_only=True) == []
    assert [found.name for found in layers_of(model, products_only=False)] == ["net/y"]
    board = Switchboard(model, Int8({}, symmetric=True))
    (inputs,) = examples(model, 1)
    assert np.array_equal(board.run(inputs, ())["y"], outputs(model, inputs)["y"])


@pytest.mark.parametrize(("kind", "transposed"), [("Gemm", False), ("Gemm", True), ("MatMul", False)])
def test_weights_are_scaled_by_output_channel(kind: str, transposed: bool) -> None:
    """Each has another size, by powers of ten: with one scale for all, the small ones are lost."""
    sizes = np.logspace(-4, 0, 5, dtype=np.float32)
    array = weights(np.random.default_rng(4), 8, 5) * sizes
    model = network(
        node(kind, "x w", "y", **{"transB": 1} if transposed else {}),
        weights={"w": array.T.copy() if transposed else array},
        x=["batch", 8],
        y=["batch", 5],
    )
    inputs = examples(model, 6)
    board = Switchboard(model, Int8({"x": (-4.0, 4.0)}, symmetric=True))
    exact, rounded = (np.concatenate([board.run(x, on)["y"] for x in inputs]) for on in ((), board.layers))
    errors = np.abs(rounded - exact).mean(0) / np.abs(exact).mean(0)
    assert errors.shape == (5,)
    assert errors.max() < 0.05


def test_shared_value_is_rounded_for_one_reader_alone() -> None:
    model = network(
        node("Conv", "x w", "conv"),
        node("Sub", "conv x", "y"),
        weights={"w": np.ones((1, 1, 1, 1), np.float32)},
        x=["batch", 1, 8, 8],
        y=["batch", 1, 8, 8],
    )
    (inputs,) = examples(model, 1)
    board = Switchboard(model, Half())
    alone = board.run(inputs, ["net/conv"])["y"]
    assert np.array_equal(alone, half(inputs["x"]) - inputs["x"])
    assert np.array_equal(board.run(inputs, board.layers)["y"], np.zeros_like(alone))
    assert values(model, inputs, "conv")["conv"].any()
