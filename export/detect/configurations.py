"""The published configurations, as data, in the words of transformers' classes.

What isn't said is their default: BERT base, uncased, for the text; Swin's own numbers for the backbone.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transformers import GroundingDinoConfig


def _published(**backbone: Any) -> dict[str, Any]:
    return {
        "backbone_config": {"model_type": "swin", "out_indices": [2, 3, 4], **backbone},
        "text_config": {"model_type": "bert"},
        "num_queries": 900,
        "max_text_len": 256,
        "d_model": 256,
        "encoder_layers": 6,
        "decoder_layers": 6,
        "encoder_attention_heads": 8,
        "decoder_attention_heads": 8,
        "encoder_ffn_dim": 2048,
        "decoder_ffn_dim": 2048,
        "num_feature_levels": 4,
        "encoder_n_points": 4,
        "decoder_n_points": 4,
        "positional_embedding_temperature": 20,
    }


ARCHITECTURES: dict[str, dict[str, Any]] = {
    # https://huggingface.co/IDEA-Research/grounding-dino-tiny
    "grounding-dino-tiny": _published(
        image_size=224, embed_dim=96, depths=[2, 2, 6, 2], num_heads=[3, 6, 12, 24], window_size=7
    ),
    # https://huggingface.co/IDEA-Research/grounding-dino-base
    "grounding-dino-base": _published(
        image_size=384, embed_dim=128, depths=[2, 2, 18, 2], num_heads=[4, 8, 16, 32], window_size=12
    ),
}


def configuration(architecture: str) -> "GroundingDinoConfig":
    """Of the network that is published under this name; needs transformers."""
    from transformers import GroundingDinoConfig

    return GroundingDinoConfig(**ARCHITECTURES[architecture])
