"""What prompts are to the decoder: places as sines of random frequencies, and a vector for each kind.

Source paper: Kirillov et al., "Segment Anything", ICCV 2023. Attribute names are those of its weights.
"""

import math

import torch
from torch import Tensor, nn

KINDS = 4  # a point beside the object, a point on it, a box's upper left corner, its lower right one


class RandomFrequencies(nn.Module):
    """Places in 0..1 as sines and cosines of fixed random frequencies."""

    positional_encoding_gaussian_matrix: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("positional_encoding_gaussian_matrix", torch.randn(2, channels // 2))

    def forward(self, places: Tensor) -> Tensor:
        """float32 [...,2] (x, y) -> [...,channels]."""
        turns = (2 * places - 1) @ self.positional_encoding_gaussian_matrix
        return torch.cat([(2 * math.pi * turns).sin(), (2 * math.pi * turns).cos()], dim=-1)

    def grid(self, height: int, width: int) -> Tensor:
        """[1,channels,height,width]: of the cells' centres."""
        y, x = (torch.arange(0.5, length) / length for length in (height, width))
        places = torch.stack([x.expand(height, width), y[:, None].expand(height, width)], dim=-1)
        planes: Tensor = self(places).permute(2, 0, 1)
        return planes[None]


class Prompts(nn.Module):
    """The tables. `mask_downscaling` is for masks as prompts; the files have it, nothing here uses it."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.pe_layer = RandomFrequencies(channels)
        self.point_embeddings = nn.ModuleList(nn.Embedding(1, channels) for _ in range(KINDS))
        self.not_a_point_embed = nn.Embedding(1, channels)
        self.mask_downscaling = nn.Sequential(
            nn.Conv2d(1, 4, 2, 2),
            nn.LayerNorm(4),
            nn.GELU(),
            nn.Conv2d(4, 16, 2, 2),
            nn.LayerNorm(16),
            nn.GELU(),
            nn.Conv2d(16, channels, 1),
        )
        self.no_mask_embed = nn.Embedding(1, channels)
