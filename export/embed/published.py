"""The encoders as they are published: their configurations, and weights files into them, strictly."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trt_anime.export.networks.library import network_of_library
from trt_anime.export.networks.loading import load_checkpoint

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import CLIPModel, Dinov2Model

CONTEXT = 77  # tokens, of all CLIP models

_WORDS = {
    "vocab_size": 49408,
    "max_position_embeddings": CONTEXT,
    "hidden_act": "quick_gelu",
    "eos_token_id": 49407,  # in the older files 2, which the library reads as this
}

# As in the `config.json` of openai/clip-vit-base-patch32 and openai/clip-vit-large-patch14, the values that
# change a result.
CLIP: dict[str, Mapping[str, Any]] = {
    "clip-b32": {
        "projection_dim": 512,
        "text_config": {
            **_WORDS,
            "hidden_size": 512,
            "intermediate_size": 2048,
            "num_hidden_layers": 12,
            "num_attention_heads": 8,
        },
        "vision_config": {
            "hidden_size": 768,
            "intermediate_size": 3072,
            "num_hidden_layers": 12,
            "num_attention_heads": 12,
            "image_size": 224,
            "patch_size": 32,
            "hidden_act": "quick_gelu",
        },
    },
    "clip-l14": {
        "projection_dim": 768,
        "text_config": {
            **_WORDS,
            "hidden_size": 768,
            "intermediate_size": 3072,
            "num_hidden_layers": 12,
            "num_attention_heads": 12,
        },
        "vision_config": {
            "hidden_size": 1024,
            "intermediate_size": 4096,
            "num_hidden_layers": 24,
            "num_attention_heads": 16,
            "image_size": 224,
            "patch_size": 14,
            "hidden_act": "quick_gelu",
        },
    },
}

_DINO = {
    "image_size": 518,
    "patch_size": 14,
    "mlp_ratio": 4,
    "hidden_act": "gelu",
    "layer_norm_eps": 1e-6,
    "qkv_bias": True,
    "use_swiglu_ffn": False,
}

# As in the `config.json` of facebook/dinov2-small, -base and -large.
DINO: dict[str, Mapping[str, Any]] = {
    "dinov2-s": {**_DINO, "hidden_size": 384, "num_hidden_layers": 12, "num_attention_heads": 6},
    "dinov2-b": {**_DINO, "hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12},
    "dinov2-l": {**_DINO, "hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16},
}

# Of a published DINOv2 file -> of the library's module, which has other names since its release 5.
DINO_NAMES = {
    ".attention.attention.query.": ".attention.q_proj.",
    ".attention.attention.key.": ".attention.k_proj.",
    ".attention.attention.value.": ".attention.v_proj.",
    ".attention.output.dense.": ".attention.o_proj.",
}


def clip_from_checkpoint(configuration: Mapping[str, Any], path: Path) -> "CLIPModel":
    """CLIP with the weights of `path`, in eval mode, with plain attention. Raises CheckpointError."""
    network = new_clip(configuration)
    load_checkpoint(network, path, renamed=without_positions)
    return network


def dino_from_checkpoint(configuration: Mapping[str, Any], path: Path) -> "Dinov2Model":
    """DINOv2 with the weights of `path`, in eval mode, with plain attention. Raises CheckpointError."""
    network = new_dino(configuration)
    load_checkpoint(network, path, renamed=_dino_names)
    return network


def new_clip(configuration: Mapping[str, Any]) -> "CLIPModel":
    """CLIP without weights."""
    network: CLIPModel = network_of_library("CLIPModel", "CLIPConfig", configuration)
    return network


def new_dino(configuration: Mapping[str, Any]) -> "Dinov2Model":
    """DINOv2 without weights."""
    network: Dinov2Model = network_of_library("Dinov2Model", "Dinov2Config", configuration)
    return network


def without_positions(tensors: "dict[str, Tensor]") -> "dict[str, Tensor]":
    """Older files hold the numbers 0, 1, 2... as if they had been learned."""
    return {name: tensor for name, tensor in tensors.items() if not name.endswith(".position_ids")}


def _dino_names(tensors: "dict[str, Tensor]") -> "dict[str, Tensor]":
    return {_dino_name(name): tensor for name, tensor in tensors.items()}


def _dino_name(name: str) -> str:
    for published, ours in DINO_NAMES.items():
        name = name.replace(published, ours)
    return name
