"""IS-Net: highly accurate dichotomous segmentation, also the network of the anime-segmentation weights.

Source paper: Qin et al., "Highly Accurate Dichotomous Image Segmentation", ECCV 2022. The state names are
those of `isnet-general-use.pth` (and, behind the prefix `net.`, of anime-segmentation's `isnetis.ckpt`).
"""

from dataclasses import replace

import torch
from torch import Tensor

from trt_anime.export.networks.nested import NestedShape, NestedUNet
from trt_anime.export.networks.u2net import U2NET

ISNET = replace(U2NET, stem=64)


class ISNet(NestedUNet):
    """A nested U at half the image's resolution; the first side head is the result."""

    def __init__(self, shape: NestedShape = ISNET) -> None:
        super().__init__(shape)

    def logits(self, image: Tensor) -> tuple[Tensor, ...]:
        """Six N x 1 x H x W maps before the sigmoid, of side heads 1 to 6; the first is the result.

        image: N x 3 x H x W, RGB, any H and W of at least 1. DIS weights expect values in -0.5..0.5
        (x / 255 - 0.5), anime-segmentation weights 0..1 (x / 255).
        """
        return tuple(self.side_logits(self.features(image), image))

    def forward(self, image: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """([sigmoid of the six `logits`, the first is the mask], [the six maps of `features`])."""
        features = self.features(image)
        return [torch.sigmoid(logit) for logit in self.side_logits(features, image)], features


def isnet() -> ISNet:
    """IS-Net, 44.0 million parameters."""
    return ISNet(ISNET)
