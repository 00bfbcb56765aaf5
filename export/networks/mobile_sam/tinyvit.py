"""Tiny vision transformer: convolutions at first, then attention within windows, one sixteenth in the end.

Source papers: Wu et al., "TinyViT: Fast Pretraining Distillation for Small Vision Transformers", ECCV 2022;
Zhang et al., "Faster Segment Anything: Towards Lightweight SAM for Mobile Applications", 2023, which leaves
out the last halving. Attribute names are those in MobileSAM's published weights.
"""

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

EXPANSION = 4  # hidden channels of the inverted residuals and of the perceptrons
CLASSES = 1000  # of a classifier that the published file still has and nothing uses


@dataclass(frozen=True)
class TinyVitShape:
    """What the published network is made of; by default that of MobileSAM.

    Attributes:
        widths: channels of the four levels, at 1/4, 1/8, 1/16 and 1/16 of the image.
        depths: blocks of each.
        heads: of each level's attention; the first level has none.
        windows: side of the windows in cells; the first level has none.
        output: channels of the result.
    """

    widths: tuple[int, int, int, int] = (64, 128, 160, 320)
    depths: tuple[int, int, int, int] = (2, 2, 6, 2)
    heads: tuple[int, int, int, int] = (2, 4, 5, 10)
    windows: tuple[int, int, int, int] = (7, 7, 14, 7)
    output: int = 256


class ConvNorm(nn.Module):
    """A convolution without bias, and its batch norm."""

    def __init__(self, inputs: int, outputs: int, kernel: int, *, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        self.c = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
        self.bn = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.bn(self.c(x))
        return y


class PlaneNorm(nn.Module):
    """Layer norm over the channels of NCHW maps."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        rows = F.layer_norm(x.permute(0, 2, 3, 1), self.weight.shape, self.weight, self.bias, 1e-6)
        return rows.permute(0, 3, 1, 2)


class Stem(nn.Module):
    """Two convolutions that halve: NCHW at 1/4."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        half = channels // 2
        self.seq = nn.Sequential(
            ConvNorm(3, half, 3, stride=2), nn.GELU(), ConvNorm(half, channels, 3, stride=2)
        )

    def forward(self, image: Tensor) -> Tensor:
        x: Tensor = self.seq(image)
        return x


class InvertedResidual(nn.Module):
    """1x1 expansion, 3x3 depthwise, 1x1 projection; the activation comes after the sum."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        hidden = channels * EXPANSION
        self.conv1 = ConvNorm(channels, hidden, 1)
        self.conv2 = ConvNorm(hidden, hidden, 3, groups=hidden)
        self.conv3 = ConvNorm(hidden, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = F.gelu(self.conv1(x))
        y = self.conv3(F.gelu(self.conv2(y)))
        return F.gelu(x + y)


class Merging(nn.Module):
    """From one level to the next: other channels, and half the size with a stride of 2."""

    def __init__(self, inputs: int, outputs: int, *, stride: int) -> None:
        super().__init__()
        self.conv1 = ConvNorm(inputs, outputs, 1)
        self.conv2 = ConvNorm(outputs, outputs, 3, stride=stride, groups=outputs)
        self.conv3 = ConvNorm(outputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv3(F.gelu(self.conv2(F.gelu(self.conv1(x)))))
        return y


class WindowAttention(nn.Module):
    """Attention among the cells of a window; a learned bias knows how far apart two cells are."""

    index: Tensor

    def __init__(self, channels: int, heads: int, window: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(channels)
        self.qkv = nn.Linear(channels, 3 * channels)
        self.proj = nn.Linear(channels, channels)
        self.attention_biases = nn.Parameter(torch.zeros(heads, window * window))
        self.register_buffer("index", _distances(window), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Windows x cells x channels, the same again."""
        windows, cells, channels = x.shape
        depth = channels // self.heads
        shared = self.qkv(self.norm(x)).reshape(windows, cells, self.heads, 3 * depth)
        query, key, value = shared.permute(0, 2, 1, 3).split(depth, dim=3)
        bias = self.attention_biases.index_select(1, self.index).reshape(self.heads, cells, cells)
        score = (query @ key.transpose(2, 3)) * depth**-0.5 + bias
        found = (score.softmax(dim=-1) @ value).transpose(1, 2)
        y: Tensor = self.proj(found.reshape(windows, cells, channels))
        return y


class Perceptron(nn.Module):
    """Norm, expansion, projection."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)
        self.fc1 = nn.Linear(channels, channels * EXPANSION)
        self.fc2 = nn.Linear(channels * EXPANSION, channels)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.fc2(F.gelu(self.fc1(self.norm(x))))
        return y


class AttentionBlock(nn.Module):
    """Attention, a depthwise convolution across the windows' seams, a perceptron."""

    def __init__(self, channels: int, heads: int, window: int) -> None:
        super().__init__()
        self.window = window
        self.attn = WindowAttention(channels, heads, window)
        self.mlp = Perceptron(channels)
        self.local_conv = ConvNorm(channels, channels, 3, groups=channels)

    def forward(self, x: Tensor) -> Tensor:
        """NCHW, the same again."""
        rows = x.permute(0, 2, 3, 1)
        mixed = (rows + self._attended(rows)).permute(0, 3, 1, 2)
        rows = self.local_conv(mixed).permute(0, 2, 3, 1)
        y: Tensor = (rows + self.mlp(rows)).permute(0, 3, 1, 2)
        return y

    def _attended(self, rows: Tensor) -> Tensor:
        """The cells that fill the last windows up are zero before the norm, and are attended to."""
        _, height, width, channels = rows.shape
        side = self.window
        padded = F.pad(rows, (0, 0, 0, -width % side, 0, -height % side))
        down, across = -(-height // side), -(-width // side)
        grid = padded.reshape(-1, down, side, across, side, channels).transpose(2, 3)
        found = self.attn(grid.reshape(-1, side * side, channels))
        grid = found.reshape(-1, down, across, side, side, channels).transpose(2, 3)
        whole: Tensor = grid.reshape(-1, down * side, across * side, channels)
        return whole[:, :height, :width]


class Level(nn.Module):
    """The blocks of one size, and the way to the next level where there is one."""

    def __init__(self, blocks: list[nn.Module], downsample: Merging | None) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)
        self.downsample = downsample

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x)
        return x if self.downsample is None else cast(Tensor, self.downsample(x))


class TinyVit(nn.Module):
    """The image encoder."""

    def __init__(self, shape: TinyVitShape) -> None:
        super().__init__()
        self.patch_embed = Stem(shape.widths[0])
        self.layers = nn.ModuleList(_level(shape, number) for number in range(4))
        self.norm_head = nn.LayerNorm(shape.widths[3])
        self.head = nn.Linear(shape.widths[3], CLASSES)
        self.neck = nn.Sequential(
            nn.Conv2d(shape.widths[3], shape.output, 1, bias=False),
            PlaneNorm(shape.output),
            nn.Conv2d(shape.output, shape.output, 3, padding=1, bias=False),
            PlaneNorm(shape.output),
        )

    def forward(self, image: Tensor) -> Tensor:
        """float32 [B,3,H,W], normalised, sides multiples of 16 -> [B,output,H/16,W/16]."""
        x = self.patch_embed(image)
        for level in self.layers:
            x = level(x)
        return cast(Tensor, self.neck(x))


def _level(shape: TinyVitShape, number: int) -> Level:
    width, heads, window = shape.widths[number], shape.heads[number], shape.windows[number]
    merging = None
    if number < 3:
        merging = Merging(width, shape.widths[number + 1], stride=1 if number == 2 else 2)
    blocks: list[nn.Module] = [
        InvertedResidual(width) if number == 0 else AttentionBlock(width, heads, window)
        for _ in range(shape.depths[number])
    ]
    return Level(blocks, merging)


def _distances(side: int) -> Tensor:
    """int64 [side^4]: which bias two cells of a window share, by how far they are apart on each axis.

    The first cell meets every distance in reading order, so its row counts from 0.
    """
    place = torch.arange(side)
    apart = (place[:, None] - place[None, :]).abs()
    rows, columns = apart[:, None, :, None], apart[None, :, None, :]
    return (rows * side + columns).flatten()
