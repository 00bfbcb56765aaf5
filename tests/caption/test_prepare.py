"""Frames are resized as Pillow resizes them, though TensorRT has no antialiasing."""

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from trt_anime.export.caption.graph import Precision
from trt_anime.export.caption.prepare import MEAN, STD, prepare_graph
from trt_anime.export.check import session_of
from trt_anime.limits import unbuildable


def picture(height: int, width: int) -> NDArray[np.uint8]:
    """Lines and grain: what a resize shows in."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    values = np.stack([40 + 0.2 * y, 90 + 0.1 * x, 160 - 0.1 * y], axis=-1)
    values[np.abs((x + 0.7 * y) % 60 - 30) < 3] *= 0.3
    values += np.random.default_rng(1).normal(0, 12, (height, width, 1))
    levels: NDArray[np.uint8] = np.clip(values, 0, 255).astype(np.uint8)
    return levels


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
@pytest.mark.parametrize(
    ("height", "width", "side"), [(360, 640, 224), (403, 517, 384), (100, 90, 224), (224, 224, 224)]
)
def test_it_is_pillows_bicubic_but_for_a_level(
    height: int, width: int, side: int, precision: Precision
) -> None:
    frame = picture(height, width)
    graph = prepare_graph(side, precision=precision)
    image = session_of(graph).run(None, {"frame": np.stack([frame, frame[:, ::-1]])})[0]
    levels = (image * np.reshape(STD, (3, 1, 1)) + np.reshape(MEAN, (3, 1, 1))) * 255
    for found, source in zip(levels, (frame, frame[:, ::-1]), strict=True):
        small = Image.fromarray(source).resize((side, side), Image.Resampling.BICUBIC)
        gap = np.abs(found - np.asarray(small, np.float32).transpose(2, 0, 1))
        assert gap.max() < 1.01 and gap.mean() < 1e-3
    assert not unbuildable(graph)


def test_nodes_that_compute_places_say_so() -> None:
    graph = prepare_graph(224, precision="fp32").graph
    for operator in ("Range", "Abs", "ReduceSum"):
        names = [node.name for node in graph.node if node.op_type == operator]
        assert names and all("/coordinates/" in name for name in names)
