"""The published models as data: sizes, names, and how many weights each has."""

import pytest
import torch

from trt_anime.export.catalogue import Model, get
from trt_anime.export.catalogue.segment import ROWS
from trt_anime.export.catalogue.segment_labels import ADE20K, COCO_PANOPTIC, COCO_THINGS
from trt_anime.export.recipes.segment import Backbone, Segmentation
from trt_anime.export.segment.network import Mask2Former
from trt_anime.export.segment.variants import config_for

# In the paper's tables, in millions.
PARAMETERS: dict[Backbone, int] = {"tiny": 47, "small": 69, "base": 107, "large": 216}


@pytest.mark.parametrize("backbone", PARAMETERS)
def test_as_many_weights_as_published(backbone: Backbone) -> None:
    rule = get(f"mask2former-{backbone}").recipe_as(Segmentation)
    with torch.device("meta"):
        network = Mask2Former(config_for(rule))
    assert round(sum(weight.numel() for weight in network.parameters()) / 1e6) == PARAMETERS[backbone]


def test_labels() -> None:
    assert (len(COCO_THINGS), len(COCO_PANOPTIC), len(ADE20K)) == (80, 133, 150)
    for labels in (COCO_PANOPTIC, ADE20K):
        assert len(set(labels)) == len(labels) and all(label == label.strip() != "" for label in labels)
    assert [COCO_PANOPTIC[number] for number in (0, 79, 80, 116, 119, 132)] == [
        "person", "toothbrush", "banner", "tree-merged", "sky-other-merged", "rug-merged",
    ]  # fmt: skip
    assert [ADE20K[number] for number in (0, 2, 12, 76, 127, 149)] == [
        "wall", "sky", "person", "boat", "bicycle", "flag",
    ]  # fmt: skip


def test_rows() -> None:
    assert len(ROWS) == 12
    many = {row.name for row in ROWS if row.recipe_as(Segmentation).queries == 200}
    assert many == {"mask2former-large", "mask2former-large-instance"}
    for row in ROWS:
        rule = row.recipe_as(Segmentation)
        heads = {"panoptic": (133, 80), "instance": (80, 80), "semantic": (150, 0)}
        assert (len(rule.labels), rule.things) == heads[rule.task]
        assert row.files[0].sources[0].startswith(f"hf:facebook/mask2former-swin-{rule.backbone}-")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_pictures_are_whole_windows_of_the_shape_of_film(row: Model) -> None:
    height, width = row.recipe_as(Segmentation).network_size
    assert height % 32 == width % 32 == 0
    assert abs(width / height - 16 / 9) < 0.03
