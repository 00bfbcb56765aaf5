"""Our networks compute what the official ones compute (tests/parity/README.md)."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.networks.official import double, network, outputs
from tests.parity.goldens import Golden, compare, golden, manifest
from trt_anime.export.networks import NETWORKS, create, nested, rsu
from trt_anime.export.networks.modnet import MODNet

MODELS = ("u2net", "u2netp", "isnet", "modnet")

# (model, golden): the largest float32 rounding error that was measured in the official code on it
NOISE = {
    ("u2net", 1): 3e-4,
    ("u2net", 2): 1.5e-4,
    ("u2net", 3): 1.5e-4,
    ("u2netp", 1): 3e-4,
    ("u2netp", 2): 1e-4,
    ("u2netp", 3): 1e-4,
    ("isnet", 1): 2e-4,
    ("isnet", 2): 5e-5,
    ("isnet", 3): 5e-5,
    ("modnet", 1): 1.3e-4,
    ("modnet", 2): 1.3e-4,
}
DOUBLE_TOLERANCE = 1e-6  # the goldens are rounded to float32


def single_precision_errors(net: nn.Module, expected: Golden) -> dict[str, float]:
    """The largest error of each array that the network's float32 run can be held against."""
    actual = outputs(net, torch.from_numpy(expected.image))
    usable = {key: array for key, array in expected.arrays.items() if not key.startswith("ungated")}
    # a float64 result serves here too: noise was measured against it
    return {key: compare(actual, key.replace("64", ""), array).largest for key, array in usable.items()}


def test_every_network_of_this_module_is_registered() -> None:
    assert set(MODELS) <= set(NETWORKS)


@pytest.mark.parametrize("model", MODELS)
def test_state_has_the_official_names_order_shapes_and_dtypes(model: str) -> None:
    made = create(model)
    actual = [
        (name, tuple(tensor.shape), str(tensor.dtype).removeprefix("torch."))
        for name, tensor in made.state_dict().items()
    ]
    assert actual == [(entry.name, entry.shape, entry.dtype) for entry in manifest(model).entries]
    assert sum(parameter.numel() for parameter in made.parameters()) == manifest(model).parameters


@pytest.mark.parametrize(("model", "number"), NOISE)
def test_float32_outputs_are_within_ten_times_the_noise(model: str, number: int) -> None:
    errors = single_precision_errors(network(model), golden(model, number))
    assert errors
    assert max(errors.values()) <= 10 * NOISE[model, number], errors


@pytest.mark.parametrize("model", ("u2net", "u2netp", "isnet"))
def test_float64_logits_are_the_official_ones(model: str) -> None:
    expected = golden(model, 3)
    actual = outputs(double(model), torch.from_numpy(expected.image).double())
    keys = [key for key in expected.arrays if "64" in key]
    errors = {key: compare(actual, key.replace("64", ""), expected.arrays[key]).largest for key in keys}
    assert len(errors) >= 6
    assert max(errors.values()) <= DOUBLE_TOLERANCE, errors


def test_float64_logits_of_modnet_without_its_gate_are_the_official_ones() -> None:
    net = double("modnet")
    assert isinstance(net, MODNet)
    net.lr_branch.se_block.fc[3] = nn.Identity()  # as in the goldens, see their README
    expected = golden("modnet", 2)
    actual = outputs(net, torch.from_numpy(expected.image).double())
    keys = [key for key in expected.arrays if key.startswith("ungated")]
    errors = {
        key: compare(actual, key.replace("ungated64", "logit"), expected.arrays[key]).largest
        for key in keys
    }
    assert len(errors) == 3
    assert max(errors.values()) <= DOUBLE_TOLERANCE, errors


@pytest.mark.parametrize("model", MODELS)
def test_forward_is_the_sigmoid_of_the_logits(model: str) -> None:
    named = outputs(network(model), torch.from_numpy(golden(model, 2).image))
    logits = {name: array for name, array in named.items() if name.startswith("logit_")}
    assert len(logits) == {"isnet": 6, "modnet": 3}.get(model, 7)
    for name, logit in logits.items():
        stem = name.removeprefix("logit_")
        probability = named[stem if model == "modnet" else f"prob_{stem}"]
        assert np.allclose(probability, 1 / (1 + np.exp(-logit)), rtol=0, atol=1e-6)


def test_modnet_gives_the_same_matte_without_its_training_heads() -> None:
    image = torch.from_numpy(golden("modnet", 2).image)
    with torch.inference_mode():
        semantic, detail, matte = network("modnet")(image)
        full = network("modnet")(image, inference=False)
    assert (semantic, detail) == (None, None)
    assert torch.equal(matte, full[2])


def floor_halve(x: Tensor) -> Tensor:
    return nn.functional.max_pool2d(x, kernel_size=2, stride=2)


def corner_resize(x: Tensor, like: Tensor) -> Tensor:
    return nn.functional.interpolate(x, size=like.shape[-2:], mode="bilinear", align_corners=True)


@pytest.mark.parametrize(
    ("name", "mistake"), [("halve", floor_halve), ("resize_like", corner_resize)], ids=["pool", "resize"]
)
def test_the_goldens_see_a_wrong_pool_or_resize(
    name: str, mistake: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (rsu, nested):
        monkeypatch.setattr(module, name, mistake)
    errors = single_precision_errors(network("u2netp"), golden("u2netp", 3))
    assert min(errors.values()) > 100 * NOISE["u2netp", 3]


def test_the_goldens_see_a_wrong_dilation() -> None:
    net = double("u2netp").float()
    unit = net.get_submodule("stage6.rebnconv4.conv_s1")
    assert isinstance(unit, nn.Conv2d)
    unit.dilation, unit.padding = (4, 4), (4, 4)
    errors = single_precision_errors(net, golden("u2netp", 1))
    assert max(errors.values()) > 10 * NOISE["u2netp", 1]
