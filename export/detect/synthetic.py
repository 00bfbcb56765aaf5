"""A checkpoint without training: the published layout, pseudo-random weights."""

import tempfile
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from transformers import GroundingDinoForObjectDetection

from trt_anime.export.catalogue import Model
from trt_anime.export.detect.configurations import configuration
from trt_anime.export.detect.loading import quiet_transformers

_BACKBONE = "model.backbone.conv_encoder.model."
# What the class of today has, and the published files of its time have not: nothing reads it.
_YOUNGER = f"{_BACKBONE}swin.layernorm."


def synthetic_checkpoint(row: Model, path: Path, *, seed: int) -> None:
    """Write `path`, a .safetensors file with the names and shapes of the published one.

    Weights are those that the authors begin their training with, but for those that begin at 0, of which
    nothing could be seen: boxes would be where they are guessed first.
    """
    torch.manual_seed(seed)
    network = GroundingDinoForObjectDetection(configuration(row.architecture))
    with torch.no_grad():
        for weight in network.parameters():
            if weight.dim() > 1 and not weight.any():
                weight.normal_(std=0.02)
        for layer in network.model.encoder.layers:
            layer.fusion_layer.vision_param.fill_(0.1)  # else the picture hardly hears of the text
            layer.fusion_layer.text_param.fill_(0.1)
    published(network, path)


def published(network: GroundingDinoForObjectDetection, path: Path) -> None:
    """Write the network's weights to `path`, a .safetensors file, under the published names."""
    with tempfile.TemporaryDirectory(dir=path.parent) as folder, quiet_transformers():
        network.save_pretrained(folder)
        tensors = load_file(Path(folder) / "model.safetensors")
    kept = {name: tensor for name, tensor in tensors.items() if not name.startswith(_YOUNGER)}
    save_file(kept | _tables(network), path, metadata={"format": "pt"})


def _tables(network: Any) -> dict[str, torch.Tensor]:
    """Which the class of that time had in its files, and that of today computes: int64 [w²,w²] a block."""
    tables = {}
    for stage, layer in enumerate(network.model.backbone.conv_encoder.model.swin.encoder.layers):
        for number, block in enumerate(layer.blocks):
            index = block.attention.relative_position_bias.relative_position_index
            name = (
                f"{_BACKBONE}encoder.layers.{stage}.blocks.{number}.attention.self.relative_position_index"
            )
            tables[name] = index.view(block.window_size**2, -1).clone()
    return tables
