"""The stage in plain PyTorch, out of the library's own networks: what the graphs are checked against."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from trt_anime.export.recipes.pictures import Picture


def prepared(frame: Tensor, picture: Picture) -> Tensor:
    """frame uint8 [B,H,W,3] -> float32 [B,3,side,side], by torch's own antialiased resize."""
    planes = frame.permute(0, 3, 1, 2).float()
    height, width = planes.shape[2:]
    size = picture.resize, picture.resize
    if picture.crop is not None:
        shortest = min(height, width)
        size = height * picture.resize // shortest, width * picture.resize // shortest
    mode = {"linear": "bilinear", "cubic": "bicubic"}[picture.kernel]
    resized = F.interpolate(planes, size=size, mode=mode, antialias=True).round().clamp(0, 255)
    if picture.crop is not None:
        top, left = ((length - picture.crop) // 2 for length in size)
        resized = resized[:, :, top : top + picture.crop, left : left + picture.crop]
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (picture.mean, picture.std))
    return (resized / 255 - mean) / std


def picture_vectors(library: Any, image: Tensor) -> Tensor:
    """float32 [B,D] of length 1 by the library's own way through CLIP or DINOv2."""
    if hasattr(library, "get_image_features"):
        raw = library.get_image_features(pixel_values=image).pooler_output
    else:
        raw = library(pixel_values=image).pooler_output
    return F.normalize(raw, dim=1)


def text_vectors(library: Any, ids: Tensor) -> Tensor:
    """float32 [N,D] of length 1 by the library's own way through CLIP."""
    return F.normalize(library.get_text_features(input_ids=ids.long()).pooler_output, dim=1)
