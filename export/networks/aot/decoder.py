"""From what the layers found to one map of logits per object, at 1/4 of the image."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

OBJECTS = 10  # that one pass follows; the published weights have a channel for each, and for what is none


class NormalisedConv(nn.Module):
    """Convolution, group norm of 8 groups; height and width stay."""

    def __init__(self, inputs: int, outputs: int, kernel: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2)
        self.gn = nn.GroupNorm(8, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """NCHW in, NCHW of `outputs` channels out, values >= 0."""
        return torch.relu(self.gn(self.conv(x)))


class Decoder(nn.Module):
    """A pyramid: what the layers found is brought to 1/8 and 1/4, the encoder's map is added each time.

    align_corners: whether the corner pixels' centres stay in place when a map is resized.
    """

    def __init__(
        self, inputs: int, channels: int, taps: tuple[int, int, int], *, align_corners: bool
    ) -> None:
        super().__init__()
        self.align_corners = align_corners
        half = channels // 2
        self.conv_in = NormalisedConv(inputs, channels, 1)
        self.conv_16x = NormalisedConv(channels, channels, 3)
        self.conv_8x = NormalisedConv(channels, half, 3)
        self.conv_4x = NormalisedConv(half, half, 3)
        self.adapter_16x = nn.Conv2d(taps[2], channels, 1)
        self.adapter_8x = nn.Conv2d(taps[1], channels, 1)
        self.adapter_4x = nn.Conv2d(taps[0], half, 1)
        self.conv_out = nn.Conv2d(half, OBJECTS + 1, 1)

    def forward(self, found: Tensor, stride4: Tensor, stride8: Tensor, stride16: Tensor) -> Tensor:
        """1 x `inputs` x h x w and the encoder's maps in; 1 x 11 logits at 1/4 out, background first."""
        x: Tensor = self.conv_in(found)
        x = self.conv_16x(x + self.adapter_16x(stride16))
        x = self.conv_8x(self.resized(x, _size(stride8)) + self.adapter_8x(stride8))
        x = self.conv_4x(self.resized(x, _size(stride4)) + self.adapter_4x(stride4))
        logits: Tensor = self.conv_out(x)
        return logits

    def resized(self, x: Tensor, size: tuple[int, int]) -> Tensor:
        """Bilinear, in the way that the weights were trained with."""
        return F.interpolate(x, size=size, mode="bilinear", align_corners=self.align_corners)


def _size(x: Tensor) -> tuple[int, int]:
    height, width = x.shape[-2:]
    return height, width
