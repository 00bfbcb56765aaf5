"""What the graph has to compute, in PyTorch, written for reading: all candidates at frame size at once."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from trt_anime.export.recipes.segment import Segmentation

Network = Callable[[Tensor], tuple[Tensor, Tensor]]
_NOBODY = 255


class SegmentReference:
    """Frames uint8 [B,H,W,3] and a threshold -> index uint8 [B,H,W]."""

    def __init__(self, network: Network, rule: Segmentation) -> None:
        self.network, self.rule = network, rule

    def __call__(self, frames: Tensor, threshold: float) -> Tensor:
        class_logits, mask_logits = self.network(self.image(frames))
        logits = F.interpolate(mask_logits, size=self.rule.network_size, mode="bilinear")
        size = (frames.shape[1], frames.shape[2])
        choose = {"panoptic": self._panoptic, "instance": self._instance, "semantic": self._semantic}
        chances = class_logits.softmax(-1)
        indexes = [
            choose[self.rule.task](one, masks, size, threshold)
            for one, masks in zip(chances, logits, strict=True)
        ]
        return torch.stack(indexes).to(torch.uint8)

    def image(self, frames: Tensor) -> Tensor:
        """The network's input."""
        height, width = self.rule.network_size
        rows, columns = (-(-frames.shape[1] // height), -(-frames.shape[2] // width))
        planes = frames.permute(0, 3, 1, 2).float()
        large = F.interpolate(planes, size=(height * rows, width * columns), mode="bilinear")
        mean, std = (torch.tensor(values).reshape(1, 3, 1, 1) for values in (self.rule.mean, self.rule.std))
        return (F.avg_pool2d(large, (rows, columns)) / 255 - mean) / std

    def _panoptic(self, chances: Tensor, masks: Tensor, size: tuple[int, int], threshold: float) -> Tensor:
        scores, labels = chances.max(-1)
        candidates = (labels < len(self.rule.labels)) & (scores > threshold)
        best = torch.where(candidates, scores, -1).argsort(descending=True, stable=True)
        kept = [int(query) for query in best[: self.rule.slots] if candidates[query]]
        if not kept:
            return torch.full(size, _NOBODY)
        rows = torch.tensor(sorted(kept))
        planes = F.interpolate(masks[rows].sigmoid()[None], size=size, mode="bilinear")[0]
        winners: Tensor = rows[(planes * scores[rows, None, None]).argmax(0)]
        return winners

    def _instance(self, chances: Tensor, masks: Tensor, size: tuple[int, int], threshold: float) -> Tensor:
        pairs, place = chances[:, :-1].flatten().sort(descending=True, stable=True)
        index = torch.full(size, _NOBODY)
        for row in range(self.rule.queries):
            logits = masks[place[row] // len(self.rule.labels)]
            inside = (logits > 0).float()
            quality = (logits.sigmoid() * inside).sum() / (inside.sum() + 1e-6)
            if pairs[row] * quality >= threshold:
                index[F.interpolate(inside[None, None], size=size)[0, 0] > 0] = row
        return index

    def _semantic(self, chances: Tensor, masks: Tensor, size: tuple[int, int], threshold: float) -> Tensor:
        evidence = torch.einsum("qc,qhw->chw", chances[:, :-1], masks.sigmoid())
        best, winners = F.interpolate(evidence[None], size=size, mode="bilinear")[0].max(0)
        return torch.where(best > threshold, winners, _NOBODY)
