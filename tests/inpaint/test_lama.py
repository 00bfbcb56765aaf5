"""LaMa as it is written out computes what the PyTorch network computes, at any size, from one file."""

from collections import Counter
from functools import cache
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch

from tests.inpaint.pieces import SMALL, exported_lama, lama_with_weights, pictures, row
from tests.matte.pieces import first_output, session_of
from trt_anime.errors import OutputError
from trt_anime.export.catalogue import get
from trt_anime.export.check import difference_of, run
from trt_anime.export.external import is_aside, weights_aside
from trt_anime.export.inpaint.compose import inpaint_graph
from trt_anime.export.inpaint.lama import onnx_from_lama
from trt_anime.export.inpaint.reference import InpaintReference
from trt_anime.export.networks.lama import Lama, LamaShape
from trt_anime.export.parts import OPSET
from trt_anime.export.recipes.inpaint import Inpainting
from trt_anime.export.writing import write_graph
from trt_anime.limits import sm75_needs_fp16, unbuildable
from trt_anime.stage import COORDINATES

# Height and width in cells of 8 pixels: even and odd lengths for the transform, and the smallest there are.
SIZES = [(2, 2), (2, 3), (9, 13), (8, 16), (16, 9), (20, 31)]


@cache
def session() -> ort.InferenceSession:
    return session_of(exported_lama())


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("batch", [1, 3])
def test_equals_torch_at_every_size(batch: int, size: tuple[int, int]) -> None:
    image = torch.rand(batch, 4, 8 * size[0], 8 * size[1])
    found = first_output(session(), image=image.numpy())
    expected = lama_with_weights().double()(image.double()).numpy()
    assert expected.std() > 0.1
    assert np.abs(found - expected).max() < 2e-4  # ten times the official network's own noise


def test_another_shape() -> None:
    network = lama_with_weights(LamaShape(width=4, halvings=2, blocks=1, global_share=0.5))
    image = torch.rand(1, 4, 24, 36)
    found = first_output(session_of(onnx_from_lama(network)), image=image.numpy())
    assert np.abs(found - network.double()(image.double()).numpy()).max() < 2e-4


def test_weights_go_past_memory(tmp_path: Path) -> None:
    """The same file, whether its weights were aside while it was made or not."""
    with weights_aside(tmp_path):
        graph = onnx_from_lama(lama_with_weights())
        kernels = [tensor for tensor in graph.graph.initializer if len(tensor.dims) == 4]
        assert len(kernels) == 33 and all(map(is_aside, kernels))
        write_graph(graph, tmp_path / "aside.onnx")
    write_graph(exported_lama(), tmp_path / "whole.onnx")
    assert (tmp_path / "aside.onnx").read_bytes() == (tmp_path / "whole.onnx").read_bytes()


def test_a_disk_that_takes_no_weights_is_named(tmp_path: Path) -> None:
    with weights_aside(tmp_path / "nowhere"), pytest.raises(OutputError, match="nowhere"):
        onnx_from_lama(lama_with_weights())


def test_the_graph_holds_no_transform_and_no_norm() -> None:
    operators = Counter(node.op_type for node in exported_lama().graph.node)
    assert not {"DFT", "BatchNormalization", "Constant", "Expand"} & set(operators)
    assert operators["MatMul"] == 4 * 2 * SMALL.blocks
    assert operators["Cos"] == operators["Sin"] == 2  # for all units together
    weights = sum(int(np.prod(tensor.dims)) for tensor in exported_lama().graph.initializer)
    last = 4 * 3 * SMALL.width * 8 * 8 - 3 * SMALL.width * 7 * 7  # four pixels at once, with zeros
    assert weights - last < 1.01 * sum(p.numel() for p in Lama(SMALL).parameters())
    onnx.checker.check_model(exported_lama(), full_check=True)
    assert [item.version for item in exported_lama().opset_import if item.domain == ""] <= [OPSET]


def test_what_computes_angles_is_marked() -> None:
    """FP16 has 11 bits: an angle in it is wrong by up to a thousandth of a turn."""
    marked = {node.op_type for node in exported_lama().graph.node if COORDINATES in node.name}
    assert {"Shape", "Range", "Mod", "Cos", "Sin"} <= marked
    plain = {node.op_type for node in exported_lama().graph.node if COORDINATES not in node.name}
    assert {"Conv", "MatMul", "Relu", "Split", "Sigmoid"} <= plain
    assert not plain & {"Shape", "Range", "Mod", "Cos", "Sin", "Div", "Cast"}


@pytest.mark.parametrize("size", [(75, 127), (243, 160), (500, 900)], ids=str)
def test_the_stage_equals_its_reference(size: tuple[int, int]) -> None:
    """With LaMa's own rule: frames of every shape, none of which is a multiple of 8."""
    network = lama_with_weights()
    rule = get("lama").recipe_as(Inpainting)
    graph = inpaint_graph(exported_lama(), row(rule, "lama"), checkpoint_sha256="0" * 64, licence="")
    assert unbuildable(graph) == []
    assert len(sm75_needs_fp16(graph)) == 4 * 2 * SMALL.blocks
    frames, holes = pictures(1, *size)
    with torch.no_grad():
        reference = InpaintReference(network, rule)
        expected = reference(torch.from_numpy(frames), torch.from_numpy(holes)).numpy()
    result = difference_of(run(graph, {"frame": frames, "hole": holes}, ["plate"])[0], expected)
    assert result.passed and result.maximum <= 1, result
