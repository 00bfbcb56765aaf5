"""A graph without its weights says the same, and weighs nothing."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from trt_anime.hollow import hollow, weights_of
from trt_anime.limits import unbuildable


def graph(kind: type = np.float32) -> onnx.ModelProto:
    """[n,300] @ [300,200], reshaped to [-1,20,10] by a small constant."""
    weight = numpy_helper.from_array(np.ones((300, 200), kind), "weight")
    shape = numpy_helper.from_array(np.array([-1, 20, 10], np.int64), "shape")
    nodes = [
        helper.make_node("Cast", ["weight"], ["values"], "cast", to=TensorProto.FLOAT),
        helper.make_node("MatMul", ["x", "values"], ["y"], "product"),
        helper.make_node("Reshape", ["y", "shape"], ["z"], "reshape"),
    ]
    inner = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 300])],
        [helper.make_tensor_value_info("z", TensorProto.FLOAT, ["m", 20, 10])],
        [weight, shape],
        doc_string="said of it",
    )
    model = helper.make_model(inner, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    helper.set_model_props(model, {"key": "value"})
    return model


def test_only_large_weights_are_gone() -> None:
    model = graph()
    before = model.SerializeToString(deterministic=True)
    shell = hollow(model)
    assert shell.ByteSize() < 1000 < 200_000 < model.ByteSize()
    assert model.SerializeToString(deterministic=True) == before
    assert [tensor.name for tensor in shell.graph.initializer] == ["shape"]
    assert [value.name for value in shell.graph.input] == ["x", "weight"]
    assert [tensor.name for tensor in weights_of(model)] == ["weight"]
    assert shell.graph.node == model.graph.node and shell.graph.output == model.graph.output
    assert shell.metadata_props == model.metadata_props and shell.opset_import == model.opset_import
    assert (shell.ir_version, shell.graph.name, shell.graph.doc_string) == (10, "g", "said of it")
    onnx.checker.check_model(shell)


def test_shapes_are_found_as_before() -> None:
    expected = onnx.shape_inference.infer_shapes(graph(), data_prop=True).graph
    found = onnx.shape_inference.infer_shapes(hollow(graph()), data_prop=True).graph
    assert found.value_info == expected.value_info and found.output == expected.output


def test_weights_may_be_uint8_where_values_may_not() -> None:
    assert unbuildable(graph(np.uint8)) == []
