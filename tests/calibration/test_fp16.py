import subprocess
import sys

import onnx
import pytest
from onnx import TensorProto

from tests.engines.graphs import frames, stage_graph
from trt_anime.calibration.fp16 import difference, fp16_from_fp32, precision_share
from trt_anime.errors import EngineError


def test_network_is_half_the_rest_single() -> None:
    typed = fp16_from_fp32(stage_graph(matmul=True))
    types = _types(typed)
    for node in typed.graph.node:
        if node.op_type in ("Conv", "MatMul", "Relu"):
            assert types[node.output[0]] == TensorProto.FLOAT16, node.name
        elif node.name.startswith(("pre/", "post/")):
            assert types[node.output[0]] != TensorProto.FLOAT16, node.name


def test_no_fp32_matrix_product_is_left() -> None:
    """TensorRT-RTX has none for SM75."""
    typed = fp16_from_fp32(stage_graph(matmul=True))
    types = _types(typed)
    products = [node for node in typed.graph.node if node.op_type in ("MatMul", "Gemm")]
    assert products
    assert all(types[node.output[0]] == TensorProto.FLOAT16 for node in products)


def test_result_is_near_fp32() -> None:
    model = stage_graph(matmul=True)
    gap = difference(model, fp16_from_fp32(model), {"frame": frames(2, 64, 96)})["rgba"]
    assert gap.max <= 1, gap  # of 255 levels
    assert gap.mean < 0.02, gap


def test_constant_that_the_rest_uses_too_keeps_its_value() -> None:
    typed = fp16_from_fp32(stage_graph())
    (divide,) = (
        node for node in typed.graph.node if node.op_type == "Div" and _types(typed)[node.output[0]] == 1
    )
    constants = {tensor.name: tensor for tensor in typed.graph.initializer}
    third = onnx.numpy_helper.to_array(constants[divide.input[1]])
    assert third.dtype == "float32"
    assert abs(float(third) - 1 / 3) < 1e-8


def test_graph_given_is_left_unchanged_and_metadata_stays() -> None:
    model = stage_graph()
    before = model.SerializeToString(deterministic=True)
    typed = fp16_from_fp32(model)
    assert model.SerializeToString(deterministic=True) == before
    assert typed.metadata_props == model.metadata_props
    for given, result in ((model.graph.input, typed.graph.input), (model.graph.output, typed.graph.output)):
        assert [(value.name, value.type.tensor_type.elem_type) for value in given] == [
            (value.name, value.type.tensor_type.elem_type) for value in result
        ]


def test_share_of_types() -> None:
    model = stage_graph()
    assert precision_share(model) == {"float32": 1.0}
    shares = precision_share(fp16_from_fp32(model))
    assert 0.1 < shares["float16"] < 0.5  # this graph is small inside and has much around it
    assert sum(shares.values()) == pytest.approx(1, abs=1e-3)


def test_graph_without_a_network() -> None:
    model = stage_graph()
    for node in model.graph.node:
        node.name = node.name.replace("net/", "")
    with pytest.raises(EngineError, match="no node named net/"):
        fp16_from_fp32(model)


def test_needs_no_torch() -> None:
    code = """
import sys
from tests.engines.graphs import stage_graph
from trt_anime.calibration.fp16 import fp16_from_fp32
fp16_from_fp32(stage_graph())
sys.exit(int("torch" in sys.modules))
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def _types(model: onnx.ModelProto) -> dict[str, int]:
    graph = onnx.shape_inference.infer_shapes(model, strict_mode=True).graph
    values = (*graph.input, *graph.value_info, *graph.output)
    return {value.name: value.type.tensor_type.elem_type for value in values}
