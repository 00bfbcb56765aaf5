"""What computes where GridSample looks is told by its name."""

import onnx
from onnx import TensorProto, helper

from trt_anime.export.lowerings.positions import with_positions_named
from trt_anime.stage import COORDINATES


def sampled() -> onnx.ModelProto:
    """Offsets are multiplied out, moved and scaled to a grid; beside it, a value that is no position."""
    value = helper.make_tensor_value_info
    nodes = [
        helper.make_node("MatMul", ["features", "weight"], ["offsets"], name="net/a/product"),
        helper.make_node("Add", ["offsets", "points"], ["places"], name="net/a/moved"),
        helper.make_node("Mul", ["places", "two"], ["grid"], name="net/a/scaled"),
        helper.make_node("Relu", ["picture"], ["bright"], name="net/a/bright"),
        helper.make_node("GridSample", ["bright", "grid"], ["found"], name="net/a/sample"),
    ]
    numbers = {"weight": [2, 2], "points": [1], "two": [1]}
    constants = [
        helper.make_tensor(name, TensorProto.FLOAT, shape, [0.5] * (4 if len(shape) > 1 else 1))
        for name, shape in numbers.items()
    ]
    graph = helper.make_graph(
        nodes,
        "sampled",
        [
            value("features", TensorProto.FLOAT, [1, 4, 5, 2]),
            value("picture", TensorProto.FLOAT, [1, 1, 6, 7]),
        ],
        [value("found", TensorProto.FLOAT, [1, 1, 4, 5])],
        constants,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def test_named_from_the_product_on() -> None:
    model = sampled()
    before = model.SerializeToString(deterministic=True)
    named = with_positions_named(model)
    assert model.SerializeToString(deterministic=True) == before
    assert [node.name for node in named.graph.node if COORDINATES in node.name] == [
        "net/a/coordinates/moved",
        "net/a/coordinates/scaled",
    ]
    onnx.checker.check_model(named)


def test_named_once() -> None:
    once = with_positions_named(sampled())
    assert with_positions_named(once) == once
