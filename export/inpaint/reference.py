"""The inpaint stage in plain PyTorch: what the ONNX graph is checked against.

Written from the same description as the graph, with torch's own operators in place of the graph's
arithmetic: where the two agree, the graph is right.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from trt_anime.export.geometry import SHRINK, TILE
from trt_anime.export.inpaint.options import HoleOptions
from trt_anime.export.inpaint.prepare import LEAST_SHARE
from trt_anime.export.recipes.inpaint import Inpainting
from trt_anime.export.recipes.sizes import SizeRule


class InpaintReference(nn.Module):
    """frame uint8 [B,H,W,3] RGB, hole uint8 [B,H,W] -> plate uint8 [B,H,W,3].

    `network`: float32 [B,4,h,w] -> float32 [B,3,h,w].
    """

    def __init__(
        self, network: Callable[[Tensor], Tensor], rule: Inpainting, options: HoleOptions | None = None
    ) -> None:
        super().__init__()
        self.network, self.rule, self.options = network, rule, options or HoleOptions()

    def forward(self, frame: Tensor, hole: Tensor) -> Tensor:
        height, width = frame.shape[1:3]
        margin = (0, -width % TILE, 0, -height % TILE)
        picture = F.pad(frame.permute(0, 3, 1, 2).float(), margin, mode="replicate")
        mark = (
            F.pad(hole.unsqueeze(1).float(), margin, mode="replicate") >= self.options.threshold
        ).float()
        grown = _peak(mark, self.options.grow + self.options.feather)
        fill = self.network(self._network_input(picture, _peak(grown, self.options.feather)))
        values = (fill * self.rule.std + self.rule.mean) * 255
        painted = F.interpolate(values, size=picture.shape[2:], mode="bilinear").clamp(0, 255)
        weight = _mean(grown, self.options.feather)
        plate = torch.where(weight > 0, torch.lerp(picture, painted, weight), picture).round()
        return plate[:, :, :height, :width].permute(0, 2, 3, 1).to(torch.uint8)

    def _network_input(self, picture: Tensor, wide: Tensor) -> Tensor:
        rule = self.rule
        size = _network_size(picture, rule.size_rule)
        unseen = (_shrunk(wide, size) > LEAST_SHARE).float()
        colours = (_shrunk(picture, size) / 255 - rule.mean) / rule.std
        visible = torch.where(unseen > 0, 0.0, colours)
        if rule.mask == "hole_last":
            return torch.cat([visible, unseen], 1)
        return torch.cat([0.5 - unseen, visible], 1)


def _network_size(picture: Tensor, rule: SizeRule) -> tuple[int, int]:
    if rule.fit == "stretch":
        return rule.side, rule.side
    height, width = picture.shape[2:]
    scale = min(rule.side / max(height, width), 1)

    def nearest(length: int) -> int:
        return max(int(length * scale / rule.multiple_of + 0.5), 2) * rule.multiple_of

    return nearest(height), nearest(width)


def _shrunk(planes: Tensor, size: tuple[int, int]) -> Tensor:
    ratios = [have // want for have, want in zip(planes.shape[2:], size, strict=True)]
    boxes = [SHRINK[min(ratio, len(SHRINK) - 1)] for ratio in ratios]
    return F.interpolate(F.avg_pool2d(planes, boxes), size=size, mode="bilinear")


def _peak(plane: Tensor, radius: int) -> Tensor:
    return F.max_pool2d(plane, 2 * radius + 1, 1, radius)


def _mean(plane: Tensor, radius: int) -> Tensor:
    return F.avg_pool2d(plane, 2 * radius + 1, 1, radius, count_include_pad=False)
