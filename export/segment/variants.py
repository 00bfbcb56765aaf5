"""The published configurations, as the transformers library takes them."""

from typing import TYPE_CHECKING, Any

from trt_anime.export.recipes.segment import Backbone, Segmentation

if TYPE_CHECKING:
    from transformers import Mask2FormerConfig

# facebook/mask2former-swin-*: the backbone's part of config.json. Those of window 12 were trained at 384.
BACKBONES: dict[Backbone, dict[str, Any]] = {
    "tiny": {
        "embed_dim": 96,
        "depths": [2, 2, 6, 2],
        "num_heads": [3, 6, 12, 24],
        "window_size": 7,
        "image_size": 224,
    },
    "small": {
        "embed_dim": 96,
        "depths": [2, 2, 18, 2],
        "num_heads": [3, 6, 12, 24],
        "window_size": 7,
        "image_size": 224,
    },
    "base": {
        "embed_dim": 128,
        "depths": [2, 2, 18, 2],
        "num_heads": [4, 8, 16, 32],
        "window_size": 12,
        "image_size": 384,
    },
    "large": {
        "embed_dim": 192,
        "depths": [2, 2, 18, 2],
        "num_heads": [6, 12, 24, 48],
        "window_size": 12,
        "image_size": 384,
    },
}

# The rest of config.json, equal in all of them.
HEAD: dict[str, Any] = {
    "feature_size": 256,
    "mask_feature_size": 256,
    "hidden_dim": 256,
    "encoder_feedforward_dim": 1024,
    "dim_feedforward": 2048,
    "encoder_layers": 6,
    "decoder_layers": 10,
    "num_attention_heads": 8,
    "pre_norm": False,
    "enforce_input_projection": False,
    "common_stride": 4,
    "feature_strides": [4, 8, 16, 32],
    "activation_function": "relu",
    "dropout": 0.0,
}


def config_for(rule: Segmentation) -> "Mask2FormerConfig":
    """The configuration that a recipe's weights were published with."""
    return config_of(BACKBONES[rule.backbone], HEAD, queries=rule.queries, classes=len(rule.labels))


def config_of(
    backbone: dict[str, Any], head: dict[str, Any], *, queries: int, classes: int
) -> "Mask2FormerConfig":
    """A configuration, with attention written out: what torch's exporter can read."""
    from transformers import Mask2FormerConfig, SwinConfig

    stages = ["stage1", "stage2", "stage3", "stage4"]
    rest: dict[str, Any] = {"drop_path_rate": 0.3, "out_features": stages}
    sizes: dict[str, Any] = {**head, "num_queries": queries, "num_labels": classes}
    config = Mask2FormerConfig(backbone_config=SwinConfig(**backbone, **rest), **sizes)
    config._attn_implementation = "eager"
    return config
