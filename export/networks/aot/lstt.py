"""The layer of AOT, and what every layer, DeAOT's too, is asked for."""

from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from trt_anime.export.networks.aot.attention import (
    WINDOW,
    attend,
    collect,
    heads_of,
    merged,
    window_weights,
)
from trt_anime.export.networks.aot.maps import map_of, tokens_of

HIDDEN_CHANNELS = 1024  # of the feed-forward part


@dataclass(frozen=True)
class Recalled:
    """What one layer may look at.

    Attributes:
        long: T x n x D, memories of T frames.
        valid: T numbers, 1 where a memory lies and 0 where none does; None: all of them.
        short: n x D, the memory of a frame shortly before.
        size: height and width of the map.
    """

    long: Tensor
    valid: Tensor | None
    short: Tensor
    size: tuple[int, int]


class Layer(Protocol):
    """A layer in two parts: between them the frame's own memory can be made, and looked at by the second.

    What a frame leaves behind comes in two steps, as its objects are known only at the end: `begin` gives
    what is *pending*, n x P; `remember` completes it with the identity embedding to a *memory*, n x D.
    """

    def begin(self, state: Any, position: Tensor) -> tuple[Any, Tensor]:
        """(state of the second part, pending)."""
        ...

    def remember(self, pending: Tensor, identity: Tensor) -> Tensor: ...

    def finish(self, state: Any, recalled: Recalled) -> Any: ...


class SelfAttention(nn.Module):
    """Multi-head attention with a linear layer each for queries, keys, values and the result."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.linear_Q = nn.Linear(channels, channels)
        self.linear_K = nn.Linear(channels, channels)
        self.linear_V = nn.Linear(channels, channels)
        self.projection = nn.Linear(channels, channels)

    def forward(self, x: Tensor, position: Tensor) -> Tensor:
        """n x C and its n x C places in, n x C out."""
        placed = x + position
        result = attend(self.linear_Q(placed), self.linear_K(placed), self.linear_V(x), self.heads)
        projected: Tensor = self.projection(result)
        return projected


class LongTermAttention(nn.Module):
    """To all remembered frames; keys and values are made where they are remembered."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.projection = nn.Linear(channels, channels)

    def forward(self, query: Tensor, key: Tensor, value: Tensor, valid: Tensor | None) -> Tensor:
        """n x C, T x n x C, T x n x C, T in; n x C out."""
        projected: Tensor = self.projection(attend(query, key, value, self.heads, valid=valid))
        return projected


class ShortTermAttention(nn.Module):
    """To a window of one frame, with learned embeddings of the places in it for keys and for values."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.relative_emb_v = nn.Parameter(torch.zeros(heads, channels // heads, WINDOW * WINDOW))
        self.relative_emb_k = nn.Conv2d(channels, heads * WINDOW * WINDOW, 1, groups=heads)
        self.projection = nn.Linear(channels, channels)

    def forward(self, query: Tensor, key: Tensor, value: Tensor, size: tuple[int, int]) -> Tensor:
        """n x C, n x C, n x C in; n x C out."""
        relative = self.relative_emb_k(map_of(query, size)).reshape(self.heads, WINDOW * WINDOW, -1)
        weights = window_weights(heads_of(query, self.heads), heads_of(key, self.heads), relative, size)
        seen = weights @ heads_of(value, self.heads)
        placed = collect(weights, size) @ self.relative_emb_v.transpose(1, 2)
        projected: Tensor = self.projection(merged(seen + placed))
        return projected


class NormalisedGelu(nn.Module):
    """Group norm, GELU, depthwise convolution: between the linear layers of the feed-forward part."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gn = nn.GroupNorm(32, channels)
        self.conv = nn.Conv2d(channels, channels, 5, padding=2, groups=channels, bias=False)

    def forward(self, tokens: Tensor, size: tuple[int, int]) -> Tensor:
        """n x C in, n x C out."""
        return tokens_of(self.conv(F.gelu(self.gn(map_of(tokens, size)))))


class Waiting(NamedTuple):
    """Between the two parts of a layer of AOT."""

    x: Tensor
    query: Tensor


class AotLayer(nn.Module):
    """Self attention; long- and short-term attention; feed-forward part. State: n x C.

    pending: key and features, n x 2C. memory: key and value, n x 2C.
    """

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(channels)
        self.linear_Q = nn.Linear(channels, channels)
        self.linear_V = nn.Linear(channels, channels)
        self.long_term_attn = LongTermAttention(channels, heads)
        self.short_term_attn = ShortTermAttention(channels, heads)
        self.norm2 = nn.LayerNorm(channels)
        self.self_attn = SelfAttention(channels, heads)
        self.norm3 = nn.LayerNorm(channels)
        self.linear1 = nn.Linear(channels, HIDDEN_CHANNELS)
        self.activation = NormalisedGelu(HIDDEN_CHANNELS)
        self.linear2 = nn.Linear(HIDDEN_CHANNELS, channels)
        self.pending_channels = self.memory_channels = 2 * channels

    def begin(self, state: Tensor, position: Tensor) -> tuple[Waiting, Tensor]:
        x = state + self.self_attn(self.norm1(state), position)
        features = self.norm2(x)
        query = self.linear_Q(features)
        return Waiting(x, query), torch.cat((query, features), dim=-1)

    def remember(self, pending: Tensor, identity: Tensor) -> Tensor:
        key, features = pending.chunk(2, dim=-1)
        return torch.cat((key, self.linear_V(features + identity)), dim=-1)

    def finish(self, state: Waiting, recalled: Recalled) -> Tensor:
        x, query = state
        long = self.long_term_attn(query, *recalled.long.chunk(2, dim=-1), recalled.valid)
        short = self.short_term_attn(query, *recalled.short.chunk(2, dim=-1), recalled.size)
        x = x + long + short
        hidden = self.activation(self.linear1(self.norm3(x)), recalled.size)
        result: Tensor = x + self.linear2(hidden)
        return result
