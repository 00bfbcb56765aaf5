"""A convolution gives four pixels at once: the same sums."""

import numpy as np
import pytest
import spox.opset.ai.onnx.v20 as op
from spox import Tensor, argument, build

from tests.matte.pieces import first_output, session_of
from trt_anime.export.lowerings.four_at_once import four_at_once


@pytest.mark.parametrize("size", [(8, 8), (16, 8), (40, 24), (2, 6)], ids=str)
@pytest.mark.parametrize("kernel_size", [(7, 7), (3, 5), (1, 1)], ids=str)
def test_equals_the_convolution(size: tuple[int, int], kernel_size: tuple[int, int]) -> None:
    rng = np.random.default_rng(5)
    kernel = rng.standard_normal((3, 5, *kernel_size)).astype(np.float32)
    bias = rng.standard_normal(3).astype(np.float32)
    wide = [length + more - 1 for length, more in zip(size, kernel_size, strict=True)]
    image = rng.standard_normal((2, 5, *wide)).astype(np.float32)
    x = argument(Tensor(np.float32, ("n", 5, "h", "w")))
    one = op.conv(x, op.const(kernel), op.const(bias))
    four = op.conv(x, op.const(four_at_once(kernel)), op.const(np.repeat(bias, 4)), strides=(2, 2))
    placed = op.depth_to_space(four, blocksize=2, mode="CRD")
    expected = first_output(session_of(build({"x": x}, {"y": one})), x=image)
    found = first_output(session_of(build({"x": x}, {"y": placed})), x=image)
    assert found.shape == expected.shape == (2, 3, *size)
    assert np.abs(found - expected).max() < 1e-5 < 0.1 < expected.std()
