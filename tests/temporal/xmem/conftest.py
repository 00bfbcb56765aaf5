"""XMem as ONNX: exported once, as that is slow; graphs of any size are made of it in no time."""

import pytest
import torch

from tests.networks.official import network
from trt_anime.export.networks.xmem.network import Shape, XMem
from trt_anime.export.temporal.xmem.networks import Networks, onnx_from_xmem

SMALL = Shape(stem=8, key=16, value=32, sensory=8, key_blocks=(1, 1, 1), value_blocks=(1, 1, 1))


@pytest.fixture(scope="package")
def official_networks() -> Networks:
    """Of the published widths, with the goldens' weights."""
    made = network("xmem")
    assert isinstance(made, XMem)
    return onnx_from_xmem(made)


@pytest.fixture(scope="package")
def small_network() -> XMem:
    torch.manual_seed(0)
    return XMem(SMALL).eval().requires_grad_(False)


@pytest.fixture(scope="package")
def small_networks(small_network: XMem) -> Networks:
    return onnx_from_xmem(small_network)
