"""Weights that nobody trained: what a network of them finds, as many layers deep as the published ones."""

from functools import cache

import numpy as np
import pytest
import torch

from tests.matte.pieces import drawings
from tests.segment.pieces import BACKBONE, CLASSES, SMALL_HEAD, rule_for
from trt_anime.export.segment.network import Mask2Former, network_for
from trt_anime.export.segment.reference import SegmentReference
from trt_anime.export.segment.synthetic import unsettle
from trt_anime.export.segment.variants import HEAD, config_of

SURE = 0.5  # the published threshold, which calibration takes, too


@cache
def deep() -> Mask2Former:
    torch.manual_seed(1)
    head = {**SMALL_HEAD, "decoder_layers": HEAD["decoder_layers"]}
    made = network_for(config_of(BACKBONE, head, queries=30, classes=CLASSES))
    unsettle(made, rule_for("panoptic"))
    return made


@pytest.mark.parametrize("task", ["panoptic", "instance", "semantic"])
def test_several_segments_share_each_picture(task: str) -> None:
    """And not only the picture that the weights were made by."""
    with torch.no_grad():
        indexes = SegmentReference(deep(), rule_for(task, CLASSES))(
            torch.from_numpy(drawings(2, 135, 240)), SURE
        )
    for index in indexes.numpy():
        shares = np.sort(np.unique(index, return_counts=True)[1] / index.size)
        assert shares[-1] < 0.9 and shares[-2] > 0.05


def test_queries_say_different_things_of_any_picture() -> None:
    """Untrained decoders make all of them alike: what they have in common outweighs what they differ in."""
    picture = torch.randn(1, 3, 64, 128, generator=torch.Generator().manual_seed(3))
    names, masks = deep()(picture)
    for found in (names[0], masks[0].flatten(1)):
        assert found.std(0).mean() > 0.6 * found.std()
    assert 0.3 < (masks > 0).float().mean() < 0.7  # in a mask as often as out of it
    assert 1 <= (names.argmax(-1) < CLASSES).sum() <= 10  # of thirty
