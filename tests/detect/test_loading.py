"""Published weights are loaded strictly; what is wrong with a file is one sentence."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from tests.detect.conftest import Small
from tests.detect.pieces import small_row
from trt_anime.errors import CheckpointError
from trt_anime.export.detect.configurations import configuration
from trt_anime.export.detect.loading import network_from_checkpoint

Tensors = dict[str, Tensor]
PROJECTION = "model.text_projection.weight"
BLOCK = "model.backbone.conv_encoder.model.encoder.layers.0.blocks.0."


def load(path: Path) -> Tensors:
    network = network_from_checkpoint(small_row(), path, configuration("small"))
    assert not network.training
    return dict(network.state_dict())


def test_names_are_those_that_were_published(small: Small) -> None:
    """Which the class of today has renamed; boxes have one head for all layers, which is there once."""
    names = set(load_file(small.checkpoint))
    assert f"{BLOCK}attention.self.query.weight" in names
    assert f"{BLOCK}attention.self.relative_position_bias_table" in names
    assert f"{BLOCK}intermediate.dense.weight" in names
    assert "model.backbone.conv_encoder.model.hidden_states_norms.stage2.weight" in names
    assert "model.encoder.layers.0.fusion_layer.attn.values_text_proj.weight" in names
    assert not any(name.startswith("model.backbone.conv_encoder.model.swin") for name in names)
    assert {name for name in names if "bbox_embed" in name and "encoder_output" not in name} == {
        f"bbox_embed.0.layers.{layer}.{kind}" for layer in range(3) for kind in ("weight", "bias")
    }


def test_every_weight_arrives(small: Small) -> None:
    loaded = load(small.checkpoint)
    for name, value in small.network.state_dict().items():
        if "swin.layernorm" not in name:
            assert torch.equal(loaded[name], value), name


def test_the_tables_of_published_files_may_be_missing(small: Small, tmp_path: Path) -> None:
    """Today's class computes them."""
    tensors = load_file(small.checkpoint)
    assert tensors.pop(f"{BLOCK}attention.self.relative_position_index").shape == (16, 16)
    save_file(tensors, tmp_path / "newer.safetensors")
    assert load(tmp_path / "newer.safetensors")


def without(tensors: Tensors) -> Tensors:
    return {name: value for name, value in tensors.items() if name != PROJECTION}


def misshapen(tensors: Tensors) -> Tensors:
    return tensors | {PROJECTION: torch.zeros(3, 32)}


def surplus(tensors: Tensors) -> Tensors:
    return tensors | {"head.weight": torch.zeros(2)}


def another(tensors: Tensors) -> Tensors:
    return {"vision_model.embeddings.class_embedding": torch.zeros(8)}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (without, rf"'{PROJECTION}' is missing; run"),
        (misshapen, rf"'{PROJECTION}' has the shape \(3, 32\), expected \(64, 32\); run"),
        (surplus, "'head.weight' is unexpected; run"),
        (another, r"'.*' is missing \(and \d+ more\); run"),
    ],
)
def test_other_weights_are_refused(
    small: Small, tmp_path: Path, change: Callable[[Tensors], Tensors], words: str
) -> None:
    path = tmp_path / "mine.safetensors"
    save_file(change(load_file(small.checkpoint)), path)
    start = f"^{path} does not hold the weights of grounding-dino-small: "
    with pytest.raises(CheckpointError, match=start + words):
        load(path)


def test_damaged(tmp_path: Path) -> None:
    path = tmp_path / "mine.safetensors"
    path.write_bytes(b"no such thing")
    with pytest.raises(
        CheckpointError, match=r"is damaged, or no \.safetensors file; run `trt-anime models"
    ):
        load(path)
    with pytest.raises(CheckpointError, match=r"is published as \.safetensors; run"):
        load(tmp_path / "groundingdino_swint_ogc.pth")
