"""Our AOT and DeAOT against the official networks: same state, same numbers (tests/parity)."""

import copy
import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.networks.aot.sequence import errors, named_values
from tests.networks.aot.weights import network
from tests.parity.clips import clip
from tests.parity.goldens import FOLDER, manifest
from trt_anime.export.networks import NETWORKS, create
from trt_anime.export.networks.aot import attention
from trt_anime.export.networks.aot.attention import spread
from trt_anime.export.networks.aot.maps import sine_position
from trt_anime.export.networks.aot.network import ObjectTracker
from trt_anime.export.networks.aot.variants import VARIANTS

# model -> the largest float32 rounding error that was measured in the official code
NOISE = {"aot_t": 2e-5, "deaot_t": 2e-5, "r50_aot_l": 4e-5, "r50_deaot_l": 7e-5}
GOLDENS = [(model, "golden_02") for model in NOISE] + [("aot_t", "golden_01"), ("deaot_t", "golden_01")]
DOUBLE_TOLERANCE = 1e-6  # the goldens are rounded to float32

# official name -> ours
FAMILY = {"aots": "aot_s", "aotl": "aot_l", "deaots": "deaot_s", "deaotl": "deaot_l"}
SWIN_TAPS = (128, 256, 512, 512)


def state_of(net: nn.Module) -> list[tuple[str, tuple[int, ...]]]:
    return [(name, tuple(tensor.shape)) for name, tensor in net.state_dict().items()]


def family_manifest(official: str) -> dict[str, Any]:
    packed = (FOLDER / "aot_family" / f"{official}.json.gz").read_bytes()
    content: dict[str, Any] = json.loads(gzip.decompress(packed))
    return content


def test_every_variant_is_registered() -> None:
    assert VARIANTS.keys() <= NETWORKS.keys()


@pytest.mark.parametrize("model", NOISE)
def test_state_has_the_official_names_order_and_shapes(model: str) -> None:
    made, official = create(model), manifest(model)
    assert state_of(made) == [(entry.name, entry.shape) for entry in official.entries]
    assert sum(parameter.numel() for parameter in made.parameters()) == official.parameters


@pytest.mark.parametrize("official", FAMILY)
def test_state_of_the_other_sizes(official: str) -> None:
    made, content = create(FAMILY[official]), family_manifest(official)
    assert state_of(made) == [(row["name"], tuple(row["shape"])) for row in content["tensors"]]
    assert sum(parameter.numel() for parameter in made.parameters()) == content["num_parameters"]


@pytest.mark.parametrize(("official", "gated"), [("swinb_aotl", False), ("swinb_deaotl", True)])
def test_state_around_another_encoder(official: str, gated: bool) -> None:
    """Swin's own layers are not ours to make; all others are those of the published network."""
    made = ObjectTracker(nn.Identity(), SWIN_TAPS, depth=3, gated=gated, align_corners=False)
    rows = [row for row in family_manifest(official)["tensors"] if not row["name"].startswith("encoder.")]
    assert state_of(made) == [(row["name"], tuple(row["shape"])) for row in rows]


@pytest.mark.parametrize(("model", "name"), GOLDENS)
def test_float32_values_are_within_ten_times_the_noise(model: str, name: str) -> None:
    golden = clip(model, name)
    found = errors(named_values(network(model), golden), golden)
    assert len(found) >= 15
    assert max(found.values()) <= 10 * NOISE[model], found


@pytest.mark.parametrize(("model", "name"), GOLDENS)
def test_float64_logits_are_the_official_ones(model: str, name: str) -> None:
    golden = clip(model, name)
    found = errors(named_values(copy.deepcopy(network(model)).double(), golden), golden, double=True)
    assert list(found) == ["f2_logits_4x_64"]
    assert max(found.values()) <= DOUBLE_TOLERANCE, found


def no_places(relative: Tensor, size: tuple[int, int]) -> Tensor:
    """The window, without its learned embedding of keys."""
    return spread(torch.zeros_like(relative), size)


def everywhere(relative: Tensor, size: tuple[int, int]) -> Tensor:
    return relative.new_zeros(relative.shape[0], relative.shape[-1], relative.shape[-1])


@pytest.mark.parametrize("mistake", [no_places, everywhere])
@pytest.mark.parametrize("model", ["aot_t", "deaot_t"])
def test_the_goldens_see_a_wrong_window(
    model: str, mistake: Callable[..., Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attention, "spread", mistake)
    golden = clip(model, "golden_01")  # wider than the window reaches
    found = errors(named_values(network(model), golden), golden)
    assert found["f2_logits_4x_64"] > 1000 * NOISE[model]


def test_the_goldens_see_a_wrong_position(monkeypatch: pytest.MonkeyPatch) -> None:
    half = "trt_anime.export.networks.aot.network.sine_position"
    monkeypatch.setattr(half, lambda *arguments: 0.5 * sine_position(*arguments))
    golden = clip("aot_t", "golden_02")
    found = errors(named_values(network("aot_t"), golden), golden)
    assert found["f2_logits_4x_64"] > 100 * NOISE["aot_t"]


@pytest.mark.parametrize("model", ["aot_t", "deaot_t"])
def test_without_any_valid_memory_nothing_is_nan(model: str) -> None:
    net = network(model)
    with torch.inference_mode():
        long = torch.zeros(2, 1, 6, net.memory_channels)
        found = net.propagate(torch.rand(1, 256, 2, 3), long, torch.zeros(2), long[0])
    assert found.decoder_input.isfinite().all()
    assert found.pending.isfinite().all()
