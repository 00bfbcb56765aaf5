"""The mask decoder: a few tokens and the image's cells look at each other, then a token draws its mask.

Source paper: Kirillov et al., "Segment Anything", ICCV 2023. Attribute names are those of its weights.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from trt_anime.export.networks.mobile_sam.tinyvit import PlaneNorm

MASKS = 4  # one for prompts that are clear, three for those that aren't


@dataclass(frozen=True)
class DecoderShape:
    """Channels of the embedding, of the perceptrons between, heads of all attention, number of layers."""

    channels: int = 256
    hidden: int = 2048
    heads: int = 8
    layers: int = 2


class Attention(nn.Module):
    """Attention with fewer channels inside."""

    def __init__(self, channels: int, heads: int, *, shrink: int = 2) -> None:
        super().__init__()
        inside = channels // shrink
        self.heads = heads
        self.q_proj = nn.Linear(channels, inside)
        self.k_proj = nn.Linear(channels, inside)
        self.v_proj = nn.Linear(channels, inside)
        self.out_proj = nn.Linear(inside, channels)

    def forward(self, query: Tensor, key: Tensor, value: Tensor, count: int | None = None) -> Tensor:
        """[B,N,n,C], [B,N,m,C] twice -> [B,N,n,C]; given N as `count`, they may have 1 instead."""
        q, k, v = (
            projection(x).unflatten(3, (self.heads, -1)).transpose(2, 3)
            for projection, x in ((self.q_proj, query), (self.k_proj, key), (self.v_proj, value))
        )
        # Projected once, then repeated: SM75 has no product that spreads one of its factors over the other.
        if count is not None:
            q, k, v = (x.expand(-1, count, -1, -1, -1) for x in (q, k, v))
        score = (q @ k.transpose(3, 4)) * q.shape[-1] ** -0.5
        found = (score.softmax(dim=-1) @ v).transpose(2, 3).flatten(3)
        y: Tensor = self.out_proj(found)
        return y


class Perceptron(nn.Module):
    """Two layers."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.lin1 = nn.Linear(channels, hidden)
        self.lin2 = nn.Linear(hidden, channels)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.lin2(F.relu(self.lin1(x)))
        return y


class TwoWayLayer(nn.Module):
    """Tokens among each other, tokens to image, perceptron, image to tokens."""

    def __init__(self, shape: DecoderShape, *, first: bool) -> None:
        super().__init__()
        channels, heads = shape.channels, shape.heads
        self.first = first
        self.self_attn = Attention(channels, heads, shrink=1)
        self.norm1 = nn.LayerNorm(channels)
        self.cross_attn_token_to_image = Attention(channels, heads)
        self.norm2 = nn.LayerNorm(channels)
        self.mlp = Perceptron(channels, shape.hidden)
        self.norm3 = nn.LayerNorm(channels)
        self.norm4 = nn.LayerNorm(channels)
        self.cross_attn_image_to_token = Attention(channels, heads)

    def forward(self, tokens: Tensor, cells: Tensor, start: Tensor, place: Tensor) -> tuple[Tensor, Tensor]:
        """tokens, and where they started, [B,N,T,C]; cells [B,N,hw,C], and their places [1,1,hw,C].

        In the first layer, cells are the same for all prompts: [B,1,hw,C].
        """
        count = tokens.shape[1] if self.first else None
        if self.first:
            tokens = self.self_attn(tokens, tokens, tokens)
        else:
            placed = tokens + start
            tokens = tokens + self.self_attn(placed, placed, tokens)
        tokens = self.norm1(tokens)
        found = self.cross_attn_token_to_image(tokens + start, cells + place, cells, count)
        tokens = self.norm2(tokens + found)
        tokens = self.norm3(tokens + self.mlp(tokens))
        found = self.cross_attn_image_to_token(cells + place, tokens + start, tokens, count)
        return tokens, self.norm4(cells + found)


class TwoWay(nn.Module):
    """The layers, and a last look of the tokens at the image."""

    def __init__(self, shape: DecoderShape) -> None:
        super().__init__()
        self.layers = nn.ModuleList(TwoWayLayer(shape, first=number == 0) for number in range(shape.layers))
        self.final_attn_token_to_image = Attention(shape.channels, shape.heads)
        self.norm_final_attn = nn.LayerNorm(shape.channels)

    def forward(self, tokens: Tensor, cells: Tensor, place: Tensor) -> tuple[Tensor, Tensor]:
        """tokens [B,N,T,C], cells [B,1,hw,C], place [1,1,hw,C] -> tokens, cells [B,N,hw,C]."""
        start = tokens
        for layer in self.layers:
            tokens, cells = layer(tokens, cells, start, place)
        found = self.final_attn_token_to_image(tokens + start, cells + place, cells)
        return self.norm_final_attn(tokens + found), cells


class Head(nn.Module):
    """Three linear layers."""

    def __init__(self, channels: int, outputs: int) -> None:
        super().__init__()
        sizes = (channels, channels, channels, outputs)
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(sizes))

    def forward(self, x: Tensor) -> Tensor:
        for layer in list(self.layers)[:-1]:
            x = F.relu(layer(x))
        return cast(Tensor, self.layers[-1](x))


class MaskDecoder(nn.Module):
    """From the image's embedding and the prompts' tokens to the mask that clear prompts mean."""

    def __init__(self, shape: DecoderShape) -> None:
        super().__init__()
        channels = shape.channels
        self.transformer = TwoWay(shape)
        self.iou_token = nn.Embedding(1, channels)
        self.mask_tokens = nn.Embedding(MASKS, channels)
        self.output_upscaling = nn.Sequential(
            nn.ConvTranspose2d(channels, channels // 4, 2, 2),
            PlaneNorm(channels // 4),
            nn.GELU(),
            nn.ConvTranspose2d(channels // 4, channels // 8, 2, 2),
            nn.GELU(),
        )
        self.output_hypernetworks_mlps = nn.ModuleList(Head(channels, channels // 8) for _ in range(MASKS))
        self.iou_prediction_head = Head(channels, MASKS)

    def forward(self, embedding: Tensor, prompts: Tensor, place: Tensor) -> tuple[Tensor, Tensor]:
        """The first mask of each prompt, and what the network thinks of it.

        Args:
            embedding: float32 [B,C,h,w], with the vector for "no mask is given" added.
            prompts: float32 [B,N,P,C].
            place: float32 [1,C,h,w].

        Returns:
            logits float32 [B,N,4h,4w] and quality float32 [B,N], about 0..1.
        """
        batch, count = prompts.shape[:2]
        height, width = embedding.shape[2:]
        own = torch.cat([self.iou_token.weight, self.mask_tokens.weight])
        tokens = torch.cat([own.expand(batch, count, -1, -1), prompts], dim=2)
        cells, spots = (x.flatten(2).transpose(1, 2)[:, None] for x in (embedding, place))
        tokens, cells = self.transformer(tokens, cells, spots)
        planes = cells.transpose(2, 3).reshape(batch * count, -1, height, width)
        fine = self.output_upscaling(planes)
        drawn = self.output_hypernetworks_mlps[0](tokens[:, :, 1])
        logits = drawn[:, :, None] @ fine.reshape(batch, count, -1, 16 * height * width)
        quality = self.iou_prediction_head(tokens[:, :, 0])[..., 0]
        return logits.reshape(batch, count, 4 * height, 4 * width), quality
