"""What the mask tests are made of: each network in small, with weights, and the stage graphs of it."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import numpy as np
import onnx
import onnxruntime as ort
import torch
from numpy.typing import NDArray

from tests.letting_go import no_network_beside_sessions
from tests.matte.pieces import drawings, session_of
from tests.onnx_sessions import arrays
from trt_anime.export import checkpoints, graphs
from trt_anime.export.catalogue import CATALOGUE, Model, get
from trt_anime.export.check import Difference
from trt_anime.export.mask import published
from trt_anime.export.mask.networks import MaskNetworks
from trt_anime.export.mask.synthetic import synthetic_checkpoint
from trt_anime.export.networks.mobile_sam.decoder import DecoderShape
from trt_anime.export.networks.mobile_sam.network import MobileSam, MobileSamShape
from trt_anime.export.networks.mobile_sam.tinyvit import TinyVitShape
from trt_anime.export.recipes.mask import Masking

MODELS = ("mobile-sam", "sam-vit-b", "sam2-tiny")
SIDE = 128  # of every small network's image

_MOBILE = MobileSamShape(
    side=SIDE,
    encoder=TinyVitShape(
        widths=(8, 16, 20, 24), depths=(1, 1, 1, 1), heads=(1, 2, 5, 3), windows=(7, 7, 5, 7), output=32
    ),
    decoder=DecoderShape(channels=32, hidden=48, heads=4, layers=1),
)
_PROMPTS = {"hidden_size": 32, "image_size": SIDE}
_DECODER = {"hidden_size": 32, "mlp_dim": 48, "iou_head_hidden_dim": 24, "num_attention_heads": 4}
_SAM = {
    "vision_config": {
        "hidden_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 3,
        "global_attn_indexes": [1],
        "image_size": SIDE,
        "window_size": 3,
        "output_channels": 32,
        "num_pos_feats": 16,
        "mlp_ratio": 2.0,
    },
    "prompt_encoder_config": _PROMPTS,
    "mask_decoder_config": {**_DECODER, "num_hidden_layers": 1},
}
_SAM2 = {
    "vision_config": {
        "backbone_config": {
            "model_type": "sam2_hiera_det_model",
            "hidden_size": 16,
            "embed_dim_per_stage": [16, 32, 64, 96],
            "num_attention_heads_per_stage": [1, 2, 4, 3],
            "blocks_per_stage": [1, 1, 2, 1],
            "global_attention_blocks": [3],
            "image_size": [SIDE, SIDE],
            "window_size_per_stage": [8, 4, 6, 3],
        },
        "backbone_channel_list": [96, 64, 32, 16],
        "backbone_feature_sizes": [[32, 32], [16, 16], [8, 8]],
        "fpn_hidden_size": 32,
    },
    "prompt_encoder_config": _PROMPTS,
    "mask_decoder_config": _DECODER,
}
_SMALL = {"sam_vit_b": _SAM, "sam2_hiera_tiny": _SAM2}

Frames = NDArray[np.uint8]
Values = NDArray[np.float32]


class Small(NamedTuple):
    """A small model: its row, its file, its parts, the graphs, and how far these are from PyTorch."""

    row: Model
    path: Path
    networks: MaskNetworks
    image: onnx.ModelProto
    mask: onnx.ModelProto
    differences: tuple[Difference | None, ...]


def small_row(model: str) -> Model:
    row = get(model)
    return replace(row, recipe=replace(row.recipe_as(Masking), side=SIDE, prompts=3))


@contextmanager
def small_networks() -> Iterator[None]:
    """While it lasts, the published networks are small ones."""
    with (
        mock.patch.object(published, "CONFIGURATIONS", _SMALL),
        mock.patch.object(published, "create", lambda name: MobileSam(_MOBILE)),
    ):
        yield


@cache
def small(model: str) -> Small:
    """From a file to the graphs, by the way that `trt-anime export` takes."""
    row = small_row(model)
    folder = Path(tempfile.mkdtemp())
    path = folder / ("weights.pt" if model == "mobile-sam" else "weights.safetensors")
    with (
        small_networks(),
        mock.patch.dict(CATALOGUE, {model: row}),
        mock.patch.dict(os.environ, {"TRT_ANIME_HOME": str(folder / "home")}),
    ):
        synthetic_checkpoint(row, path, seed=1)
        checkpoints.import_file(row, path)
        with no_network_beside_sessions():
            made = graphs.export(model).graphs
        networks = published.networks_from_checkpoint(row, path)
    image, mask = (onnx.load(graph.path) for graph in made)
    return Small(row, path, networks, image, mask, tuple(graph.difference for graph in made))


@cache
def sessions(model: str) -> tuple[ort.InferenceSession, ort.InferenceSession]:
    return session_of(small(model).image), session_of(small(model).mask)


def run(model: str, frames: Frames, boxes: Values) -> dict[str, NDArray[Any]]:
    """All outputs of both graphs by name."""
    image, mask = sessions(model)
    maps = dict(zip(small(model).networks.maps, arrays(image, {"frame": frames}), strict=True))
    size = np.array(frames.shape[1:3], np.int64)
    found: Any = mask.run(["mask", "quality"], {**maps, "boxes": boxes, "size": size})
    return {**maps, "mask": found[0], "quality": found[1]}


def example(height: int, width: int, batch: int = 2, prompts: int = 3) -> tuple[Frames, Values]:
    """Frames uint8 [B,H,W,3]; boxes float32 [B,N,4] in their pixels, the last one beyond the frame."""
    rng = np.random.default_rng(height + width)
    ends = rng.uniform(0, 1, (batch, prompts, 2, 2)) * (width, height)
    boxes = np.concatenate([ends.min(axis=2), ends.max(axis=2)], axis=2).astype(np.float32)
    boxes[:, -1] += (-5, -3, 6.5, 2)
    return drawings(batch, height, width), boxes


def library_model(model: str) -> Any:
    """The library's network with the small one's weights, untouched by the exporter."""
    from safetensors.torch import load_file

    with small_networks():
        network: Any = published.network_of(get(model).architecture)
    network.load_state_dict(load_file(small(model).path))
    return network.eval().requires_grad_(False)


def of_torch(array: torch.Tensor) -> NDArray[Any]:
    result: NDArray[Any] = array.numpy()
    return result
