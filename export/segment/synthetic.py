"""Weights that nobody trained, in the published layout: to try everything where the real ones aren't."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import save_file

from trt_anime.export.catalogue import Model
from trt_anime.export.recipes.segment import Segmentation
from trt_anime.export.segment.check import example
from trt_anime.export.segment.checkpoint import weights_of
from trt_anime.export.segment.network import Mask2Former, network_for
from trt_anime.export.segment.reference import SegmentReference
from trt_anime.export.segment.variants import config_for

if TYPE_CHECKING:
    from torch import Tensor, nn

# Standard deviations, from query to query, of what the network ends in, on one picture: as decided as a
# trained one's.
_CLASS_LOGITS, _MASK_LOGITS = 4.0, 6.0
_OFFSETS = 0.5  # of the offsets' weights: untrained, all pixels look at the same neighbours


def synthetic_checkpoint(row: Model, path: Path, *, seed: int) -> None:
    """Write a ``model.safetensors`` for a row of the catalogue; equal seeds give equal files."""
    rule = row.recipe_as(Segmentation)
    torch.manual_seed(seed)
    network = network_for(config_for(rule))
    unsettle(network, rule)
    tensors = {name: tensor.contiguous() for name, tensor in weights_of(network).items()}
    save_file(tensors, path, metadata={"format": "pt"})


def unsettle(network: Mask2Former, rule: Segmentation) -> None:
    """Give a network with initial weights something to say; draws from torch's generator."""
    published: Any = network.published
    for layer in published.model.pixel_level_module.decoder.encoder.layers:
        torch.nn.init.normal_(layer.self_attn.sampling_offsets.weight, std=_OFFSETS)
    embedder: Any = published.model.transformer_module.decoder.mask_predictor.mask_embedder
    masks: nn.Linear = embedder.layers[-1].layers[0]
    classes: nn.Linear = published.class_predictor
    picture = SegmentReference(network, rule).image(torch.from_numpy(example()[:1]))
    # Masks first: where the queries look depends on them.
    for index, linear, wanted in ((1, masks, _MASK_LOGITS), (0, classes, _CLASS_LOGITS)):
        said, found = _heard(network, linear, picture)
        linear.bias.sub_(said.reshape(-1, linear.out_features).mean(0))  # what all queries say alike
        result = found[index]
        factor = wanted / (result - result.mean(1, keepdim=True)).std()
        linear.weight.mul_(factor)
        linear.bias.mul_(factor)


def _heard(
    network: Mask2Former, linear: "nn.Linear", picture: "Tensor"
) -> "tuple[Tensor, tuple[Tensor, Tensor]]":
    """What the layer said last, and what the network gives."""
    said: list[Tensor] = []
    listening = linear.register_forward_hook(lambda module, given, result: said.append(result))
    found = network(picture)
    listening.remove()
    return said[-1], found
