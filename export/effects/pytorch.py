"""The library's CLIPSeg as ONNX."""

from typing import Any

import onnx
import torch

from trt_anime.export.catalogue import Model
from trt_anime.export.effects.networks import ClipSegHeat
from trt_anime.export.embed.pytorch import onnx_of_text
from trt_anime.export.recipes.effects import Effects
from trt_anime.export.tracing import BATCH, onnx_from_inputs

# The prompts asked about in one run.
PROMPTS = torch.export.Dim("prompts", min=1, max=64)


def onnx_of_heat(library: Any, model: Model) -> onnx.ModelProto:
    """``image`` float32 [batch,3,side,side], ``prompts`` float32 [prompts,D] -> ``logits`` float32
    [batch,prompts,side,side]."""
    side = model.recipe_as(Effects).picture.side
    inputs = {
        "image": (torch.zeros(2, 3, side, side), {0: BATCH}),
        "prompts": (torch.zeros(3, library.config.projection_dim), {0: PROMPTS}),
    }
    return onnx_from_inputs(ClipSegHeat(library, side).eval(), inputs, outputs=["logits"], name=model.name)


def onnx_of_prompt(library: Any, model: Model) -> onnx.ModelProto:
    """``ids`` int32 [batch,context] -> ``prompts`` float32 [batch,D]."""
    return onnx_of_text(library.clip, model.name, output="prompts")
