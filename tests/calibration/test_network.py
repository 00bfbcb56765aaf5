"""The network out of its stage graph, and back into it."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from tests.calibration.small import initializers, makers, node, outputs, values
from tests.calibration.small import network as network_from
from tests.engines.graphs import frames, small_network, stage_graph
from trt_anime.calibration.network import before_network, network_of, with_network
from trt_anime.calibration.parity import run_with_onnxruntime
from trt_anime.errors import EngineError
from trt_anime.export.catalogue import get
from trt_anime.export.matte.compose import matte_graph

FRAMES = {"frame": frames(2, 64, 96)}


def real_graph() -> onnx.ModelProto:
    return matte_graph(small_network(), get("u2netp"), checkpoint_sha256="0" * 64, licence="MIT")


def tensor_is(model: onnx.ModelProto, name: str, value: float) -> bool:
    return bool(np.float32(value) == initializers(model)[name])


@pytest.mark.parametrize("stage", [stage_graph(matmul=True), real_graph()], ids=["toy", "matte"])
def test_out_and_back_computes_the_same(stage: onnx.ModelProto) -> None:
    network = network_of(stage)
    before = [model.SerializeToString(deterministic=True) for model in (stage, network)]
    back = with_network(stage, network)
    assert before == [model.SerializeToString(deterministic=True) for model in (stage, network)]
    onnx.checker.check_model(back, full_check=True)
    assert np.array_equal(outputs(back, FRAMES)["rgba"], outputs(stage, FRAMES)["rgba"])
    assert back.metadata_props == stage.metadata_props
    assert back.opset_import == stage.opset_import
    assert (back.graph.input, back.graph.output) == (stage.graph.input, stage.graph.output)
    kept = {found.name for found in stage.graph.node if found.op_type != "Constant"}
    assert {found.name for found in back.graph.node} == kept
    assert network_of(back) == network_of(with_network(back, network_of(back)))


def test_what_the_network_is() -> None:
    network = network_of(stage_graph())
    onnx.checker.check_model(network, full_check=True)
    assert [found.op_type for found in network.graph.node] == ["Conv", "Relu", "MaxPool", "Conv", "Mul"]
    assert all(found.name.startswith("net/") for found in network.graph.node)
    (taken,), (given,) = network.graph.input, network.graph.output
    for value, shape in ((taken, [3, 16, 16]), (given, [1, 16, 16])):
        batch, *rest = value.type.tensor_type.shape.dim
        assert batch.dim_param and [axis.dim_value for axis in rest] == shape
    for count in (1, 3):
        x = np.zeros((count, 3, 16, 16), np.float32)
        assert outputs(network, {taken.name: x})[given.name].shape == (count, 1, 16, 16)


def test_the_real_graphs_network() -> None:
    network = network_of(real_graph())
    assert [value.name for value in network.graph.input] == ["pre/image"]
    assert [value.name for value in network.graph.output] == ["net/map"]
    assert all(len(found.input) for found in network.graph.node)  # no Constant among them
    assert initializers(network)["net/Constant_0_output"].shape == (1, 3, 3, 3)


def test_before_the_network_are_its_inputs() -> None:
    stage = stage_graph()
    network = network_of(stage)
    inputs = outputs(before_network(stage), FRAMES)
    assert list(inputs) == [value.name for value in network.graph.input]
    (result,) = outputs(network, inputs).items()
    assert np.array_equal(result[1], values(stage, FRAMES, result[0])[result[0]])


def test_network_that_reads_the_stages_own_input() -> None:
    stage = network_from(
        node("Relu", "x", "r"), node("Neg", "r", "y"), weights={}, x=["batch", 4], y=["batch", 4]
    )
    stage.graph.node[1].name = "post/y"
    x = np.array([[-1, 0, 2, 3]], np.float32)
    inputs = outputs(before_network(stage), {"x": x})
    assert np.array_equal(inputs["x"], x)
    assert outputs(network_of(stage), inputs)["r"].tolist() == [[0, 0, 2, 3]]
    assert outputs(with_network(stage, network_of(stage)), {"x": x})["y"].tolist() == [[0, 0, -2, -3]]


@pytest.mark.parametrize("how", ["node", "initializer"])
def test_constant_that_both_use_keeps_both_values(how: str) -> None:
    stage = stage_graph()  # one third is used by net/Mul_1 and by post/Div_3
    if how == "initializer":
        stage = with_network(stage, network_of(stage))
        (divide,) = (found for found in stage.graph.node if found.name == "post/Div_3")
        (multiply,) = (found for found in stage.graph.node if found.name == "net/Mul_1")
        multiply.input[1] = divide.input[1]
    network = network_of(stage)
    for tensor in network.graph.initializer:
        if not tensor.dims:
            tensor.CopyFrom(numpy_helper.from_array(np.array(0.5, np.float32), tensor.name))
    back = with_network(stage, network)
    by_name = {found.name: found for found in back.graph.node}
    assert tensor_is(back, by_name["net/Mul_1"].input[1], 0.5)
    assert tensor_is(back, by_name["post/Div_3"].input[1], 1 / 3)
    onnx.checker.check_model(back, full_check=True)
    (logits,) = network.graph.output
    stronger, weaker = (values(graph, FRAMES, logits.name)[logits.name] for graph in (back, stage))
    np.testing.assert_allclose(stronger, weaker * 1.5, rtol=1e-5)


def test_new_values_and_nodes_are_named_as_no_other() -> None:
    """A tool that types the network doesn't know what is outside of it."""
    stage = stage_graph()
    network = network_of(stage)
    outside = "Sigmoid_0_Y"
    assert outside in makers(stage)
    relu = next(found for found in network.graph.node if found.op_type == "Relu")
    network.graph.node.insert(1, onnx.helper.make_node("Neg", relu.input[:1], ["less"], name="less"))
    network.graph.node.insert(2, onnx.helper.make_node("Neg", ["less"], [outside], name="more"))
    relu.input[0] = outside
    back = with_network(stage, network)
    onnx.checker.check_model(back, full_check=True)
    assert {"net/less", "net/more"} <= {found.name for found in back.graph.node}
    assert np.array_equal(outputs(back, FRAMES)["rgba"], outputs(stage, FRAMES)["rgba"])


def test_stage_without_a_network() -> None:
    stage = stage_graph()
    network = network_of(stage)
    for found in stage.graph.node:
        found.name = found.name.replace("net/", "")
    for use in (network_of, before_network, lambda model: with_network(model, network)):
        with pytest.raises(EngineError, match="no node named net/"):
            use(stage)


def test_network_of_another_opset() -> None:
    stage = stage_graph()
    network = network_of(stage)
    network.opset_import[0].version = 21
    with pytest.raises(EngineError, match="the network is in opset 21, its stage in 20; export"):
        with_network(stage, network)
    network.opset_import[0].version = 20
    network.opset_import.add(domain="com.example", version=1)
    assert {entry.domain for entry in with_network(stage, network).opset_import} == {"", "com.example"}


def test_type_that_is_unknown() -> None:
    stage = network_from(
        node("Relu", "x", "r"), node("Neg", "r", "y"), weights={}, x=["batch", 4], y=["batch", 4]
    )
    stage.opset_import.add(domain="com.example", version=1)
    first = stage.graph.node[0]
    first.name, first.domain, first.op_type = "pre/r", "com.example", "Unknown"
    with pytest.raises(EngineError, match="the type of 'r' can't be inferred; export the graph again"):
        network_of(stage)


def test_a_network_in_pieces() -> None:
    """Products with a softmax between that isn't the network's: taken out, fed, put back."""
    value = helper.make_tensor_value_info
    nodes = [
        helper.make_node("MatMul", ["x", "x"], ["scores"], name="net/scores"),
        helper.make_node("Softmax", ["scores"], ["shares"], name="post/softmax"),
        helper.make_node("MatMul", ["shares", "x"], ["y"], name="net/read"),
    ]
    graph = helper.make_graph(
        nodes,
        "attention",
        [value("x", TensorProto.FLOAT, [4, 4])],
        [value("y", TensorProto.FLOAT, [4, 4])],
    )
    stage = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    x = np.random.default_rng(0).standard_normal((4, 4)).astype(np.float32)
    network = network_of(stage)
    assert [one.name for one in network.graph.input] == ["x", "shares"]
    expected = run_with_onnxruntime(stage)({"x": x})["y"]
    given = run_with_onnxruntime(before_network(stage))({"x": x})
    np.testing.assert_array_equal(run_with_onnxruntime(network)(given)["y"], expected)
    whole = with_network(stage, network)
    onnx.checker.check_model(whole, full_check=True)
    assert [node.name for node in whole.graph.node] == [node.name for node in nodes]
