"""The published configurations, as data: what differs from the defaults of transformers' classes.

`IDEA-Research/grounding-dino-tiny` and `-base`; text side: BERT base, uncased (all its defaults).
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transformers import GroundingDinoConfig

_SWIN: dict[str, dict[str, Any]] = {
    "grounding-dino-tiny": {
        "image_size": 224,
        "embed_dim": 96,
        "depths": (2, 2, 6, 2),
        "num_heads": (3, 6, 12, 24),
        "window_size": 7,
    },
    "grounding-dino-base": {
        "image_size": 384,
        "embed_dim": 128,
        "depths": (2, 2, 18, 2),
        "num_heads": (4, 8, 16, 32),
        "window_size": 12,
    },
}


def configuration(architecture: str) -> "GroundingDinoConfig":
    """Of the network that is published under this name; needs transformers."""
    from transformers import BertConfig, GroundingDinoConfig, SwinConfig

    return GroundingDinoConfig(
        backbone_config=SwinConfig(**_SWIN[architecture], out_indices=[2, 3, 4]),
        text_config=BertConfig(),
        num_queries=900,
        max_text_len=256,
        d_model=256,
        encoder_layers=6,
        decoder_layers=6,
        encoder_attention_heads=8,
        decoder_attention_heads=8,
        encoder_ffn_dim=2048,
        decoder_ffn_dim=2048,
        num_feature_levels=4,
        encoder_n_points=4,
        decoder_n_points=4,
        disable_custom_kernels=True,
    )
