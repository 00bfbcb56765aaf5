"""The stage in plain PyTorch: what the ONNX graphs are checked against.

Written from the same description as the graphs, with torch's own operators in place of the graphs'
arithmetic: where the two agree, the graphs are right.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from trt_anime.export.geometry import SHRINK, TILE
from trt_anime.export.mask.networks import MaskNetworks
from trt_anime.export.mask.prepare import BOXED
from trt_anime.export.recipes.mask import Masking


class MaskReference:
    """Both steps of the stage, around a network."""

    def __init__(self, networks: MaskNetworks, rule: Masking) -> None:
        self.networks, self.rule = networks, rule

    def image(self, frame: Tensor) -> tuple[Tensor, ...]:
        """frame uint8 [B,H,W,3] RGB -> the encoder's maps."""
        size = (frame.shape[1], frame.shape[2])
        inner = self._inner(size)
        picture = frame.permute(0, 3, 1, 2).float()
        if max(size) >= BOXED * self.rule.side:
            picture = F.pad(picture, (0, -size[1] % TILE, 0, -size[0] % TILE), mode="replicate")
        target = [
            math.floor(have * want / length + 0.5)
            for have, want, length in zip(picture.shape[2:], inner, size, strict=True)
        ]
        halved = [2 if length > want else 1 for length, want in zip(size, inner, strict=True)]
        fine = [want * factor for want, factor in zip(target, halved, strict=True)]
        ratios = [have // want for have, want in zip(picture.shape[2:], fine, strict=True)]
        boxes = [SHRINK[min(ratio, len(SHRINK) - 1)] for ratio in ratios]
        planes = F.interpolate(F.avg_pool2d(picture, boxes), size=fine, mode="bilinear")
        planes = F.avg_pool2d(planes, halved)
        mean, std = (torch.tensor(x).reshape(1, 3, 1, 1) for x in (self.rule.mean, self.rule.std))
        seen = (planes[:, :, : inner[0], : inner[1]] / 255 - mean) / std
        side = self.rule.side
        maps: tuple[Tensor, ...] = self.networks.encoder(
            F.pad(seen, (0, side - inner[1], 0, side - inner[0]))
        )
        return maps

    def mask(self, maps: tuple[Tensor, ...], boxes: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """boxes float32 [B,N,4] in pixels of a frame of `size` -> mask uint8 [B,N,H,W], quality [B,N]."""
        inner = self._inner(size)
        logits, quality = self.networks.decoder(*maps, self.prompts(boxes, size))
        if self.rule.fit == "corner":
            logits = F.interpolate(logits, size=(self.rule.side, self.rule.side), mode="bilinear")
            logits = logits[:, :, : inner[0], : inner[1]]
        full = F.interpolate(logits, size=size, mode="bilinear").sigmoid()
        return (full * 255).round().to(torch.uint8), quality

    def prompts(self, boxes: Tensor, size: tuple[int, int]) -> Tensor:
        """boxes float32 [B,N,4] -> the decoder's tokens, float32 [B,N,P,C]."""
        tables, inner = self.networks.tables, self._inner(size)
        scale = torch.tensor([inner[1] / size[1], inner[0] / size[0]])
        places = (boxes.reshape(*boxes.shape[:2], 2, 2) * scale + 0.5) / self.rule.side
        turns = 2 * math.pi * (2 * places - 1) @ torch.from_numpy(tables.frequencies)
        kinds = torch.stack([torch.from_numpy(kind) for kind in (tables.upper, tables.lower)])
        tokens = torch.cat([turns.sin(), turns.cos()], dim=-1) + kinds
        if tables.stop is None:
            return tokens
        stop = torch.from_numpy(tables.stop).expand(*tokens.shape[:2], 1, -1)
        return torch.cat([tokens, stop], dim=2)

    def _inner(self, size: tuple[int, int]) -> tuple[int, int]:
        """(height, width) of the frame within the network's image."""
        side, longest = self.rule.side, max(size)
        if self.rule.fit == "stretch":
            return side, side
        height, width = (max(math.floor(length * side / longest + 0.5), 1) for length in size)
        return height, width
