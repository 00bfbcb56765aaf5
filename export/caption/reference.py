"""The captioning networks as `transformers` has them: what the graphs are checked against."""

from typing import Any

import torch
from torch import Tensor, nn
from transformers import (
    Blip2Config,
    Blip2ForConditionalGeneration,
    BlipConfig,
    BlipForConditionalGeneration,
    PreTrainedConfig,
)

from trt_anime.export.caption.weights import Checkpoint
from trt_anime.export.recipes.caption import Captioning


def config_of(recipe: Captioning) -> PreTrainedConfig:
    """The library's configuration of a recipe."""
    v, q, d = recipe.vision, recipe.qformer, recipe.decoder
    vision: dict[str, object] = {
        "hidden_size": v.width,
        "intermediate_size": v.hidden,
        "num_hidden_layers": v.layers,
        "num_attention_heads": v.heads,
        "image_size": v.side,
        "patch_size": v.patch,
        "layer_norm_eps": v.norm_eps,
    }
    text: dict[str, object] = {
        "vocab_size": d.vocabulary,
        "hidden_size": d.width,
        "num_hidden_layers": d.layers,
        "num_attention_heads": d.heads,
        "max_position_embeddings": d.positions,
        "bos_token_id": d.start,
        "pad_token_id": d.pad,
    }
    if q is None:
        text |= {"intermediate_size": d.hidden, "layer_norm_eps": d.norm_eps, "sep_token_id": d.stop[0]}
        return BlipConfig(vision_config=vision, text_config=text)
    queries = {
        "hidden_size": q.width,
        "intermediate_size": q.hidden,
        "num_hidden_layers": q.layers,
        "num_attention_heads": q.heads,
        "layer_norm_eps": q.norm_eps,
        "cross_attention_frequency": q.cross_every,
    }
    text |= {"model_type": "opt", "ffn_dim": d.hidden, "eos_token_id": list(d.stop)}
    return Blip2Config(
        vision_config=vision,
        qformer_config=queries,
        text_config=text,
        num_query_tokens=q.queries,
        image_token_index=d.vocabulary - 1,  # stands for the picture, and is never one of the answer's
    )


def bare_network(recipe: Captioning) -> nn.Module:
    """The library's network without weights: its tensors have shapes only."""
    with torch.device("meta"):
        return _network(recipe)


def network_from_checkpoint(recipe: Captioning, checkpoint: Checkpoint) -> nn.Module:
    """The library's network, float32, all of its weights in memory."""
    network = _network(recipe)
    tensors = {name: torch.from_numpy(checkpoint.read(name)).float() for name in checkpoint.names}
    network.load_state_dict(tensors, strict=False)
    network.tie_weights()  # type: ignore[operator]
    return network


def _network(recipe: Captioning) -> nn.Module:
    kind: Any = BlipForConditionalGeneration if recipe.qformer is None else Blip2ForConditionalGeneration
    network: nn.Module = kind._from_config(config_of(recipe), attn_implementation="eager")
    return network.eval()


def pictures(frames: Tensor, side: int) -> Tensor:
    """uint8 [B,H,W,3] RGB -> float32 [B,3,side,side] by torch's own antialiased resize, normalised."""
    from trt_anime.export.caption.prepare import MEAN, STD

    planes = frames.permute(0, 3, 1, 2)
    small = nn.functional.interpolate(
        planes, (side, side), mode="bicubic", align_corners=False, antialias=True
    )
    mean, std = (torch.tensor(values).reshape(1, 3, 1, 1) for values in (MEAN, STD))
    return (small.float() / 255 - mean) / std
