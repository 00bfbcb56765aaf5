"""U2-Net and U2-Net-p: salient object masks.

Source paper: Qin et al., "U2-Net: Going Deeper with Nested U-Structure for Salient Object Detection",
Pattern Recognition 106, 2020. The state names are those of the files `u2net.pth` and `u2netp.pth`.
"""

from dataclasses import replace

import torch
from torch import Tensor, nn

from trt_anime.export.networks.nested import NestedShape, NestedUNet
from trt_anime.export.networks.rsu import BlockShape

U2NET = NestedShape(
    encoder=(
        BlockShape(depth=7, inner=32, outer=64),
        BlockShape(depth=6, inner=32, outer=128),
        BlockShape(depth=5, inner=64, outer=256),
        BlockShape(depth=4, inner=128, outer=512),
        BlockShape(depth=4, inner=256, outer=512, dilated=True),
        BlockShape(depth=4, inner=256, outer=512, dilated=True),
    ),
    decoder=(
        BlockShape(depth=4, inner=256, outer=512, dilated=True),
        BlockShape(depth=4, inner=128, outer=256),
        BlockShape(depth=5, inner=64, outer=128),
        BlockShape(depth=6, inner=32, outer=64),
        BlockShape(depth=7, inner=16, outer=64),
    ),
)

U2NETP = NestedShape(
    encoder=tuple(replace(block, inner=16, outer=64) for block in U2NET.encoder),
    decoder=tuple(replace(block, inner=16, outer=64) for block in U2NET.decoder),
)


class U2Net(NestedUNet):
    """A nested U whose six side logits are fused by a 1x1 convolution into the result."""

    def __init__(self, shape: NestedShape = U2NET) -> None:
        super().__init__(shape)
        self.outconv = nn.Conv2d(len(shape.encoder), 1, kernel_size=1)

    def logits(self, image: Tensor) -> tuple[Tensor, ...]:
        """Seven N x 1 x H x W maps before the sigmoid: the fused one, then side heads 1 to 6.

        image: N x 3 x H x W, RGB, any H and W of at least 1. The published weights expect ImageNet
        normalisation: mean (0.485, 0.456, 0.406), deviation (0.229, 0.224, 0.225) of values in 0..1.
        """
        sides = self.side_logits(self.features(image), image)
        return (self.outconv(torch.cat(sides, dim=1)), *sides)

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """The sigmoid of `logits`: seven maps in 0..1, the first of which is the mask."""
        return tuple(torch.sigmoid(logit) for logit in self.logits(image))


def u2net() -> U2Net:
    """U2-Net, 44.0 million parameters."""
    return U2Net(U2NET)


def u2netp() -> U2Net:
    """U2-Net-p, the same wiring with 1.1 million parameters."""
    return U2Net(U2NETP)
