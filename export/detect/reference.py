"""Both graphs in plain PyTorch, around transformers' own network: what they are checked against.

transformers adds the mask of the phrases to BERT's scores as numbers 0 and 1 where attention is computed
"eagerly", which hides nothing; the authors' code, and transformers with "sdpa", hide what is masked. So
BERT runs with "sdpa" here.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import GroundingDinoForObjectDetection
from transformers.models.grounding_dino import modeling_grounding_dino

from trt_anime.export.geometry import SHRINK, TILE
from trt_anime.export.recipes.detect import Detection


@dataclass(frozen=True)
class Found:
    """What transformers makes of frames and a prompt.

    Attributes:
        features: float32 [1,n,D], of the prompt's n tokens.
        boxes: float32 [B,Q,4], left, top, right, bottom in pixels of the frame.
        tokens: float32 [B,Q,T], 0..1.
    """

    features: Tensor
    boxes: Tensor
    tokens: Tensor


def found_by_transformers(
    network: GroundingDinoForObjectDetection, rule: Detection, frames: Tensor, ids: Sequence[int]
) -> Found:
    """Frames uint8 [B,H,W,3] RGB and the prompt's token ids, as `post_process_grounded_object_detection`
    sees them before its thresholds."""
    pixels, mask, (height, width) = _canvas(frames, rule)
    prompt = torch.tensor([list(ids)])
    with torch.no_grad(), _masked(network):
        features = _features(network, prompt)
        result = network(pixels, prompt.expand(len(frames), -1), pixel_mask=mask)
    centre, size = result.pred_boxes.split(2, -1)
    corners = torch.cat([centre - size / 2, centre + size / 2], -1)
    scale = torch.tensor([width, height, width, height])
    return Found(features, corners * scale, result.logits.sigmoid())


@contextmanager
def _masked(network: GroundingDinoForObjectDetection) -> Iterator[None]:
    network.model.text_backbone.set_attn_implementation("sdpa")
    try:
        yield
    finally:
        network.model.text_backbone.set_attn_implementation("eager")


def _features(network: GroundingDinoForObjectDetection, ids: Tensor) -> Tensor:
    model: Any = network.model
    library: Any = modeling_grounding_dino
    mask, order = library.generate_masks_with_special_tokens_and_transfer_map(ids, model.special_tokens)
    text = model.text_backbone(ids, mask[:, None], torch.zeros_like(ids), order)
    result: Tensor = model.text_projection(text.last_hidden_state)
    return result


def _canvas(frames: Tensor, rule: Detection) -> tuple[Tensor, Tensor, tuple[int, int]]:
    """The network's picture, the mask of what is picture in it, and the size that boxes are shares of."""
    margin = (0, -frames.shape[2] % TILE, 0, -frames.shape[1] % TILE)
    picture = F.pad(frames.permute(0, 3, 1, 2).float(), margin, mode="replicate")
    height, width = picture.shape[2:]
    if height * rule.canvas[1] <= width * rule.canvas[0]:
        size = (max((height * rule.canvas[1] + width // 2) // width, 1), rule.canvas[1])
    else:
        size = (rule.canvas[0], max((width * rule.canvas[0] + height // 2) // height, 1))
    boxes = [
        SHRINK[min(have // want, len(SHRINK) - 1)] for have, want in zip((height, width), size, strict=True)
    ]
    small = F.interpolate(F.avg_pool2d(picture, boxes), size=size, mode="bilinear")
    mean, std = (torch.tensor(values).reshape(1, 3, 1, 1) for values in (rule.mean, rule.std))
    empty = (0, rule.canvas[1] - size[1], 0, rule.canvas[0] - size[0])
    mask = F.pad(torch.ones(len(frames), *size, dtype=torch.int64), empty)
    return F.pad((small / 255 - mean) / std, empty), mask, (height, width)
