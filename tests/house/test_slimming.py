"""Kernels and planes go past onnxslim only where it has nothing to do with them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from tests.matte.pieces import first_output, session_of
from trt_anime.export.external import is_aside, weights_aside
from trt_anime.export.parts import OPSET
from trt_anime.export.reading import read_graph
from trt_anime.export.slimming import slimmed
from trt_anime.export.writing import write_graph

CHANNELS, SIDE = 48, 24
Behind = list[onnx.NodeProto]


def node(kind: str, inputs: list[str], output: str) -> onnx.NodeProto:
    return helper.make_node(kind, inputs, [output], name=output)


def published(behind: Behind, folder: Path) -> Path:
    """Two convolutions with large kernels, the first one's result through the nodes `behind` it."""
    rng = np.random.default_rng(2)
    kernels = [rng.normal(0, 0.05, (CHANNELS, CHANNELS, 3, 3)) for _ in range(2)]
    values = {"k0": kernels[0], "k1": kernels[1], "scale": rng.uniform(1, 2, CHANNELS)}
    values |= {"mean": rng.normal(size=CHANNELS), "variance": rng.uniform(1, 2, CHANNELS)}
    values |= {"offset": rng.normal(size=CHANNELS), "factor": rng.uniform(1, 2, (1, CHANNELS, 1, 1))}
    values |= {"plane": rng.normal(size=(CHANNELS, SIDE - 2, SIDE - 2))}
    nodes = [
        node("Conv", ["x", "k0"], "a"),
        *behind,
        node("Relu", ["b"], "c"),
        node("Conv", ["c", "k1"], "y"),
    ]
    read = {name for one in nodes for name in one.input}
    graph = helper.make_graph(
        nodes,
        "published",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, CHANNELS, SIDE, SIDE])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(v.astype(np.float32), k) for k, v in values.items() if k in read],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=6)
    onnx.save(model, folder / "published.onnx")
    return folder / "published.onnx"


def norm() -> Behind:
    return [node("BatchNormalization", ["a", "scale", "offset", "mean", "variance"], "b")]


def product() -> Behind:
    return [node("Mul", ["a", "factor"], "b")]


def bias() -> Behind:
    return [node("Add", ["a", "factor"], "b")]


def plane() -> Behind:
    return [node("Add", ["a", "plane"], "b")]


def nothing_known() -> Behind:
    return [node("Sigmoid", ["a"], "s"), node("Mul", ["a", "s"], "b")]


@pytest.mark.parametrize(
    ("behind", "kept_aside"),
    [
        (norm, {"k1"}),
        (product, {"k1"}),
        (bias, {"k1"}),
        (plane, {"k0", "k1", "plane"}),
        (nothing_known, {"k0", "k1"}),
    ],
)
def test_what_is_folded_into_a_kernel_still_is(
    behind: Callable[[], Behind], kept_aside: set[str], tmp_path: Path
) -> None:
    path = published(behind(), tmp_path)
    at_once = slimmed(onnx.load(path))
    (tmp_path / "aside").mkdir()
    with weights_aside(tmp_path / "aside"):
        network = slimmed(read_graph(path))
        assert {t.name for t in network.graph.initializer if is_aside(t)} == kept_aside
        write_graph(network, tmp_path / "written.onnx")
    assert onnx.load(tmp_path / "written.onnx") == at_once
    assert at_once.opset_import[0].version == OPSET
    assert ("b" in {one.name for one in at_once.graph.node}) == (behind in (plane, nothing_known))
    image = np.random.default_rng(3).standard_normal((1, CHANNELS, SIDE, SIDE)).astype(np.float32)
    expected = first_output(session_of(onnx.load(path)), x=image)
    np.testing.assert_allclose(first_output(session_of(at_once), x=image), expected, atol=1e-4)
    assert expected.std() > 0.1
