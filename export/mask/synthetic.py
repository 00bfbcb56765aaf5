"""Files as they are published, with random weights: for proofs where the real ones aren't at hand."""

import math
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from trt_anime.export.catalogue import Model
from trt_anime.export.mask.published import network_of

# Of what is added to a stream of normalised values rather than multiplied with them.
_ADDED = ("embed", "token", "biases", "rel_pos")


def synthetic_checkpoint(row: Model, path: Path, *, seed: int) -> None:
    """Write a file for the catalogue row that exports like the published one.

    MobileSAM's is a `.pt` file with the authors' names, the others are `.safetensors` as on the model hub.
    The same seed gives the same values. Weights are scaled by the number of inputs, so that values stay
    of the order of 1 throughout; what such a network draws means nothing.
    """
    generator = torch.Generator().manual_seed(seed)
    network = network_of(row.architecture)
    state = {name: _value(name, tensor, generator) for name, tensor in network.state_dict().items()}
    if row.architecture == "mobile_sam":
        torch.save(state, path)
    else:
        tied = "prompt_encoder.shared_embedding.positional_embedding"
        state[tied] = state["shared_image_embedding.positional_embedding"].clone()
        save_file(state, path, metadata={"format": "pt"})


def _value(name: str, tensor: Tensor, generator: torch.Generator) -> Tensor:
    if not tensor.is_floating_point():
        return torch.zeros_like(tensor)
    noise = torch.randn(tensor.shape, generator=generator)
    kind = name.rpartition(".")[2]
    if "gaussian" in name or kind == "positional_embedding":
        return noise
    if kind == "running_var":
        return 1 + 0.2 * noise.clamp(-2, 2)
    if tensor.ndim < 2:
        return 1 + 0.1 * noise if kind == "weight" else 0.05 * noise
    if any(word in name for word in _ADDED) and "projection" not in name and "patch_embed" not in name:
        return 0.5 * noise
    return noise / math.sqrt(math.prod(tensor.shape[1:]))
