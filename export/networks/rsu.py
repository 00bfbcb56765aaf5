"""Residual U-blocks (RSU), the building blocks that U2-Net and IS-Net share.

Source paper: Qin et al., "U2-Net: Going Deeper with Nested U-Structure for Salient Object Detection",
Pattern Recognition 106, 2020. Attribute names are those in the published weights.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass(frozen=True)
class BlockShape:
    """The size of one residual U-block.

    depth: number of encoder units, 4 to 7 in the published networks.
    inner, outer: channels inside the U and at its output.
    dilated: keep the resolution and double the dilation (1, 2, 4, 8...) instead of pooling: "RSU-4F".
    """

    depth: int
    inner: int
    outer: int
    dilated: bool = False


def halve(x: Tensor) -> Tensor:
    """Max-pool NCHW by 2; an odd row or column at the end counts as a full cell, so H becomes ceil(H/2)."""
    return F.max_pool2d(x, kernel_size=2, stride=2, ceil_mode=True)


def resize_like(x: Tensor, like: Tensor) -> Tensor:
    """Resize NCHW `x` to the height and width of `like`: bilinear, half-pixel centres, no antialiasing.

    Says the least that gives this result, for the sake of exported graphs: returns `x` itself when nothing
    is to be done, resizes by constant factors where those are exact in binary (2, 4, 1/2...), else to a
    size.
    """
    old, new = x.shape[-2:], like.shape[-2:]
    if old == new:
        return x
    factors = _exact_factors(old, new)
    if factors is not None:
        return F.interpolate(x, scale_factor=factors, mode="bilinear", align_corners=False)
    return F.interpolate(x, size=new, mode="bilinear", align_corners=False)


def _exact_factors(old: torch.Size, new: torch.Size) -> list[float] | None:
    if not all(isinstance(length, int) for length in (*old, *new)):
        return None  # a dynamic axis of an export in progress
    factors = [after / before for before, after in zip(old, new, strict=True)]
    return factors if all(factor.as_integer_ratio()[1] <= 64 for factor in factors) else None


class Unit(nn.Module):
    """3x3 convolution, batch norm, ReLU; height and width stay."""

    def __init__(self, inputs: int, outputs: int, *, dilation: int = 1) -> None:
        super().__init__()
        self.conv_s1 = nn.Conv2d(inputs, outputs, kernel_size=3, padding=dilation, dilation=dilation)
        self.bn_s1 = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """NCHW in, NCHW of `outputs` channels out, values >= 0."""
        return torch.relu(self.bn_s1(self.conv_s1(x)))


class ResidualUBlock(nn.Module):
    """A small U-Net whose result is added to its own input unit.

    Encoder units 1..depth-1 go down, unit `depth` (more dilated) is the bottom at the last resolution,
    decoder units depth-1..1 come up again; each sees the map from below, then the encoder map of its level.
    """

    def __init__(self, inputs: int, shape: BlockShape) -> None:
        super().__init__()
        self.shape = shape
        inner, outer, depth = shape.inner, shape.outer, shape.depth
        self.rebnconvin = Unit(inputs, outer)
        for level in range(1, depth + 1):
            unit = Unit(outer if level == 1 else inner, inner, dilation=self._dilation(level))
            self.add_module(f"rebnconv{level}", unit)
        for level in range(depth - 1, 0, -1):
            unit = Unit(2 * inner, outer if level == 1 else inner, dilation=self._dilation(level))
            self.add_module(f"rebnconv{level}d", unit)

    def _dilation(self, level: int) -> int:
        if self.shape.dilated:
            return 1 << (level - 1)
        return 2 if level == self.shape.depth else 1

    def forward(self, x: Tensor) -> Tensor:
        """NCHW of `inputs` channels in; `shape.outer` channels of the same height and width out."""
        start: Tensor = self.rebnconvin(x)
        depth, pooled = self.shape.depth, not self.shape.dilated
        maps: list[Tensor] = []
        x = start
        for level in range(1, depth):
            if pooled and level > 1:
                x = halve(x)
            x = self.get_submodule(f"rebnconv{level}")(x)
            maps.append(x)
        x = self.get_submodule(f"rebnconv{depth}")(x)
        for level in range(depth - 1, 0, -1):
            skip = maps[level - 1]
            x = self.get_submodule(f"rebnconv{level}d")(torch.cat((resize_like(x, skip), skip), dim=1))
        return x + start
