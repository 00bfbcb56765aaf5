"""Tokens and maps, one into the other, and what is computed from places alone."""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn


def tokens_of(image: Tensor) -> Tensor:
    """1 x C x h x w into n x C."""
    return image.flatten(2)[0].transpose(0, 1)


def map_of(tokens: Tensor, size: tuple[int, int]) -> Tensor:
    """n x C into 1 x C x h x w."""
    return tokens.transpose(0, 1).reshape(1, -1, *size)


class DepthwiseConv(nn.Module):
    """5x5 over the map, each channel for itself, without bias: tokens in, tokens out."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 5, padding=2, groups=channels, bias=False)

    def forward(self, tokens: Tensor, size: tuple[int, int]) -> Tensor:
        return tokens_of(self.conv(map_of(tokens, size)))


def sine_position(size: tuple[int, int], channels: int, like: Tensor) -> Tensor:
    """n x `channels`, the first half for the row, the second for the column: sine and cosine of the place,
    between 0 and 2 pi, at wave lengths that grow to 10000 times that.

    It has the dtype and device of `like`.
    """
    half = channels // 2
    frequencies = 10000.0 ** -(np.arange(half // 2) * 2 / half)
    rows, columns = (_waves(length, frequencies) for length in size)
    height, width = size
    places = np.empty((height, width, channels), torch.finfo(like.dtype).dtype)
    places[..., :half] = rows[:, None]
    places[..., half:] = columns
    return torch.from_numpy(places.reshape(-1, channels)).to(like.device)


def _waves(length: int, frequencies: NDArray[np.float64]) -> NDArray[np.float64]:
    """length x 2F: sine and cosine in turn."""
    places = np.arange(length) / (length - 1 + 1e-6) * 2 * math.pi
    angles = places[:, None] * frequencies
    return np.stack((np.sin(angles), np.cos(angles)), axis=-1).reshape(length, -1)
