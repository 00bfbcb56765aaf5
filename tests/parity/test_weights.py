"""The rule for parity weights, held against values of the implementation that made the goldens."""

import numpy as np
import pytest

from tests.parity.goldens import manifest
from tests.parity.weights import uniform, weight

# first, second and last value of one tensor of every kind
VALUES = {
    "backbone.model.features.0.0.weight": (0.504518688, 0.464967668, -0.281912893),  # zero-sum rows
    "backbone.model.features.1.conv.0.weight": (0.352974415, 0.109018959, 0.489345491),  # fan-in below 16
    "backbone.model.features.0.1.weight": (0.924322665, 0.913920224, 0.995603859),
    "backbone.model.features.0.1.bias": (0.0326428637, 0.0398252718, -0.0371655077),
    "backbone.model.features.0.1.running_mean": (0.0237816311, -0.0418114029, -0.117753655),
    "backbone.model.features.0.1.running_var": (0.676163375, 1.26374924, 1.45916677),
    "lr_branch.backbone.model.features.0.0.weight": (0.504518688, 0.464967668, -0.281912893),  # an alias
}


@pytest.mark.parametrize("name", VALUES)
def test_weights_are_those_of_the_goldens(name: str) -> None:
    entry = next(entry for entry in manifest("modnet").entries if entry.name == name)
    value = weight(entry)
    assert value.dtype == np.float32
    assert value.shape == entry.shape
    assert value.ravel()[[0, 1, -1]].tolist() == pytest.approx(VALUES[name], rel=1e-7)


def test_counters_are_zero() -> None:
    entry = next(entry for entry in manifest("modnet").entries if entry.dtype == "int64")
    value = weight(entry)
    assert value.dtype == np.int64
    assert value.tolist() == 0


def test_uniform_numbers_depend_on_the_name_only() -> None:
    assert uniform("a", (3,)) == pytest.approx([0.18074031, 0.50195506, 0.59824951], abs=1e-8)
    assert uniform("a", (3, 2)).ravel()[:3].tolist() == uniform("a", (3,)).tolist()
