"""The door through PyTorch: a checkpoint becomes an ONNX network, and a reference to check it against."""

from pathlib import Path

import onnx
import torch
from torch import Tensor, nn

from trt_anime.export.catalogue import Model
from trt_anime.export.networks import create
from trt_anime.export.networks.loading import loaded
from trt_anime.export.recipes.matte import Preprocess
from trt_anime.export.tracing import BATCH, onnx_from_module


class MatteNetwork(nn.Module):
    """A matting network whose only output is its main map, float32 [B,1,h,w]."""

    def __init__(self, network: nn.Module, architecture: str) -> None:
        super().__init__()
        self.network, self.architecture = network, architecture

    def forward(self, image: Tensor) -> Tensor:
        outputs = self.network(image)
        matte: Tensor
        if self.architecture == "modnet":
            matte = outputs[2]  # semantic, detail, matte
        elif self.architecture == "isnet":
            matte = outputs[0][0]  # (maps, features), the first map is the result
        else:
            matte = outputs[0]  # fused map, then side maps
        return matte


def network_from_checkpoint(model: Model, path: Path) -> MatteNetwork:
    """The catalogue row's network with the weights of `path`, in eval mode. Raises CheckpointError."""
    network = loaded(lambda: create(model.architecture), path)
    return MatteNetwork(network, model.architecture).eval()


def onnx_from_network(network: MatteNetwork, model: Model) -> onnx.ModelProto:
    """Export: input ``image`` [batch,3,h,w], output ``map``, opset 20, batch free.

    The size is fixed, except for a network whose size follows the frame's aspect ratio.

    Raises:
        ExportError: torch's exporter gave up.
    """
    rule = model.recipe_as(Preprocess).size_rule
    dynamic: dict[int, object] = {0: BATCH}
    example = torch.empty(2, 3, rule.side, rule.side)  # memory that nobody looks at is not taken
    if rule.fit == "short_side":
        example = torch.empty(2, 3, 4 * rule.multiple_of, 6 * rule.multiple_of)
        dynamic |= {axis: torch.export.Dim.DYNAMIC for axis in (2, 3)}
    return onnx_from_module(network, example, output="map", dynamic=dynamic, name=model.name)
