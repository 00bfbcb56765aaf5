"""Published files in, strictly; other files are told apart by what is in them."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.embed.pieces import SMALL_CLIP, SMALL_DINO
from trt_anime.errors import CheckpointError, MissingError
from trt_anime.export.embed.published import (
    CLIP,
    DINO,
    clip_from_checkpoint,
    dino_from_checkpoint,
    new_clip,
    new_dino,
)
from trt_anime.export.embed.synthetic import random_weights, write_clip, write_dino
from trt_anime.export.networks import library

# Parameters, from the model cards or counted in the published files.
COUNTS = {
    "clip-b32": 151_277_313,
    "clip-l14": 427_616_513,
    "dinov2-s": 22_056_576,
    "dinov2-b": 86_580_480,
    "dinov2-l": 304_368_640,
}


@pytest.mark.parametrize("name", COUNTS)
def test_the_published_sizes(name: str) -> None:
    with torch.device("meta"):
        network = new_clip(CLIP[name]) if name in CLIP else new_dino(DINO[name])
    assert sum(values.numel() for values in network.parameters()) == COUNTS[name]


def test_published_clip_layout(tmp_path: Path) -> None:
    """It holds the numbers of the positions, which the library doesn't count as weights any more."""
    write_clip(new_clip(SMALL_CLIP), tmp_path / "clip.pth", seed=2)
    content = torch.load(tmp_path / "clip.pth", weights_only=True)
    assert content["text_model.embeddings.position_ids"].tolist() == [list(range(77))]
    assert "vision_model.embeddings.position_ids" in content
    network = clip_from_checkpoint(SMALL_CLIP, tmp_path / "clip.pth")
    assert not network.training and network.config._attn_implementation == "eager"
    for name, values in random_weights(network, 2).items():
        assert torch.equal(network.state_dict()[name], values)


def test_published_dino_layout(tmp_path: Path) -> None:
    write_dino(new_dino(SMALL_DINO), tmp_path / "dino.safetensors", seed=2)
    names = load_file(tmp_path / "dino.safetensors").keys()
    assert {
        "embeddings.cls_token",
        "embeddings.mask_token",
        "embeddings.position_embeddings",
        "embeddings.patch_embeddings.projection.weight",
        "encoder.layer.1.attention.attention.query.weight",
        "encoder.layer.1.attention.attention.key.bias",
        "encoder.layer.1.attention.attention.value.weight",
        "encoder.layer.1.attention.output.dense.bias",
        "encoder.layer.1.layer_scale2.lambda1",
        "encoder.layer.1.mlp.fc1.weight",
        "encoder.layer.1.norm2.weight",
        "layernorm.bias",
    } <= names
    network = dino_from_checkpoint(SMALL_DINO, tmp_path / "dino.safetensors")
    for name, values in random_weights(network, 2).items():
        assert torch.equal(network.state_dict()[name], values)


def test_another_networks_file(tmp_path: Path) -> None:
    write_dino(new_dino(SMALL_DINO), tmp_path / "dino.safetensors", seed=2)
    with pytest.raises(CheckpointError, match=r"dino.safetensors does not hold the weights of CLIPModel"):
        clip_from_checkpoint(SMALL_CLIP, tmp_path / "dino.safetensors")
    write_clip(new_clip(SMALL_CLIP), tmp_path / "clip.pth", seed=2)
    with pytest.raises(CheckpointError, match=r"weights of Dinov2Model: '.*' .* is missing; choose"):
        dino_from_checkpoint(SMALL_DINO, tmp_path / "clip.pth")
    larger = {**SMALL_CLIP, "projection_dim": 32}
    with pytest.raises(CheckpointError, match=r"'visual_projection.weight' has the shape \(24, 48\), ex"):
        clip_from_checkpoint(larger, tmp_path / "clip.pth")


def test_a_tensor_too_many_or_too_few(tmp_path: Path) -> None:
    path = tmp_path / "dino.safetensors"
    write_dino(new_dino(SMALL_DINO), path, seed=2)
    weights = load_file(path)
    save_file({**weights, "classifier.weight": torch.zeros(3)}, path)
    with pytest.raises(CheckpointError, match=r"'classifier.weight' \(3\) is unexpected"):
        dino_from_checkpoint(SMALL_DINO, path)
    weights.pop("layernorm.weight")
    save_file(weights, path)
    with pytest.raises(CheckpointError, match=r"'layernorm.weight' \(48\) is missing"):
        dino_from_checkpoint(SMALL_DINO, path)


def test_a_library_that_this_was_not_written_for(monkeypatch: pytest.MonkeyPatch) -> None:
    for found in ("4.57.1", "5.19.0", "6.0.0"):
        monkeypatch.setattr(library, "version", lambda name, found=found: found)
        with pytest.raises(
            MissingError, match=rf"transformers {found} is installed, .* in 5.20 or later, below 6.0:"
        ):
            new_clip(SMALL_CLIP)
