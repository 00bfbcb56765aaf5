from collections import Counter

import onnx
import pytest

from tests.calibration.small import difference
from tests.engines.graphs import frames, half_graph, stage_graph
from trt_anime.engines.specialise import specialised
from trt_anime.errors import EngineError


@pytest.mark.parametrize("typed", ["fp32", "fp16"])
@pytest.mark.parametrize(("height", "width"), [(64, 96), (40, 24)])
def test_computes_the_same(height: int, width: int, typed: str) -> None:
    free = (half_graph if typed == "fp16" else stage_graph)(matmul=True)
    fixed = specialised(free, height=height, width=width)
    onnx.checker.check_model(fixed, full_check=True)
    for batch in (1, 3):
        assert difference(free, fixed, {"frame": frames(batch, height, width)}) == 0


def test_only_the_batch_stays_free() -> None:
    free = stage_graph()
    fixed = specialised(free, height=64, width=96)
    for value, channels in ((fixed.graph.input[0], 3), (fixed.graph.output[0], 4)):
        batch, *rest = value.type.tensor_type.shape.dim
        assert batch.dim_param
        assert [size.dim_value for size in rest] == [64, 96, channels]
    before, after = (Counter(node.op_type for node in model.graph.node) for model in (free, fixed))
    assert before["Div"] > 1
    assert after["Div"] == 1  # the one on pixels; those on sizes are constants now
    constants = {tensor.name: tensor for tensor in fixed.graph.initializer}
    (top_k,) = (node for node in fixed.graph.node if node.op_type == "TopK")
    assert onnx.numpy_helper.to_array(constants[top_k.input[1]]).tolist() == [64 * 96 // 64 // 4]


def test_graph_given_is_left_unchanged_and_metadata_stays() -> None:
    free = stage_graph()
    before = free.SerializeToString(deterministic=True)
    fixed = specialised(free, height=64, width=96)
    assert free.SerializeToString(deterministic=True) == before
    assert fixed.metadata_props == free.metadata_props
    assert {node.name for node in fixed.graph.node} <= {node.name for node in free.graph.node}


def test_same_graph_same_bytes() -> None:
    one, other = (specialised(stage_graph(), height=64, width=96) for _ in range(2))
    assert one.SerializeToString(deterministic=True) == other.SerializeToString(deterministic=True)


def test_size_of_another_name() -> None:
    model = stage_graph()
    model.graph.input[0].type.tensor_type.shape.dim[1].dim_param = "rows"
    with pytest.raises(EngineError, match="'frame' has no fixed size"):
        specialised(model, height=64, width=96)


def test_outputs_that_nobody_reads() -> None:
    """One of a list, or of a dead node, isn't optional; one that only a branch reads is read."""
    model = stage_graph()
    relu = next(node for node in model.graph.node if node.op_type == "Relu")
    source = relu.input[0]
    out = onnx.helper.make_tensor_value_info
    branches = [
        onnx.helper.make_graph(
            [onnx.helper.make_node("Cast", [name], [f"from {name}"], to=onnx.TensorProto.FLOAT)],
            name,
            [],
            [out(f"from {name}", onnx.TensorProto.FLOAT, None)],
        )
        for name in ("indices", "pooled")
    ]
    model.graph.node.extend(
        [
            onnx.helper.make_node("Split", [source], ["first", "rest"], axis=1, num_outputs=2),
            onnx.helper.make_node("Unique", [source], ["values", "where", "back", "counts"]),
            onnx.helper.make_node("MaxPool", [source], ["pooled", "indices"], kernel_shape=[3, 3]),
            onnx.helper.make_node("ReduceMax", ["first"], ["brightest"], keepdims=0),
            onnx.helper.make_node("Cast", ["brightest"], ["bright"], to=onnx.TensorProto.BOOL),
            onnx.helper.make_node(
                "If", ["bright"], ["chosen"], then_branch=branches[0], else_branch=branches[1]
            ),
        ]
    )
    model.graph.output.append(out("chosen", onnx.TensorProto.FLOAT, ["batch", 8, 14, 14]))
    fixed = specialised(model, height=64, width=96)
    assert {len(node.output) for node in fixed.graph.node if node.op_type == "MaxPool"} == {1, 2}


@pytest.mark.parametrize(("kind", "domain"), [("Frobnicate", ""), ("BiasGelu", "com.microsoft")])
def test_operators_that_onnx_has_not(kind: str, domain: str) -> None:
    """Nothing is known of what they give. Whoever builds is told of them before."""
    model = stage_graph()
    relu = next(node for node in model.graph.node if node.op_type == "Relu")
    relu.op_type, relu.domain = kind, domain
    if domain:
        model.opset_import.append(onnx.helper.make_opsetid(domain, 1))
    with pytest.raises(EngineError, match="'rgba' has no fixed size"):
        specialised(model, height=64, width=96)
