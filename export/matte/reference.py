"""The matte stage in plain PyTorch: what the ONNX graph is checked against.

Written from the same description as the graph, over the whole picture: no tiles are cut, no coefficients
gathered. Where the two agree, the graph's indexing and arithmetic are right.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from trt_anime.export.geometry import SHRINK, TILE
from trt_anime.export.matte.options import LEAST_TILES, MOST_TILES, RefineOptions
from trt_anime.export.matte.refine import EDGE_BLOCK, GUIDE_TILE, SCALE
from trt_anime.export.recipes.matte import Preprocess
from trt_anime.export.recipes.sizes import SizeRule


class MatteReference(nn.Module):
    """frame uint8 [B,H,W,3] RGB -> rgba uint8 [B,H,W,4], straight alpha.

    `network`: float32 [B,3,h,w], normalised -> float32 [B,1,h,w].
    """

    def __init__(
        self, network: Callable[[Tensor], Tensor], rule: Preprocess, options: RefineOptions | None = None
    ) -> None:
        super().__init__()
        self.network, self.rule, self.options = network, rule, options or RefineOptions()

    def forward(self, frame: Tensor) -> Tensor:
        height, width = frame.shape[1:3]
        picture = frame.permute(0, 3, 1, 2).float()
        picture = F.pad(picture, (0, -width % TILE, 0, -height % TILE), mode="replicate")
        matte = _matte(self.network(network_input(picture, self.rule)), picture, self.rule)
        rgba = _refined(picture, matte, self.options)
        return rgba[:, :, :height, :width].permute(0, 2, 3, 1).to(torch.uint8)


def _content_size(picture: Tensor, rule: SizeRule) -> tuple[int, int]:
    height, width = picture.shape[2:]
    longest, shortest = max(height, width), min(height, width)
    if rule.fit == "stretch":
        return rule.side, rule.side
    if rule.fit == "letterbox":
        return max(height * rule.side // longest, 1), max(width * rule.side // longest, 1)
    target = shortest if longest >= rule.side >= shortest else rule.side
    step = rule.multiple_of
    return (
        max(height * target // shortest // step * step, step),
        max(width * target // shortest // step * step, step),
    )


def network_input(picture: Tensor, rule: Preprocess) -> Tensor:
    """float32 [B,3,H,W], RGB, 0..255 -> what the network reads of it."""
    size = _content_size(picture, rule.size_rule)
    ratios = [have // want for have, want in zip(picture.shape[2:], size, strict=True)]
    boxes = [SHRINK[min(ratio, len(SHRINK) - 1)] for ratio in ratios]
    image = F.interpolate(F.avg_pool2d(picture, boxes), size=size, mode="bilinear")
    divisor = image.amax((1, 2, 3), keepdim=True).clamp(min=1) if rule.scale == "image_max" else 255.0
    mean, std = torch.tensor(rule.mean).view(1, 3, 1, 1), torch.tensor(rule.std).view(1, 3, 1, 1)
    image = (image / divisor - mean) / std
    if rule.size_rule.fit == "letterbox":
        side = rule.size_rule.side
        top, left = (side - size[0]) // 2, (side - size[1]) // 2
        image = F.pad(image, (left, side - size[1] - left, top, side - size[0] - top))
    return image


def _matte(network_map: Tensor, picture: Tensor, rule: Preprocess) -> Tensor:
    if rule.size_rule.fit == "letterbox":
        side, (height, width) = rule.size_rule.side, _content_size(picture, rule.size_rule)
        top, left = (side - height) // 2, (side - width) // 2
        network_map = network_map[:, :, top : top + height, left : left + width]
    if rule.output == "sigmoid":
        network_map = network_map.sigmoid()
    elif rule.output == "min_max":
        lowest = network_map.amin((1, 2, 3), keepdim=True)
        span = network_map.amax((1, 2, 3), keepdim=True) - lowest
        network_map = (network_map - lowest) / span.clamp(min=1e-6)
    return network_map.clamp(0, 1)


def _refined(picture: Tensor, matte: Tensor, options: RefineOptions) -> Tensor:
    """[B,3,H,W] 0..255 and the map -> [B,4,H,W] 0..255, whole numbers."""
    size, guide = picture.shape[2:], F.avg_pool2d(picture, SCALE) / 255
    matte = F.interpolate(matte, size=guide.shape[2:], mode="bilinear")
    weights, offset = _linear_model(guide, matte, options)
    edge = _edge_share(matte, options)
    weights, offset = weights * edge, offset * edge + matte * (1 - edge)
    lowest = _box(_ramp(-_peak(-matte), 0.4, 1.0), 1)
    highest = _box(_ramp(_peak(matte), 0.0, 0.6), 1)
    alpha = _bounded(guide, weights, offset, lowest, highest)
    front, back = (_local_colour(guide, share**2, options) for share in (alpha, 1 - alpha))
    large = [
        F.interpolate(plane, size=size, mode="bilinear")
        for plane in (weights, offset, lowest, highest, front, back)
    ]
    fine = _layered(picture / 255, large, options)
    plain = _plain(picture, alpha)
    chosen = _chosen(highest - lowest, options)
    return torch.where(F.interpolate(chosen, scale_factor=TILE, mode="nearest") > 0, fine, plain)


def _linear_model(guide: Tensor, matte: Tensor, options: RefineOptions) -> tuple[Tensor, Tensor]:
    """Per pixel, by torch's own solver instead of the graph's elimination."""
    centred = guide - 0.5
    mean, level = _box(centred, options.radius), _box(matte, options.radius)
    outer = centred.unsqueeze(1) * centred.unsqueeze(2)
    moments = _box(outer.flatten(1, 2), options.radius).reshape(outer.shape)
    regular = options.epsilon * torch.eye(3).view(1, 3, 3, 1, 1)
    covariance = moments - mean.unsqueeze(1) * mean.unsqueeze(2) + regular
    relation = _box(centred * matte, options.radius) - mean * level
    # float64: exact to the last level, so that a difference is always the graph's.
    solved = torch.linalg.solve(
        covariance.permute(0, 3, 4, 1, 2).double(), relation.permute(0, 2, 3, 1).double().unsqueeze(-1)
    )
    weights = solved.squeeze(-1).permute(0, 3, 1, 2).float()
    offset = level - (weights * (mean + 0.5)).sum(1, keepdim=True)
    weights, offset = _box(weights, options.radius), _box(offset, options.radius)
    gain = 1 / (options.high - options.low)
    return weights * gain, (offset - options.low) * gain


def _edge_share(matte: Tensor, options: RefineOptions) -> Tensor:
    rise = _peak(F.max_pool2d(matte, EDGE_BLOCK)) + _peak(F.max_pool2d(-matte, EDGE_BLOCK))
    share = _ramp(rise, options.edge_low, options.edge_high)
    return F.interpolate(share, size=matte.shape[2:], mode="bilinear")


def _local_colour(guide: Tensor, share: Tensor, options: RefineOptions) -> Tensor:
    grain = 1e-3
    total = _box(share, options.colour_radius)
    return (_box(guide * share, options.colour_radius) + grain * guide) / (total + grain)


def _layered(colour: Tensor, planes: list[Tensor], options: RefineOptions) -> Tensor:
    weights, offset, lowest, highest, front, back = planes
    alpha = _bounded(colour, weights, offset, lowest, highest)
    missing = colour - (alpha * front + (1 - alpha) * back)
    pure = front + missing * alpha * (1 + options.colour_trust) / (alpha**2 + options.colour_trust)
    rgba = (torch.cat([pure, alpha], 1).clamp(0, 1) * 255).round()
    return torch.cat([torch.where(rgba[:, 3:] > 0, rgba[:, :3], 0), rgba[:, 3:]], 1)


def _plain(picture: Tensor, alpha: Tensor) -> Tensor:
    large = (F.interpolate(alpha, size=picture.shape[2:], mode="bilinear") * 255).round()
    seen = ((_tile_peak(alpha) * 255).round() > 0).float()
    return torch.cat([picture * F.interpolate(seen, scale_factor=TILE, mode="nearest"), large], 1)


def _chosen(span: Tensor, options: RefineOptions) -> Tensor:
    """1 in the tiles that are refined, [B,1,rows,columns]."""
    peak = _tile_peak(span)
    scores = peak.flatten(1)
    wanted = int(torch.ceil(torch.tensor(scores.shape[1]) * torch.tensor(options.capacity)))
    count = min(max(wanted, LEAST_TILES), scores.shape[1], MOST_TILES)
    # Of equals, those that come first: as TopK of ONNX is defined, and `Tensor.topk` isn't.
    order = scores.argsort(dim=1, descending=True, stable=True)
    chosen = torch.zeros_like(scores).scatter(1, order[:, :count], 1.0)
    return chosen.view_as(peak)


def _bounded(colour: Tensor, weights: Tensor, offset: Tensor, lowest: Tensor, highest: Tensor) -> Tensor:
    return torch.maximum(torch.minimum((weights * colour).sum(1, keepdim=True) + offset, highest), lowest)


def _tile_peak(plane: Tensor) -> Tensor:
    return F.max_pool2d(plane, GUIDE_TILE + 2, GUIDE_TILE, 1)


def _peak(plane: Tensor) -> Tensor:
    return F.max_pool2d(plane, 3, 1, 1)


def _ramp(value: Tensor, low: float, high: float) -> Tensor:
    return ((value - low) / (high - low)).clamp(0, 1)


def _box(planes: Tensor, radius: int) -> Tensor:
    padded = F.pad(planes, (radius,) * 4, mode="replicate")
    return F.avg_pool2d(padded, 2 * radius + 1, 1)
