"""The networks as they were published: configurations, and files into networks."""

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trt_anime.export.catalogue import Model
from trt_anime.export.networks import create
from trt_anime.export.networks.library import no_random_weights, require_transformers
from trt_anime.export.recipes.mask import Masking

if TYPE_CHECKING:
    from torch import nn

    from trt_anime.export.mask.networks import MaskNetworks

Configuration = Mapping[str, Any]

_DECODER = {
    "hidden_size": 256,
    "mlp_dim": 2048,
    "num_hidden_layers": 2,
    "num_attention_heads": 8,
    "attention_downsample_rate": 2,
    "num_multimask_outputs": 3,
    "iou_head_depth": 3,
    "iou_head_hidden_dim": 256,
}
_PROMPTS = {
    "hidden_size": 256,
    "image_size": 1024,
    "patch_size": 16,
    "mask_input_channels": 16,
    "num_point_embeddings": 4,
}

# `facebook/sam-vit-base`
_SAM_VIT_B: Configuration = {
    "vision_config": {
        "hidden_size": 768,
        "output_channels": 256,
        "num_hidden_layers": 12,
        "num_attention_heads": 12,
        "image_size": 1024,
        "patch_size": 16,
        "mlp_ratio": 4.0,
        "window_size": 14,
        "global_attn_indexes": [2, 5, 8, 11],
        "num_pos_feats": 128,
    },
    "prompt_encoder_config": _PROMPTS,
    "mask_decoder_config": _DECODER,
}


def _hiera(blocks: list[int], everywhere: list[int]) -> Configuration:
    """`facebook/sam2.1-hiera-tiny` and `-small`: they differ in the third level's depth."""
    backbone = {
        "model_type": "sam2_hiera_det_model",
        "hidden_size": 96,
        "image_size": [1024, 1024],
        "blocks_per_stage": blocks,
        "embed_dim_per_stage": [96, 192, 384, 768],
        "num_attention_heads_per_stage": [1, 2, 4, 8],
        "window_size_per_stage": [8, 4, 14, 7],
        "window_positional_embedding_background_size": [7, 7],
        "global_attention_blocks": everywhere,
    }
    vision = {
        "backbone_config": backbone,
        "backbone_channel_list": [768, 384, 192, 96],
        "backbone_feature_sizes": [[256, 256], [128, 128], [64, 64]],
        "fpn_hidden_size": 256,
        "fpn_top_down_levels": [2, 3],
        "num_feature_levels": 3,
    }
    stability = {
        "dynamic_multimask_via_stability": True,
        "dynamic_multimask_stability_delta": 0.05,
        "dynamic_multimask_stability_thresh": 0.98,
    }
    return {
        "vision_config": vision,
        "prompt_encoder_config": _PROMPTS,
        "mask_decoder_config": _DECODER | stability,
    }


# architecture -> configuration, of the networks that come from `transformers`
CONFIGURATIONS: dict[str, Configuration] = {
    "sam_vit_b": _SAM_VIT_B,
    "sam2_hiera_tiny": _hiera([1, 2, 7, 2], [5, 7, 9]),
    "sam2_hiera_small": _hiera([1, 2, 11, 2], [7, 10, 13]),
}


def networks_from_checkpoint(row: Model, path: Path) -> "MaskNetworks":
    """The parts of the catalogue row's network, with the weights of a published file, strictly.

    Raises CheckpointError, and MissingError where the library isn't installed.
    """
    from trt_anime.export.mask import layouts
    from trt_anime.export.networks.loading import load_checkpoint, loaded

    if row.architecture == "mobile_sam":
        model: Any = loaded(lambda: network_of(row.architecture), path)
    else:
        with no_random_weights():
            model = network_of(row.architecture)
        sam = row.architecture == "sam_vit_b"
        load_checkpoint(model, path, renamed=layouts.sam_names if sam else layouts.sam2_names)
    return parts_of(model, row)


def parts_of(model: Any, row: Model) -> "MaskNetworks":
    """Of the catalogue row's network, which goes to eval mode."""
    from trt_anime.export.mask import mobile, sam, sam2

    modules: dict[str, Any] = {"mobile_sam": mobile, "sam_vit_b": sam}
    networks: MaskNetworks = modules.get(row.architecture, sam2).networks_of(model, row.name)
    assert networks.side == row.recipe_as(Masking).side
    return networks


def network_of(architecture: str) -> "nn.Module":
    """The network with random weights. Raises MissingError where its library isn't installed."""
    if architecture == "mobile_sam":
        return create(architecture)
    require_transformers()
    from transformers import Sam2Config, Sam2Model, SamConfig, SamModel

    configuration: Any = copy.deepcopy(CONFIGURATIONS[architecture])  # the library keeps and changes it
    kind: Any = SamModel if architecture == "sam_vit_b" else Sam2Model
    settings: Any = (SamConfig if architecture == "sam_vit_b" else Sam2Config)(**configuration)
    model: nn.Module = kind._from_config(settings, attn_implementation="eager")
    return model
