"""Files as they are published, with random weights: for proofs where the real ones aren't at hand."""

import math
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from trt_anime.export.catalogue import Model
from trt_anime.export.mask.check import example
from trt_anime.export.mask.published import network_of, parts_of
from trt_anime.export.mask.reference import MaskReference
from trt_anime.export.recipes.mask import Masking
from trt_anime.export.untrained import decide

# Of what is added to a stream of normalised values rather than multiplied with them.
_ADDED = ("embed", "token", "biases", "rel_pos")
_MULTIPLIED = ("projection", "patch_embed", "_proj.")


def synthetic_checkpoint(row: Model, path: Path, *, seed: int) -> None:
    """Write a file for the catalogue row that exports like the published one.

    MobileSAM's is a `.pt` file with the authors' names, the others are `.safetensors` as on the model hub.
    The same seed gives the same values. Weights are scaled by the number of inputs, so that values stay
    of the order of 1 throughout; what such a network draws means nothing, but on an example it is as sure
    of it as a trained one.
    """
    generator = torch.Generator().manual_seed(seed)
    network: Any = network_of(row.architecture)
    state = {name: _value(name, tensor, generator) for name, tensor in network.state_dict().items()}
    network.load_state_dict(state)
    _decide(network, row)
    state |= {name: tensor for name, tensor in network.state_dict().items() if "mlps" in name}
    if row.architecture == "mobile_sam":
        torch.save(state, path)
    else:
        tied = "prompt_encoder.shared_embedding.positional_embedding"
        state[tied] = state["shared_image_embedding.positional_embedding"].clone()
        save_file(state, path, metadata={"format": "pt"})


def _decide(network: Any, row: Model) -> None:
    """Masks are products of a vector, from one of these layers, with a map."""
    networks = parts_of(network, row)
    reference: MaskReference = MaskReference(networks, row.recipe_as(Masking))
    frame, boxes = example()
    layers = [_last(mlp) for mlp in network.mask_decoder.output_hypernetworks_mlps]
    with torch.no_grad():
        maps = reference.image(torch.from_numpy(frame))
        prompts = reference.prompts(torch.from_numpy(boxes), (frame.shape[1], frame.shape[2]))
        logits = networks.decoder(*maps, prompts)[0]
        for layer in layers:
            layer.bias.data += 1
        more = networks.decoder(*maps, prompts)[0]
        decide(layers, more, slope=float((more - logits).mean()))


def _last(mlp: Any) -> nn.Linear:
    """In the library's classes, and in ours."""
    last: nn.Linear = mlp.proj_out if hasattr(mlp, "proj_out") else mlp.layers[-1]
    return last


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
    if any(word in name for word in _ADDED) and not any(word in name for word in _MULTIPLIED):
        return 0.5 * noise
    return noise / math.sqrt(math.prod(tensor.shape[1:]))
