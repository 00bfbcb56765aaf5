"""What the segmentation tests are made of: small rules, networks and stage graphs."""

from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import onnx
import torch

from trt_anime.export.catalogue import Model, get
from trt_anime.export.recipes.segment import Segmentation
from trt_anime.export.segment.compose import segment_graph
from trt_anime.export.segment.network import Mask2Former, network_for, onnx_from_network
from trt_anime.export.segment.synthetic import unsettle
from trt_anime.export.segment.variants import HEAD, config_of

# A shifted window, a padded one, each level of the pixel decoder seen once by the queries.
BACKBONE = {"embed_dim": 8, "depths": [1, 2, 1, 1], "num_heads": [1, 2, 2, 2], "window_size": 3}
SMALL_HEAD = {
    **HEAD,
    **dict.fromkeys(("feature_size", "mask_feature_size", "hidden_dim", "encoder_feedforward_dim"), 32),
    "dim_feedforward": 32,
    "encoder_layers": 1,
    "decoder_layers": 4,
    "num_attention_heads": 2,
}
CLASSES = 12


@dataclass(frozen=True, kw_only=True)
class Square(Segmentation):
    """Pictures as high as wide, as the published processors make them."""

    @property
    def network_size(self) -> tuple[int, int]:
        return self.short_side, self.short_side


def rule_for(task: Any, classes: int | None = None) -> Segmentation:
    """A small rule: 64x128 pictures, 30 queries that all have a slot.

    Labels are many for instance heads: torch orders the best pairs where they are few among all, and COCO's
    80 are enough for that.
    """
    count = classes or (80 if task == "instance" else CLASSES)
    labels = tuple(f"class {number}" for number in range(count))
    things = count * 2 // 3
    return Segmentation(
        task=task, backbone="tiny", queries=30, labels=labels, things=things, short_side=64, slots=30
    )


def row(rule: Segmentation) -> Model:
    """A catalogue row with another rule."""
    return replace(get("mask2former-tiny"), recipe=rule)


@cache
def network() -> Mask2Former:
    """Small, with weights that say something."""
    torch.manual_seed(0)
    config = config_of(BACKBONE, SMALL_HEAD, queries=30, classes=CLASSES)
    made = network_for(config)
    unsettle(made, rule_for("panoptic"))
    return made


@cache
def exported() -> onnx.ModelProto:
    """The same network as ONNX; to be left unchanged."""
    return onnx_from_network(network(), rule_for("panoptic").network_size, name="small")


def graph_for(rule: Segmentation) -> onnx.ModelProto:
    """The stage graph around the small network."""
    return segment_graph(exported(), row(rule), checkpoint_sha256="0" * 64, licence="MIT")
