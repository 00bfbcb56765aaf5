"""Weights files in the published layouts, with random values: proof of structure without the weights."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trt_anime.export.catalogue import Model

if TYPE_CHECKING:
    from torch import Tensor, nn

# So that the heat of a random CLIPSeg goes from cold to hot.
_CONTRAST = 3.0


def synthetic_checkpoint(row: Model, path: Path, *, seed: int) -> None:
    """Write a file for a row of this stage: the published names and shapes, other values. Needs torch."""
    from trt_anime.export.embed.published import CLIP, DINO, new_clip, new_dino

    if row.architecture in CLIP:
        write_clip(new_clip(CLIP[row.architecture]), path, seed=seed)
    else:
        write_dino(new_dino(DINO[row.architecture]), path, seed=seed)


def write_clip(library: "nn.Module", path: Path, *, seed: int) -> None:
    """The layout of openai/clip-vit-*, which has the numbers of the positions in it."""
    save(random_weights(library, seed) | position_ids(library), path)


def write_dino(library: "nn.Module", path: Path, *, seed: int) -> None:
    """The layout of facebook/dinov2-*."""
    from trt_anime.export.embed.published import DINO_NAMES

    def published(name: str) -> str:
        for theirs, ours in DINO_NAMES.items():
            name = name.replace(ours, theirs)
        return name

    save({published(name): tensor for name, tensor in random_weights(library, seed).items()}, path)


def random_weights(library: "nn.Module", seed: int) -> "dict[str, Tensor]":
    """The state of a network with values that keep its activations near 1, whatever its depth."""
    import torch

    noise = torch.Generator().manual_seed(seed)
    return {name: _values(name, old, noise) for name, old in library.state_dict().items()}


def _values(name: str, old: "Tensor", noise: Any) -> "Tensor":
    import torch

    scale, centre = old[0].numel() ** -0.5 if old.dim() > 1 else 0.02, 0
    if "embedding" in name and "patch" not in name:
        scale = 0.5
    if re.search(r"transposed_convolution\.([24]\.)?weight$", name):
        scale = _CONTRAST * old.shape[0] ** -0.5
    if re.search(r"(norm\d?|layrnorm)\.weight$|lambda1$", name):
        centre = 1  # factors, unlike offsets, are near it
    return centre + scale * torch.randn(old.shape, generator=noise)


def position_ids(library: "nn.Module") -> "dict[str, Tensor]":
    """What older files hold as if it had been learned: int64 [1,n], 0 to n - 1."""
    return {
        name: buffer.clone() for name, buffer in library.named_buffers() if name.endswith("position_ids")
    }


def save(weights: "Mapping[str, Tensor]", path: Path) -> None:
    """As .safetensors or, with any other suffix, as torch saves."""
    import torch
    from safetensors.torch import save_file

    whole = {name: tensor.contiguous() for name, tensor in weights.items()}
    if path.suffix == ".safetensors":
        save_file(whole, path)
    else:
        torch.save(whole, path)
