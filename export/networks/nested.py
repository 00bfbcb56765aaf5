"""The nested U structure: six encoder stages, five decoder stages and six side heads of residual U-blocks.

U2-Net and IS-Net are rows of data over it (`trt_anime.export.networks.u2net`, `...isnet`).
Source paper: Qin et al., "U2-Net", Pattern Recognition 106, 2020.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from trt_anime.export.networks.rsu import BlockShape, ResidualUBlock, halve, resize_like


@dataclass(frozen=True)
class NestedShape:
    """encoder: blocks of stage1..stage6. decoder: blocks of stage5d..stage1d, in this order.

    stem: channels of a stride-2 convolution before stage1, or None for no stem.
    """

    encoder: tuple[BlockShape, ...]
    decoder: tuple[BlockShape, ...]
    stem: int | None = None


class NestedUNet(nn.Module):
    """Encoder, decoder and side heads for RGB images; subclasses say what they return."""

    def __init__(self, shape: NestedShape) -> None:
        super().__init__()
        self.encoder_names = [f"stage{level}" for level in range(1, len(shape.encoder) + 1)]
        self.decoder_names = [f"stage{level}d" for level in range(len(shape.decoder), 0, -1)]
        channels = 3
        if shape.stem is not None:
            self.conv_in = nn.Conv2d(channels, shape.stem, kernel_size=3, stride=2, padding=1)
            channels = shape.stem
        for name, block in zip(self.encoder_names, shape.encoder, strict=True):
            self.add_module(name, ResidualUBlock(channels, block))
            channels = block.outer
        skips = [block.outer for block in shape.encoder[:-1]]
        for name, block in zip(self.decoder_names, shape.decoder, strict=True):
            self.add_module(name, ResidualUBlock(channels + skips.pop(), block))
            channels = block.outer
        self.has_stem = shape.stem is not None
        for number, block in enumerate((*reversed(shape.decoder), shape.encoder[-1]), start=1):
            self.add_module(f"side{number}", nn.Conv2d(block.outer, 1, kernel_size=3, padding=1))

    def features(self, image: Tensor) -> list[Tensor]:
        """The six maps that the side heads read: decoder stages 1 to 5, then encoder stage 6.

        image: NCHW, RGB, normalised, any height and width of at least 1. The first map has the size of the
        stem's output (that of the image when there is no stem); each next one is half as large, rounded up.
        """
        x: Tensor = self.conv_in(image) if self.has_stem else image
        encoded: list[Tensor] = []
        for name in self.encoder_names:
            x = self.get_submodule(name)(halve(x) if encoded else x)
            encoded.append(x)
        decoded = [encoded.pop()]
        for name in self.decoder_names:
            skip = encoded.pop()
            x = self.get_submodule(name)(torch.cat((resize_like(decoded[-1], skip), skip), dim=1))
            decoded.append(x)
        return decoded[::-1]

    def side_logits(self, features: list[Tensor], image: Tensor) -> list[Tensor]:
        """The six side heads' N x 1 x H x W logits (before the sigmoid), resized to the size of `image`."""
        heads = (self.get_submodule(f"side{number}") for number in range(1, len(features) + 1))
        return [resize_like(head(x), image) for head, x in zip(heads, features, strict=True)]
