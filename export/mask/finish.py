"""After the networks: maps as they are, logits as masks at the frame's size."""

import numpy as np
import onnx
import spox.opset.ai.onnx.v20 as op
from spox import Tensor, argument, build

from trt_anime.export.geometry import integers, resized, scalar
from trt_anime.export.recipes.mask import Masking


def image_graph_after(maps: dict[str, tuple[int, int, int]]) -> onnx.ModelProto:
    """``found_...`` float32 [B,C,h,w] -> the maps by their names."""
    found = {name: argument(Tensor(np.float32, ("batch", *shape))) for name, shape in maps.items()}
    inputs = {f"found_{name}": value for name, value in found.items()}
    return build(inputs, {name: op.identity(value) for name, value in found.items()})


def mask_graph_after(rule: Masking) -> onnx.ModelProto:
    """In: ``logits`` float32 [B,N,s,s], ``found_quality`` float32 [B,N], ``frame_size`` and ``inner`` as
    `mask_graph_before` gives them. Out: ``mask`` uint8 [B,N,H,W], the sigmoid times 255; ``quality``.
    """
    logits = argument(Tensor(np.float32, ("batch", "prompts", "rows", "rows")))
    quality = argument(Tensor(np.float32, ("batch", "prompts")))
    size, inner = (argument(Tensor(np.int64, (2,))) for _ in range(2))
    planes = logits
    if rule.fit == "corner":
        side = integers(rule.side)
        planes = op.slice(resized(planes, side, side), integers(0, 0), inner, integers(2, 3))
    height, width = (op.slice(size, integers(axis), integers(axis + 1)) for axis in (0, 1))
    levels = op.mul(op.sigmoid(resized(planes, height, width)), scalar(255))
    return build(
        {"logits": logits, "found_quality": quality, "frame_size": size, "inner": inner},
        {"mask": op.cast(op.round(levels), to=np.uint8), "quality": op.identity(quality)},
    )
