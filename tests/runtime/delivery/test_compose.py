"""Layers laid on each other give the clip's frames back."""

import numpy as np
import pytest

from samples.scene import GroundTruth
from trt_anime.runtime.delivery.compose import lay, recomposed, rounded
from trt_anime.runtime.results.layers import Blend
from trt_anime.runtime.results.reader import Results

Run = tuple[Results, list[GroundTruth]]


@pytest.mark.parametrize(
    ("blend", "expected"), [("over", [140, 80, 100]), ("add", [255, 160, 200])], ids=["over", "add"]
)
def test_blending_is_as_documented(blend: Blend, expected: list[int]) -> None:
    below = np.full((3, 3, 3), (180, 100, 200), np.float32)
    layer = np.zeros((3, 3, 4), np.uint8)
    layer[1, 1] = (100, 60, 0, 255) if blend == "add" else (100, 60, 0, 127.5)
    lay(below, layer, blend)
    assert np.abs(rounded(below)[1, 1].astype(int) - expected).max() <= 1
    assert (np.delete(below.reshape(-1, 3), 4, axis=0) == (180, 100, 200)).all()


@pytest.mark.parametrize("index", [0, 5, 12, 18, 23])
def test_every_shot_recomposes(run: Run, separate: Run, index: int) -> None:
    for results, truths in (run, separate):
        error = np.abs(recomposed(results, index).astype(int) - truths[index].frame)
        assert error.max() <= 2 and error.mean() < 0.2
