"""The real two-dimensional Fourier transform as matrix products, for graphs that have no transform.

`rfft2` and `irfft2` give what `torch.fft.rfft2` and `torch.fft.irfft2` give with norm="ortho", for every
height and width, odd ones too. Complex values are kept as two real tensors. Each direction takes two
products, whose matrices depend on the size alone: where that is known, they are constants.
"""

import math

import torch
from torch import Tensor


def rfft2(planes: Tensor) -> tuple[Tensor, Tensor]:
    """The spectrum of `planes` [...,H,W], its real and its imaginary part, [...,H,W//2+1] each."""
    height, width = planes.shape[-2:]
    half = width // 2 + 1
    cos, sin = _waves(width, half, planes)
    rows = torch.matmul(planes, torch.cat((cos, -sin), dim=1))
    stacked = torch.cat((rows[..., :half], rows[..., half:]), dim=-2)
    cos, sin = _waves(height, height, planes)
    turn = torch.cat((torch.cat((cos, sin), dim=1), torch.cat((-sin, cos), dim=1)), dim=0)
    both = torch.matmul(turn, stacked)
    return both[..., :height, :], both[..., height:, :]


def irfft2(real: Tensor, imaginary: Tensor, width: int) -> Tensor:
    """Planes [...,H,width] from their spectrum [...,H,width//2+1].

    First along the height, then along the width, where the imaginary parts of the first column and, if
    `width` is even, of the last one are ignored: with a spectrum that no real planes have, as a network
    makes them, another order gives other values.
    """
    height = real.shape[-2]
    cos, sin = _waves(height, height, real)
    turn = torch.cat((torch.cat((cos, -sin), dim=1), torch.cat((sin, cos), dim=1)), dim=0)
    stacked = torch.matmul(turn, torch.cat((real, imaginary), dim=-2))
    columns = torch.cat((stacked[..., :height, :], stacked[..., height:, :]), dim=-1)
    half = width // 2 + 1
    cos, sin = _waves(width, half, real)
    # All columns but the first and the middle one stand for two.
    order = torch.arange(half, device=real.device)
    single = (order == 0) | (2 * order == width)
    weight = torch.where(single, 1.0, 2.0).to(real.dtype)
    return torch.matmul(columns, torch.cat(((cos * weight).T, -(sin * weight).T), dim=0))


def _waves(length: int, count: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """cos and sin of 2 pi n l / length, over the root of `length`; [length,count] each."""
    places = torch.arange(length, device=like.device)
    waves = torch.arange(count, device=like.device)
    # A tensor, and not a number: an exporter would take a number's value for good, the size being free.
    whole = torch.full((1,), length, device=like.device)
    # Reduced while it is whole numbers: the angle stays below one turn and loses no digits.
    turns = torch.remainder(places[:, None] * waves[None, :], whole)
    angle = turns.to(like.dtype) * (2 * math.pi) / whole.to(like.dtype)
    scale = whole.to(like.dtype).rsqrt()
    return torch.cos(angle) * scale, torch.sin(angle) * scale


__all__ = ["irfft2", "rfft2"]
