"""torch.onnx.export, and what it leaves behind."""

import gc
import weakref

import torch
from torch import nn

from trt_anime.export.tracing import BATCH, onnx_from_inputs


def test_weights_go_with_the_network() -> None:
    """A rule of the exporter's, which stays, holds the last graph that it looked at."""
    network = nn.Sequential(nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 4)).eval()
    weight = weakref.ref(network[0].weight)
    inputs = {"image": (torch.zeros(2, 16), {0: BATCH})}
    model = onnx_from_inputs(network, inputs, outputs=["y"], name="toy")
    assert sum(len(tensor.raw_data) for tensor in model.graph.initializer) == 4 * (17 * 16 + 17 * 4)
    del network
    gc.collect()
    assert weight() is None
