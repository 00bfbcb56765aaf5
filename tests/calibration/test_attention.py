"""FP16 attention that sums in FP32: found, written, right, and built so."""

from collections import Counter
from collections.abc import Callable
from functools import cache

import numpy as np
import onnx
import pytest
from onnx.reference import ReferenceEvaluator
from onnxruntime import InferenceSession

from tests.calibration import transformer_graphs as transformers
from tests.calibration.attention_graphs import Array, Form, attended, attention_graph, inputs
from tests.calibration.small import difference
from trt_anime.calibration.attention import find_attentions, upcast_attention
from trt_anime.calibration.casting import with_groups_in_fp32
from trt_anime.engines.accumulation import Accumulation, accumulation_from_engine
from trt_anime.engines.compiler import compiled
from trt_anime.engines.manifest import Profile
from trt_anime.engines.targets import RTX_CAPABILITIES, Target
from trt_anime.engines.worker import plan_from_onnx
from trt_anime.errors import EngineError
from trt_anime.limits import sm75_needs_fp16

FORMS = {
    "scale as a product": Form(),
    "scale as a quotient": Form(scale="div"),
    "scale on both": Form(scale="both"),
    "scale on q": Form(scale="q"),
    "mask added": Form(mask="add"),
    "mask by choice": Form(mask="where", scale="div"),
    "three axes": Form(product="bmm", mask="add"),
    "einsum": Form(product="einsum"),
}
NETWORKS: dict[str, tuple[Callable[[], onnx.ModelProto], int]] = {
    "CLIP": (transformers.clip, transformers.LAYERS),
    "DINOv2": (transformers.dinov2, transformers.LAYERS),
    "Swin": (transformers.swin, 4),
    "Q-Former": (transformers.qformer, 3),
}
PROFILE = Profile(height=64, width=96, max_batch=4)


@pytest.mark.parametrize("name", NETWORKS)
def test_each_layer_of_a_real_network_is_found(name: str) -> None:
    assert len(find_attentions(network(name))) == NETWORKS[name][1]


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("name", NETWORKS)
def test_nothing_else_of_a_real_network_is_touched(name: str, fused: bool) -> None:
    model = network(name)
    before = model.SerializeToString(deterministic=True)
    result = upcast_attention(model, fused=fused)
    assert model.SerializeToString(deterministic=True) == before
    added = Counter(node.op_type for node in result.graph.node)
    added.subtract(node.op_type for node in model.graph.node)
    assert {kind for kind, count in added.items() if count} == {"Cast"}
    inside = {
        value
        for found in find_attentions(model)
        for value in (found.scores, *found.before, found.probabilities, found.result)
    }
    before_by_name = {node.name: node for node in model.graph.node}
    for node in result.graph.node:
        if node.name not in before_by_name:
            assert node.op_type == "Cast" and node.name.startswith("net/")
        elif not inside & {*before_by_name[node.name].output}:
            assert node == before_by_name[node.name]


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("name", NETWORKS)
def test_a_real_network_computes_the_same(name: str, fused: bool) -> None:
    model = network(name)
    shape = [axis.dim_value or 2 for axis in model.graph.input[0].type.tensor_type.shape.dim]
    tensor = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    gap = difference(model, upcast_attention(model, fused=fused), {"tensor": tensor})
    assert gap <= 2**-8  # features are normalised, up to 4: two steps of FP16


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("name", FORMS)
def test_each_form_is_found_and_right(name: str, fused: bool) -> None:
    form = FORMS[name]
    model = attention_graph(form)
    assert len(find_attentions(model)) == 1
    result = upcast_attention(model, fused=fused)
    assert sum(node.op_type == "Cast" for node in result.graph.node) >= 4
    given = inputs(form)
    np.testing.assert_allclose(_run(result, given), attended(form, given), atol=2e-3)


@pytest.mark.parametrize("name", ["scale as a product", "scale as a quotient", "three axes"])
def test_scale_moves_to_q(name: str) -> None:
    result = upcast_attention(attention_graph(FORMS[name]))
    (found,) = find_attentions(result)
    kinds = {node.output[0]: node.op_type for node in result.graph.node}
    assert {kinds[value] for value in found.before} <= {"Cast", "Add"}


def test_scale_that_something_else_reads_stays() -> None:
    model = attention_graph()
    scores = find_attentions(model)[0].scores
    kind = onnx.TensorProto.FLOAT16
    model.graph.output.append(onnx.helper.make_tensor_value_info(scores, kind, ["batch", 2, 32, 32]))
    given = inputs(Form())
    before, after = (_run(graph, given, scores) for graph in (model, upcast_attention(model)))
    np.testing.assert_array_equal(before, after)


@pytest.mark.parametrize("fused", [True, False])
def test_large_scores_overflow_only_where_it_is_plain(fused: bool) -> None:
    """q kᵀ reaches 90,000 here; FP16 ends at 65,504."""
    form = Form()
    given = inputs(form, size=60.0)
    products = given["q"].astype(np.float64) @ given["k"].astype(np.float64).swapaxes(-1, -2)
    assert 65520 < products.max() < 150_000
    model = attention_graph(form)
    assert np.isnan(_as_written(model, given)).any()
    safe = _as_written(upcast_attention(model, fused=fused), given)
    assert np.isfinite(safe).all()
    # FP16 scores of 8,000 are whole multiples of 4 or 8: that is where the fused form loses, on a CPU.
    wrong = np.abs(safe - attended(form, given)).max(axis=-1) > 0.01
    assert wrong.mean() < (0.01 if fused else 1e-9)


@pytest.mark.parametrize("name", FORMS)
def test_single_precision_stays_as_it_is(name: str) -> None:
    form = FORMS[name]
    model = attention_graph(Form(form.scale, form.mask, form.product, half=False))
    assert len(find_attentions(model)) == 1
    assert upcast_attention(model) == upcast_attention(model, fused=False) == model


def test_twice_is_once() -> None:
    once = upcast_attention(attention_graph())
    assert upcast_attention(once) == once


def test_softmax_that_is_in_single_already() -> None:
    """As AutoCast may leave it."""
    model = attention_graph()
    softmax = find_attentions(model)[0].probabilities
    partly = with_groups_in_fp32(model, [frozenset({softmax})])
    assert sum(node.op_type == "Cast" for node in partly.graph.node) == 2
    given = inputs(Form())
    np.testing.assert_allclose(_run(upcast_attention(partly), given), attended(Form(), given), atol=2e-3)
    assert _built(upcast_attention(partly), 75) == Accumulation((("fp32", "fp32"),), ())


@pytest.mark.parametrize("constant", ["k", "v"])
def test_products_with_constants_are_no_attention(constant: str) -> None:
    """A classifier's softmax, and an expectation over fixed bins."""
    model = attention_graph()
    fixed = onnx.numpy_helper.from_array(inputs(Form())[constant][:1], constant)
    kept = [value for value in model.graph.input if value.name != constant]
    del model.graph.input[:]
    model.graph.input.extend(kept)
    model.graph.initializer.append(fixed)
    assert find_attentions(model) == []
    assert upcast_attention(model) == model


def test_value_of_unknown_type_is_not_passed_over() -> None:
    model = attention_graph()
    model.opset_import.add(domain="elsewhere", version=1)
    node = onnx.helper.make_node("Unknown", ["q"], ["strange"], domain="elsewhere")
    model.graph.node.insert(0, node)
    model.graph.node[2].input[0] = "strange"
    with pytest.raises(EngineError, match=r"^FP16: the type of '.*' can't be inferred"):
        upcast_attention(model)


@pytest.mark.parametrize("capability", RTX_CAPABILITIES)
@pytest.mark.parametrize("name", FORMS)
def test_engine_sums_each_form_in_fp32(name: str, capability: int) -> None:
    model = attention_graph(FORMS[name])
    plain, safe = _built(model, capability), _built(upcast_attention(model), capability)
    if plain.attention:  # what this is all for
        assert plain.attention[0][1] == "fp16"
        assert safe == Accumulation((("fp32", "fp32"),), ())
    else:  # before SM89, TensorRT-RTX fuses no attention of three axes
        assert FORMS[name].product == "bmm" and capability < 89
        assert plain.products == (False, False)
        assert safe == Accumulation((), (True, True))


@pytest.mark.parametrize("capability", [75, pytest.param(89, marks=pytest.mark.stress), 120])
@pytest.mark.parametrize("name", NETWORKS)
def test_engine_sums_a_real_network_in_fp32(name: str, capability: int) -> None:
    model = upcast_attention(network(name))
    assert sm75_needs_fp16(model) == []
    plain, safe = _built(network(name), capability), _built(model, capability)
    assert {values for _, values in plain.attention} == {"fp16"}
    assert set(safe.attention) == {("fp32", "fp32")}
    # An attention that is no kernel of its own is two products.
    assert 2 * len(safe.attention) + sum(safe.products) == 2 * NETWORKS[name][1]


def test_fp32_from_end_to_end_is_no_kernel_and_not_for_sm75() -> None:
    model = upcast_attention(attention_graph(), fused=False)
    assert _built(model, 89).attention == ()
    with pytest.raises(EngineError, match="sm75 has no FP32 matrix product"):
        plan_from_onnx(
            model.SerializeToString(), Target("rtx", 75), PROFILE, on_progress=lambda share: None
        )


@cache
def network(name: str) -> onnx.ModelProto:
    return NETWORKS[name][0]()


def _built(model: onnx.ModelProto, capability: int) -> Accumulation:
    pytest.importorskip("tensorrt_rtx")
    target = Target("rtx", capability)
    plan = compiled(model.SerializeToString(), target, PROFILE, report=lambda share: True)
    return accumulation_from_engine(plan.engine)


def _as_written(model: onnx.ModelProto, given: dict[str, Array]) -> Array:
    """By ONNX's reference: ONNX Runtime merges a scale into the product, and sees no overflow."""
    with np.errstate(over="ignore", invalid="ignore"):
        (result,) = ReferenceEvaluator(model).run(["out"], given)
    return np.asarray(result)


def _run(model: onnx.ModelProto, given: dict[str, Array], output: str = "out") -> Array:
    session = InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return np.asarray(session.run([output], given)[0])
