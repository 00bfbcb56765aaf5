"""Our networks with the goldens' weights, and their outputs under the goldens' names."""

import copy
from functools import cache
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tests.parity.goldens import manifest
from trt_anime.export.networks import create
from trt_anime.export.networks.isnet import ISNet
from trt_anime.export.networks.modnet import MODNet
from trt_anime.export.networks.u2net import U2Net

Arrays = dict[str, NDArray[Any]]


@cache
def network(model: str) -> nn.Module:
    """The network in evaluation mode, float32. Shared between tests: change a copy only."""
    made = create(model)
    weights = {name: torch.from_numpy(value) for name, value in manifest(model).weights().items()}
    made.load_state_dict(weights, strict=True)
    return made.eval().requires_grad_(False)


def double(model: str) -> nn.Module:
    return copy.deepcopy(network(model)).double()


def outputs(net: nn.Module, image: Tensor) -> Arrays:
    """Everything that `forward` and `logits` return."""
    with torch.inference_mode():
        if isinstance(net, U2Net):
            named = _numbered("prob_d", net(image), 0) | _numbered("logit_d", net.logits(image), 0)
        elif isinstance(net, ISNet):
            probabilities, features = net(image)
            named = _numbered("prob_d", probabilities, 1) | _numbered("logit_d", net.logits(image), 1)
            named |= _numbered("feature", features, 1)
        else:
            assert isinstance(net, MODNet)
            names = ("semantic", "detail", "matte")
            named = dict(zip(names, net(image, inference=False), strict=True))
            named |= {f"logit_{name}": x for name, x in zip(names, net.logits(image), strict=True)}
    return {name: tensor.numpy() for name, tensor in named.items()}


def _numbered(stem: str, tensors: tuple[Tensor, ...] | list[Tensor], first: int) -> dict[str, Tensor]:
    return {f"{stem}{number}": tensor for number, tensor in enumerate(tensors, start=first)}
