"""Each node that TensorRT-RTX refuses is named, with the reason; ours has none."""

import contextlib
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from tests.matte.pieces import RULES, graph_for, network_for, onnx_of, row
from trt_anime.engines.compiler import compiled
from trt_anime.engines.manifest import Profile
from trt_anime.engines.targets import Target
from trt_anime.errors import EngineError, ExportError
from trt_anime.export.check import check_nodes
from trt_anime.limits import MOST_TOP_K, sm75_needs_fp16, unbuildable

FLOAT, UINT8, INT64 = TensorProto.FLOAT, TensorProto.UINT8, TensorProto.INT64


def one_node(
    kind: str,
    inputs: dict[str, int | np.ndarray],
    outputs: int | tuple[int, ...] = FLOAT,
    opset: int = 20,
    **attributes: Any,
) -> onnx.ModelProto:
    """A model of one node: inputs by element type, or constants by value."""
    results = outputs if isinstance(outputs, tuple) else (outputs,)
    names = [f"out{number}" for number in range(len(results))]
    node = helper.make_node(kind, list(inputs), names, name="it", **attributes)
    constants = {name: value for name, value in inputs.items() if isinstance(value, np.ndarray)}
    graph = helper.make_graph(
        [node],
        "one",
        [helper.make_tensor_value_info(n, t, None) for n, t in inputs.items() if isinstance(t, int) and n],
        [helper.make_tensor_value_info(n, t, None) for n, t in zip(names, results, strict=True)],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)


def top_k(k: int) -> onnx.ModelProto:
    return one_node("TopK", {"x": FLOAT, "k": np.array([k])}, (FLOAT, INT64))


def resize(**attributes: Any) -> onnx.ModelProto:
    sizes = np.array([1, 3, 8, 8])
    return one_node("Resize", {"x": FLOAT, "": FLOAT, " ": FLOAT, "s": sizes}, **attributes)


def scatter(reduction: str) -> onnx.ModelProto:
    return one_node("ScatterND", {"x": FLOAT, "i": INT64, "u": FLOAT}, reduction=reduction)


REFUSED = {
    "NonZero": (one_node("NonZero", {"x": FLOAT}, INT64), "use TopK"),
    "DFT": (one_node("DFT", {"x": FLOAT}), "matrix product"),
    "NonMaxSuppression": (one_node("NonMaxSuppression", {"x": FLOAT, "s": FLOAT}, INT64), "on the host"),
    "TopK": (top_k(4000), "k is above 3840"),
    "Resize": (resize(mode="linear", antialias=1), "antialias isn't supported"),
    "Concat": (one_node("Concat", {"x": UINT8, "y": UINT8}, UINT8, axis=0), "uint8 is for inputs"),
    "ScatterND": (scatter("add"), "reduction while scattering"),
}
OTHERS = {
    "symmetric": (
        resize(mode="linear", coordinate_transformation_mode="half_pixel_symmetric"),
        "use half_pixel",
    ),
    "scattered elements": (
        one_node("ScatterElements", {"x": FLOAT, "i": INT64, "u": FLOAT}, reduction="max"),
        "reduction while scattering",
    ),
    "precision of a softmax": (
        one_node("Attention", {"q": FLOAT, "k": FLOAT, "v": FLOAT}, opset=23, softmax_precision=1),
        "its softmax can't be given a precision",
    ),
}
BUILT = {
    "most that TopK takes": top_k(MOST_TOP_K),
    "plain Resize": resize(mode="linear"),
    "plain ScatterND": scatter("none"),
    "Cast from uint8": one_node("Cast", {"x": UINT8}, to=FLOAT),
    "Shape of uint8": one_node("Shape", {"x": UINT8}, INT64),
    "Concat of floats": one_node("Concat", {"x": FLOAT, "y": FLOAT}, axis=0),
}


@pytest.mark.parametrize("kind", REFUSED | OTHERS)
def test_refused(kind: str) -> None:
    model, reason = (REFUSED | OTHERS)[kind]
    (sentence,) = unbuildable(model)
    assert sentence.startswith(f"{model.graph.node[0].op_type} 'it': ")
    assert reason in sentence


@pytest.mark.parametrize("kind", REFUSED)
def test_export_speaks(kind: str) -> None:
    with pytest.raises(ExportError, match=f"^u2netp: TensorRT-RTX can't build {kind} 'it': "):
        check_nodes(REFUSED[kind][0], row(RULES["stretch"]))


def test_export_counts_the_others() -> None:
    model, more = REFUSED["NonZero"][0], REFUSED["DFT"][0]
    model.graph.node.extend(more.graph.node)
    with pytest.raises(ExportError, match=r"NonZero 'it': .* \(and 1 more\)$"):
        check_nodes(model, row(RULES["stretch"]))


@pytest.mark.parametrize("kind", BUILT)
def test_built(kind: str) -> None:
    assert unbuildable(BUILT[kind]) == []


@pytest.mark.parametrize("rule", RULES)
def test_the_matte_graph_is_built_everywhere(rule: str) -> None:
    graph = graph_for(RULES[rule])
    assert unbuildable(graph) == []
    assert sm75_needs_fp16(graph) == []


@pytest.mark.parametrize("kind", ["MatMul", "Gemm"])
def test_sm75_has_no_fp32_product(kind: str) -> None:
    assert sm75_needs_fp16(one_node(kind, {"x": FLOAT, "y": FLOAT})) == ["it"]
    half = TensorProto.FLOAT16
    assert sm75_needs_fp16(one_node(kind, {"x": half, "y": half}, half)) == []


def product_in_casts(kind: str, behind: tuple[str, ...]) -> onnx.ModelProto:
    """FP16 a and b -> FP32 product, with nodes behind it that all read its result."""
    half = TensorProto.FLOAT16
    shape: list[str | int] = ["batch", 16, 16] if kind == "MatMul" else [16, 16]
    nodes = [
        helper.make_node("Cast", ["a"], ["a32"], to=FLOAT),
        helper.make_node("Cast", ["b"], ["b32"], to=FLOAT),
        helper.make_node(kind, ["a32", "b32"], ["product"], name="it"),
    ]
    outputs = []
    for number, other in enumerate(behind):
        attributes: dict[str, Any] = {"to": half} if other == "Cast" else {}
        nodes.append(helper.make_node(other, ["product"], [f"out{number}"], **attributes))
        kept = half if other == "Cast" else FLOAT
        outputs.append(helper.make_tensor_value_info(f"out{number}", kept, shape))
    inputs = [helper.make_tensor_value_info(name, half, shape) for name in "ab"]
    graph = helper.make_graph(nodes, "product", inputs, outputs)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


@pytest.mark.parametrize(
    ("kind", "behind", "built"),
    [
        ("MatMul", ("Cast",), True),
        ("Gemm", ("Cast",), True),
        ("MatMul", ("Relu",), False),
        ("MatMul", ("Cast", "Cast"), False),
        ("MatMul", ("Cast", "Relu"), False),
    ],
)
def test_sm75_takes_a_product_in_casts(kind: str, behind: tuple[str, ...], built: bool) -> None:
    model = product_in_casts(kind, behind)
    assert sm75_needs_fp16(model) == ([] if built else ["it"])
    pytest.importorskip("tensorrt_rtx")
    with contextlib.nullcontext() if built else pytest.raises(EngineError, match="no FP32 matrix product"):
        profile = Profile(height=16, width=16, max_batch=4)
        compiled(model.SerializeToString(), Target("rtx", 75), profile, report=lambda share: True)


def test_networks_pass_too() -> None:
    assert unbuildable(onnx_of(network_for(RULES["stretch"]))) == []
