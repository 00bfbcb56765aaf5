"""The network, from the transformers library, and its way to ONNX."""

from typing import TYPE_CHECKING, cast

import onnx
import torch
from torch import Tensor, nn
from transformers import Mask2FormerForUniversalSegmentation

from trt_anime.export.tracing import BATCH, onnx_from_inputs

if TYPE_CHECKING:
    from transformers import Mask2FormerConfig

OUTPUTS = ("class_logits", "mask_logits")


class Mask2Former(nn.Module):
    """Pictures float32 [B,3,h,w], normalised -> class_logits [B,Q,C+1] and mask_logits [B,Q,h/4,w/4]."""

    def __init__(self, config: "Mask2FormerConfig") -> None:
        super().__init__()
        self.published = Mask2FormerForUniversalSegmentation(config)
        # The backbone's last norm feeds nothing here, and no published file has it.
        self.published.model.pixel_level_module.encoder.swin.layernorm = nn.Identity()

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        found = self.published(pixel_values=image)
        return cast(Tensor, found.class_queries_logits), cast(Tensor, found.masks_queries_logits)


def network_for(config: "Mask2FormerConfig") -> Mask2Former:
    """With random weights, in eval mode."""
    return Mask2Former(config).eval().requires_grad_(False)


def onnx_from_network(network: Mask2Former, size: tuple[int, int], *, name: str) -> onnx.ModelProto:
    """Export for pictures of one size and any batch: ``image`` -> `OUTPUTS`, opset 20.

    Args:
        size: height and width; the windows and grids of the network become constants.
        name: of the model, for the error.

    Raises:
        ExportError: torch's exporter gave up.
    """
    example = torch.zeros(2, 3, *size)
    return onnx_from_inputs(network, {"image": (example, {0: BATCH})}, outputs=OUTPUTS, name=name)
