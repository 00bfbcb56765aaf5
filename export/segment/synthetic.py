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
_OFFSETS = 0.1  # of the offsets' weights: untrained, all pixels look at the same neighbours
_ADDED = 0.1  # of what a decoder's layer adds to a query: untrained, they make all queries alike
_NAMED = 0.1  # of the queries, those that name an object; most of a trained network's name none


def synthetic_checkpoint(row: Model, path: Path, *, seed: int) -> None:
    """Write a ``model.safetensors`` for a row of the catalogue; equal seeds give equal files."""
    rule = row.recipe_as(Segmentation)
    torch.manual_seed(seed)
    network = network_for(config_for(rule))
    unsettle(network, rule)
    tensors = {name: tensor.contiguous() for name, tensor in weights_of(network).items()}
    save_file(tensors, path, metadata={"format": "pt"})


def unsettle(network: Mask2Former, rule: Segmentation) -> None:
    """Give a network with initial weights something to say; draws from torch's generator.

    Its masks are as often in a picture as out of it, each has its own shape, and few of them have a name.
    """
    published: Any = network.published
    pixels: Any = published.model.pixel_level_module.decoder
    for layer in pixels.encoder.layers:
        torch.nn.init.normal_(layer.self_attn.sampling_offsets.weight, std=_OFFSETS)
    queries: Any = published.model.transformer_module.decoder
    for layer in queries.layers:
        for linear in (layer.self_attn.out_proj, layer.cross_attn.out_proj, layer.fc2):
            linear.weight.mul_(_ADDED)
    masks: nn.Linear = queries.mask_predictor.mask_embedder.layers[-1].layers[0]
    classes: nn.Linear = published.class_predictor
    picture = SegmentReference(network, rule).image(torch.from_numpy(example()[:1]))
    # In the network's order: what a layer is given depends on those before it.
    embedded = _centred(network, pixels.mask_projection, picture)
    asked = _centred(network, masks, picture)
    _scale(masks, _MASK_LOGITS / float((asked.T @ embedded).std()))
    named = _centred(network, classes, picture)
    factor = _CLASS_LOGITS / float(named.std())
    _scale(classes, factor)
    lead = factor * (named[:-1].amax(0) - named[-1])  # of a query's best name over none
    classes.bias[-1] += lead.quantile(1 - _NAMED)


def _centred(network: Mask2Former, layer: "nn.Conv2d | nn.Linear", picture: "Tensor") -> "Tensor":
    """Take out of a layer what it says of all pixels, or all queries, alike; what is left, [C,N]."""
    said: list[Tensor] = []
    listening = layer.register_forward_hook(lambda module, given, result: said.append(result))
    network(picture)
    listening.remove()
    values = said[-1].movedim(1 if said[-1].ndim == 4 else -1, 0).flatten(1)
    mean = values.mean(1)
    assert layer.bias is not None
    layer.bias.sub_(mean)
    return values - mean[:, None]


def _scale(linear: "nn.Linear", factor: float) -> None:
    linear.weight.mul_(factor)
    linear.bias.mul_(factor)
