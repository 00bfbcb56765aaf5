"""Bad layers are found with few runs."""

from collections.abc import Sequence
from math import inf, isnan, log2, nan

import numpy as np
import pytest

from tests.calibration.small import Array, examples, network, node, weights
from trt_anime.calibration.sensitivity import LayerError, worst_layers
from trt_anime.calibration.switches import Half, Switchboard

LAYERS = tuple(f"layer {number}" for number in range(200))


class Measured:
    """Errors that add up; counts how often it was asked, and for what."""

    def __init__(self, errors: dict[str, float]) -> None:
        self.errors = errors
        self.asked: list[tuple[str, ...]] = []

    def __call__(self, layers: Sequence[str]) -> float:
        self.asked.append(tuple(layers))
        return sum(self.errors.get(layer, 1e-9) for layer in layers)


def test_planted_layers_are_found_among_two_hundred() -> None:
    measured = Measured({"layer 3": 0.2, "layer 120": 0.5, "layer 121": 0.01})
    assert worst_layers(measured, LAYERS, negligible=1e-3) == [
        LayerError("layer 120", 0.5),
        LayerError("layer 3", 0.2),
        LayerError("layer 121", 0.01),
    ]
    assert len(measured.asked) <= 1 + 3 * 2 * log2(len(LAYERS))
    assert {("layer 3",), ("layer 120",), ("layer 121",)} <= set(measured.asked)


@pytest.mark.parametrize("bad", [nan, inf])
def test_what_is_not_finite_is_the_worst(bad: float) -> None:
    measured = Measured({"layer 7": 0.5, "layer 90": bad, "layer 91": 0.1, "layer 190": 0.9})
    found = worst_layers(measured, LAYERS, negligible=1e-3)
    assert [layer.layer for layer in found] == ["layer 90", "layer 190", "layer 7", "layer 91"]
    assert isnan(found[0].error) == isnan(bad)


def test_one_run_says_that_all_is_well() -> None:
    measured = Measured({})
    assert worst_layers(measured, LAYERS, negligible=1e-3) == []
    assert measured.asked == [LAYERS]


def test_no_layers_take_no_run() -> None:
    measured = Measured({})
    assert worst_layers(measured, (), negligible=1e-3) == []
    assert measured.asked == []


def test_all_bad_are_all_measured_alone() -> None:
    few = LAYERS[:7]
    found = worst_layers(Measured({layer: 1.0 for layer in few}), few, negligible=1e-3)
    assert sorted(layer.layer for layer in found) == sorted(few)
    assert {layer.error for layer in found} == {1.0}


def test_huge_weights_in_a_real_network() -> None:
    """The fourth convolution makes values beyond FP16's 65504; the fifth reads them."""
    random = np.random.default_rng(3)
    tensors: dict[str, Array] = {f"w{number}": weights(random, 8, 8, 3, 3) for number in range(8)}
    tensors["w3"] *= 1e6
    tensors["w4"] *= 1e-6
    model = network(
        *(
            node("Conv", f"{f'c{n - 1}' if n else 'x'} w{n}", f"c{n}" if n < 7 else "y", pads=[1, 1, 1, 1])
            for n in range(8)
        ),
        weights=tensors,
        x=["batch", 8, 12, 12],
        y=["batch", 8, 12, 12],
    )
    board = Switchboard(model, Half(), threads=1)
    (inputs,) = examples(model, 1)
    exact = board.run(inputs, ())["y"]
    runs = []

    def error_of(layers: Sequence[str]) -> float:
        runs.append(layers)
        return float(np.abs(board.run(inputs, layers)["y"] - exact).sum() / np.abs(exact).sum())

    found = worst_layers(error_of, board.layers, negligible=0.01)
    assert {layer.layer for layer in found} == {"net/c3", "net/c4"}
    assert not any(layer.error < 1 for layer in found)
    assert len(runs) <= 1 + 2 * 2 * log2(8)
