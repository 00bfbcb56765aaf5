"""The library's networks as ONNX."""

from typing import Any

import onnx
import torch

from trt_anime.export.catalogue import Model
from trt_anime.export.embed.networks import ClipPicture, ClipText, DinoPicture
from trt_anime.export.recipes.embed import Embedding
from trt_anime.export.tracing import BATCH, onnx_from_inputs


def onnx_of_picture(library: Any, model: Model) -> onnx.ModelProto:
    """``image`` float32 [batch,3,side,side] -> ``raw`` float32 [batch,D], of CLIP or DINOv2."""
    side = model.recipe_as(Embedding).picture.side
    network = ClipPicture(library) if hasattr(library, "vision_model") else DinoPicture(library, side)
    example = torch.zeros(2, 3, side, side)
    return onnx_from_inputs(
        network.eval(), {"image": (example, {0: BATCH})}, outputs=["raw"], name=model.name
    )


def onnx_of_texts(library: Any, model: Model) -> onnx.ModelProto:
    """`onnx_of_text` of a row."""
    return onnx_of_text(library, model.name)


def onnx_of_text(clip: Any, name: str, *, output: str = "raw") -> onnx.ModelProto:
    """``ids`` int32 [batch,context] -> `output` float32 [batch,D], of CLIP or of the one in CLIPSeg."""
    network = ClipText(clip.text_model, clip.text_projection, end=end_of(clip))
    context = clip.config.text_config.max_position_embeddings
    example = torch.full((2, context), end_of(clip), dtype=torch.int32)
    return onnx_from_inputs(network.eval(), {"ids": (example, {0: BATCH})}, outputs=[output], name=name)


def end_of(clip: Any) -> int:
    """The number of the end token."""
    return int(clip.config.text_config.eos_token_id)


# Stage graph -> what makes its network of the library's.
NETWORKS = {"embed": onnx_of_picture, "embed_text": onnx_of_texts}
