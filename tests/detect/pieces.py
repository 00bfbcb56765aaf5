"""What the tests of the detector are made of: a small GroundingDINO, and pictures."""

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import GroundingDinoForObjectDetection

from trt_anime.export.catalogue import Model, get
from trt_anime.export.detect.configurations import configuration
from trt_anime.export.recipes.detect import Detection

Arrays = dict[str, NDArray[Any]]

NAME = "grounding-dino-small"
CANVAS, CONTEXT, QUERIES = (75, 133), 16, 20

# All that the published ones have: shifted windows, a level that the backbone doesn't give, refined boxes.
ARCHITECTURE: dict[str, Any] = {
    "backbone_config": {
        "model_type": "swin",
        "image_size": 64,
        "embed_dim": 16,
        "depths": [2, 1, 1],
        "num_heads": [1, 2, 4],
        "window_size": 4,
        "out_indices": [2, 3],
    },
    "text_config": {
        "model_type": "bert",
        "vocab_size": 6000,
        "hidden_size": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 4,
        "intermediate_size": 64,
    },
    "num_feature_levels": 3,
    "num_queries": QUERIES,
    "max_text_len": CONTEXT,
    "d_model": 64,
    "encoder_layers": 1,
    "decoder_layers": 2,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 64,
    "decoder_ffn_dim": 64,
}

# Of one word, of several, with a question mark, and as long as the context.
PROMPTS = {
    "one": (101, 2543, 1012, 102),
    "two": (101, 2543, 1012, 2304, 5610, 1012, 102),
    "question": (101, 2543, 2304, 1029, 5610, 1012, 102),
    "full": (101, 2543, 1012, 2304, 5610, 1012, 7, 8, 9, 10, 11, 1012, 12, 13, 1012, 102),
}


def small_row() -> Model:
    """A row of the catalogue with the small network, a small canvas and a short context."""
    row = get("grounding-dino-tiny")
    rule = replace(row.recipe_as(Detection), canvas=CANVAS, context=CONTEXT)
    return replace(row, name=NAME, architecture="small", recipe=rule)


RULE = small_row().recipe_as(Detection)


def lively_network(seed: int = 0) -> GroundingDinoForObjectDetection:
    """Of `ARCHITECTURE`, with weights that make every part count: scores are spread over 0..1."""
    torch.manual_seed(seed)
    kind: Any = GroundingDinoForObjectDetection
    network: GroundingDinoForObjectDetection = kind._from_config(
        configuration("small"), attn_implementation="eager"
    )
    with torch.no_grad():
        for weight in network.parameters():
            if weight.dim() > 1:
                weight.normal_(std=0.12)
        layer: Any
        for layer in network.model.encoder.layers:
            layer.fusion_layer.vision_param.fill_(0.5)
            layer.fusion_layer.text_param.fill_(0.5)
        network.model.decoder.layer_norm.weight.fill_(0.3)
    return freeze(network)


def freeze(network: Any) -> GroundingDinoForObjectDetection:
    result: GroundingDinoForObjectDetection = network.eval().requires_grad_(False)
    return result


def frames(batch: int, height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    """uint8 [B,H,W,3]: blurred noise, each frame another."""
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(0, 255, (batch, -(-height // 8), -(-width // 8), 3))
    fine = coarse.repeat(8, axis=1).repeat(8, axis=2)[:, :height, :width]
    return np.clip(fine + rng.normal(0, 10, fine.shape), 0, 255).astype(np.uint8)
