"""The networks export to ONNX with a dynamic batch at a fixed size, without shape arithmetic."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from torch import Tensor, nn

from trt_anime.export.networks.modnet import ConvNorm
from trt_anime.export.networks.nested import NestedShape
from trt_anime.export.networks.rsu import BlockShape, ResidualUBlock
from trt_anime.export.networks.u2net import U2Net

# torch.export's own tree code is deprecated in torch 2.13
pytestmark = pytest.mark.filterwarnings("ignore:.*treespec.*:FutureWarning")


def exported(net: nn.Module, image: Tensor, path: Path) -> Counter[str]:
    """Write `net` to `path`; returns how often the graph has each operator."""
    batch = torch.export.Dim("batch", min=1, max=16)
    program = torch.onnx.export(
        net.eval(), (image,), dynamo=True, opset_version=20, dynamic_shapes=({0: batch},), verbose=False
    )
    assert program is not None
    program.save(path)
    return Counter(node.op_type for node in onnx.load(path).graph.node)


def largest_difference(net: nn.Module, path: Path, image: Tensor) -> float:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    actual = session.run(None, {session.get_inputs()[0].name: image.numpy()})
    with torch.inference_mode():
        expected = net(image)
    expected = expected if isinstance(expected, tuple) else (expected,)
    return max(float(np.abs(a - e.numpy()).max()) for a, e in zip(actual, expected, strict=True))


def block() -> ResidualUBlock:
    torch.manual_seed(0)
    return ResidualUBlock(3, BlockShape(depth=4, inner=8, outer=8))


def test_a_small_u2net_exports_with_constant_resizes(tmp_path: Path) -> None:
    torch.manual_seed(0)
    narrow = BlockShape(depth=4, inner=4, outer=8)
    dilated = replace(narrow, dilated=True)
    net, path = U2Net(NestedShape((narrow, dilated), (narrow,))), tmp_path / "net.onnx"
    operators = exported(net, torch.rand(2, 3, 32, 48), path)
    assert operators["Sigmoid"] == 3
    assert not {"Shape", "Gather", "Cast", "If", "Loop"} & set(operators)
    for batch in (1, 3):
        assert largest_difference(net, path, torch.rand(batch, 3, 32, 48)) < 1e-4


@pytest.mark.parametrize("size", [(32, 48), (19, 27)], ids=["even", "odd"])
def test_a_block_exports_at_even_and_odd_sizes(size: tuple[int, int], tmp_path: Path) -> None:
    net, path = block(), tmp_path / "block.onnx"
    operators = exported(net, torch.rand(2, 3, *size), path)
    assert operators["Resize"] == 2
    # sizes that are no exact multiples of each other need the batch size for the Resize, nothing else
    assert ("Shape" in operators) == (size == (19, 27))
    for batch in (1, 3):
        assert largest_difference(net, path, torch.rand(batch, 3, *size)) < 1e-4


def test_half_instance_norm_exports_as_one_node_each(tmp_path: Path) -> None:
    torch.manual_seed(0)
    net, path = ConvNorm(3, 8, 3), tmp_path / "norm.onnx"
    operators = exported(net, torch.rand(2, 3, 16, 24), path)
    assert operators["InstanceNormalization"] == operators["BatchNormalization"] == 1
    for batch in (1, 3):
        assert largest_difference(net, path, torch.rand(batch, 3, 16, 24)) < 1e-4
