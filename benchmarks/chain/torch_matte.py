"""The matte's network in PyTorch, whichever file its weights were published in."""

from pathlib import Path

import onnx
import torch
from torch import nn

from trt_anime.errors import CheckpointError
from trt_anime.export.catalogue import Model
from trt_anime.export.matte.pytorch import MatteNetwork, network_from_checkpoint
from trt_anime.export.networks import create


def matte_network(model: Model, file: Path) -> MatteNetwork:
    """The matte's network in PyTorch, also with the weights of the published ONNX file.

    That one has its batch norms folded into the convolutions, which stand in it in the order in which they
    run. Raises CheckpointError.
    """
    if file.suffix != ".onnx":
        return network_from_checkpoint(model, file)
    network = create(model.architecture).eval()
    convolutions = convolutions_in_order(network)
    graph = onnx.load(file).graph
    weights = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    nodes = [node for node in graph.node if node.op_type == "Conv"]
    if len(nodes) != len(convolutions):
        raise CheckpointError(
            f"{file}: has {len(nodes)} convolutions, but {model.name} has {len(convolutions)};"
            f" run `trt-anime models pull {model.name}`"
        )
    for module, node in zip(convolutions, nodes, strict=True):
        for target, name in zip((module.weight, module.bias), node.input[1:], strict=True):
            assert target is not None
            target.data.copy_(torch.from_numpy(weights[name].copy()))
    for norm in network.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.eps = 0.0  # new ones have mean 0, variance 1, scale 1: nothing is left to do
    return MatteNetwork(network, model.architecture).eval()


def convolutions_in_order(network: nn.Module) -> list[nn.Conv2d]:
    """Its convolutions as they run."""
    found: list[nn.Conv2d] = []

    def note(module: nn.Module, *_: object) -> None:
        assert isinstance(module, nn.Conv2d)
        found.append(module)

    hooks = [
        module.register_forward_hook(note) for module in network.modules() if isinstance(module, nn.Conv2d)
    ]
    with torch.inference_mode():
        network(torch.zeros(1, 3, 64, 64))
    for hook in hooks:
        hook.remove()
    return found
