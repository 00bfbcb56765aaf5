"""Our MobileSAM computes what its authors' code computes (tests/parity/README.md)."""

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.matte.pieces import drawing
from tests.parity.goldens import FOLDER, compare, golden, manifest
from trt_anime.export import checkpoints
from trt_anime.export.catalogue import get
from trt_anime.export.networks import create
from trt_anime.export.networks.loading import load_checkpoint
from trt_anime.export.networks.mobile_sam.network import MobileSam, MobileSamShape
from trt_anime.export.recipes.mask import Masking

# The largest difference seen between two machines' worth of operator orders was a tenth of this.
TOLERANCE = {"embedding": 5e-5, "logit": 1e-4, "quality": 1e-5}


def with_weights(side: int) -> MobileSam:
    """The published network for a smaller image, with the goldens' weights."""
    network = MobileSam(MobileSamShape(side=side)).eval().requires_grad_(False)
    state = {name: torch.from_numpy(value) for name, value in manifest("mobile_sam").weights().items()}
    network.load_state_dict(state)
    return network


def tokens_of(network: MobileSam, boxes: Tensor) -> Tensor:
    """boxes float32 [B,N,4] in pixels of the network's image -> [B,N,2,C]."""
    prompts = network.prompt_encoder
    places = (boxes.reshape(*boxes.shape[:2], 2, 2) + 0.5) / network.shape.side
    tables = [table for name, table in prompts.state_dict().items() if name.startswith("point_embeddings")]
    kinds = torch.cat(tables[2:])
    result: Tensor = prompts.pe_layer(places) + kinds
    return result


def outputs(network: MobileSam, image: Tensor, boxes: Tensor) -> dict[str, np.ndarray]:
    embedding = network.image_encoder(image)
    logit, quality = network(image, tokens_of(network, boxes))
    return {"embedding": embedding.numpy(), "logit": logit.numpy(), "quality": quality.numpy()}


def errors(actual: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> dict[str, float]:
    assert np.abs(actual["quality"] - expected["quality"]).max() <= TOLERANCE["quality"]
    return {
        key.partition("_")[0]: compare(actual, key, expected[key]).largest
        for key in expected
        if key.startswith(("embedding", "logit"))
    }


def test_state_has_the_official_names_order_shapes_and_dtypes() -> None:
    network = create("mobile_sam")
    actual = [
        (name, tuple(tensor.shape), str(tensor.dtype).removeprefix("torch."))
        for name, tensor in network.state_dict().items()
    ]
    assert actual == [(entry.name, entry.shape, entry.dtype) for entry in manifest("mobile_sam").entries]
    assert sum(p.numel() for p in network.parameters()) == manifest("mobile_sam").parameters


@pytest.mark.parametrize(("number", "side"), [(1, 160), (2, 224)])
def test_outputs_are_the_official_ones(number: int, side: int) -> None:
    """At 160 pixels all windows are padded, at 224 those of 14 cells are whole."""
    expected = golden("mobile_sam", number)
    boxes = torch.from_numpy(expected.arrays["boxes"])
    with torch.no_grad():
        actual = outputs(with_weights(side), torch.from_numpy(expected.image), boxes)
    found = errors(actual, expected.arrays)
    assert all(found[name] <= TOLERANCE[name] for name in ("embedding", "logit")), found


@pytest.mark.network
@pytest.mark.skipif(
    os.environ.get("TRT_ANIME_NETWORK_TESTS") != "1",
    reason="downloads 38 MB; set TRT_ANIME_NETWORK_TESTS=1",
)
def test_the_published_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRT_ANIME_HOME", str(tmp_path))
    network = create("mobile_sam").eval().requires_grad_(False)
    assert isinstance(network, MobileSam)
    load_checkpoint(network, checkpoints.pull(get("mobile-sam")))
    picture = np.ascontiguousarray(drawing(1024, 1024, seed=5).transpose(2, 0, 1))[None]
    with np.load(FOLDER / "mobile_sam" / "golden_real.npz") as file:
        expected = dict(file)
    assert hashlib.sha256(picture.tobytes()).hexdigest() == str(expected["picture_sha256"])
    rule = get("mobile-sam").recipe_as(Masking)
    mean, std = (np.array(x, np.float32).reshape(1, 3, 1, 1) for x in (rule.mean, rule.std))
    image = torch.from_numpy((picture.astype(np.float32) / np.float32(255) - mean) / std)
    with torch.no_grad():
        found = errors(outputs(network, image, torch.from_numpy(expected["boxes"])), expected)
    assert found["embedding"] <= 2e-5 and found["logit"] <= 5e-4, found
