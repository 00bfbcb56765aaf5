"""CLIPSeg as it is published: its configuration, and weights files into it, strictly."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trt_anime.export.embed.published import CLIP, without_positions
from trt_anime.export.networks.library import network_of_library
from trt_anime.export.networks.loading import load_checkpoint

if TYPE_CHECKING:
    from transformers import CLIPSegForImageSegmentation

# As in the `config.json` of CIDAS/clipseg-rd64-refined, the values that change a result.
CLIPSEG: dict[str, Mapping[str, Any]] = {
    "clipseg-rd64-refined": {
        "projection_dim": 512,
        "text_config": CLIP["clip-b32"]["text_config"],
        "vision_config": {**CLIP["clip-b32"]["vision_config"], "patch_size": 16},
        "extract_layers": [3, 6, 9],
        "reduce_dim": 64,
        "decoder_num_attention_heads": 4,
        "decoder_intermediate_size": 2048,
        "conditional_layer": 0,
        "use_complex_transposed_convolution": True,
    }
}


def clipseg_from_checkpoint(configuration: Mapping[str, Any], path: Path) -> "CLIPSegForImageSegmentation":
    """CLIPSeg with the weights of `path`, in eval mode, with plain attention. Raises CheckpointError."""
    network = new_clipseg(configuration)
    load_checkpoint(network, path, renamed=without_positions)
    return network


def new_clipseg(configuration: Mapping[str, Any]) -> "CLIPSegForImageSegmentation":
    """CLIPSeg without weights."""
    network: CLIPSegForImageSegmentation = network_of_library(
        "CLIPSegForImageSegmentation", "CLIPSegConfig", configuration
    )
    return network
