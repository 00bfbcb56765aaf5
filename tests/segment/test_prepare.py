"""The network's input: the whole frame, at the network's size, in the published values."""

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from tests.matte.pieces import drawings
from tests.segment.pieces import Square, rule_for
from trt_anime.export.check import session_of
from trt_anime.export.recipes.segment import Segmentation
from trt_anime.export.segment.prepare import prepare_graph
from trt_anime.export.segment.reference import SegmentReference

SIZES = [(270, 480), (64, 128), (200, 131), (40, 333), (31, 50)]


def image_of(rule: Segmentation, frames: NDArray[np.uint8]) -> NDArray[np.float32]:
    results: Any = session_of(prepare_graph(rule)).run(["image", "size"], {"frame": frames})
    assert results[1].tolist() == list(frames.shape[1:3])
    return np.asarray(results[0], np.float32)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_equal_to_pytorch(size: tuple[int, int]) -> None:
    rule, frames = rule_for("panoptic"), drawings(2, *size)

    def none(image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        raise AssertionError

    expected = SegmentReference(none, rule).image(torch.from_numpy(frames)).numpy()
    found = image_of(rule, frames)
    assert found.shape == (2, 3, 64, 128)
    np.testing.assert_allclose(found, expected, atol=2e-4)  # of values from -2.2 to 2.7


@pytest.mark.parametrize("size", [(270, 480), (540, 960), (720, 1280), (300, 200)], ids=str)
def test_near_to_the_published_processor(size: tuple[int, int]) -> None:
    """It stretches to 384x384 with a filter that TensorRT lacks: ours is near to that."""
    rule = Square(**{**vars(rule_for("panoptic")), "short_side": 384})
    [frame] = drawings(1, *size)
    resized = Image.fromarray(frame).resize((384, 384), Image.Resampling.BILINEAR)
    published = (np.asarray(resized) / 255 - rule.mean) / rule.std
    apart = np.abs(image_of(rule, frame[None])[0].transpose(1, 2, 0) - published) * 255 * np.array(rule.std)
    assert apart.mean() < 1.5
    assert np.percentile(apart, 99) < 30  # at edges, which the two filters soften differently
