"""The stage in plain PyTorch, by the library's own way: what the graphs are checked against."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from trt_anime.export.embed.reference import prepared
from trt_anime.export.recipes.pictures import Picture


def heat_of(library: Any, frame: Tensor, prompts: Tensor, picture: Picture) -> Tensor:
    """frame uint8 [B,H,W,3], prompts float32 [P,D] -> heat float32 [B,P,H,W], 0..255, not rounded."""
    image, count = prepared(frame, picture), len(prompts)
    repeated = image.repeat_interleave(count, 0)
    found = library(
        pixel_values=repeated,
        conditional_embeddings=prompts.repeat(len(image), 1),
        interpolate_pos_encoding=True,
    )
    share = found.logits.sigmoid().unflatten(0, (len(image), count))
    return F.interpolate(share, size=frame.shape[1:3], mode="bilinear") * 255


def prompts_of(library: Any, ids: Tensor) -> Tensor:
    """ids [N,context] -> float32 [N,D]."""
    with torch.no_grad():
        vectors: Tensor = library.get_conditional_embeddings(batch_size=len(ids), input_ids=ids.long())
    return vectors
