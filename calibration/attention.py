"""Attention in FP16 whose sums are FP32.

Written plainly in FP16, TensorRT-RTX adds up both products of an attention in FP16, and a product above
65504 is infinite. Written with casts, it keeps FP16 operands and FP32 sums; docs/precision.md has what
was found in the engines.
"""

from dataclasses import dataclass

import onnx
from onnx import TensorProto

from trt_anime.calibration.casting import Wiring, element_types, with_groups_in_fp32

_PRODUCTS = frozenset({"MatMul", "Einsum"})
# What models put between q kᵀ and the softmax: scale, bias, mask, clamp, the maximum taken off, views.
_BEFORE = frozenset(
    {"Add", "Sub", "Mul", "Div", "Where", "Clip", "Max", "Min"}
    | {"Cast", "Identity", "Reshape", "Transpose", "Squeeze", "Unsqueeze"}
)
# And between the softmax and the product with v: dropout's remains, a guard against NaN, views.
_AFTER = frozenset({"Cast", "Dropout", "Identity", "Reshape", "Transpose", "Where", "Squeeze", "Unsqueeze"})
_VIEWS = frozenset({"Identity", "Reshape", "Transpose", "Squeeze", "Unsqueeze"})


@dataclass(frozen=True)
class Attention:
    """One softmax(q kᵀ) v in a graph, each part by the name of the value that it puts out.

    Attributes:
        scores: q kᵀ.
        before: what stands between that and the softmax, in the graph's order.
        probabilities: the softmax.
        after: what stands between the softmax and the second product.
        result: the product with v.
    """

    scores: str
    before: tuple[str, ...]
    probabilities: str
    after: tuple[str, ...]
    result: str


def find_attentions(model: onnx.ModelProto) -> list[Attention]:
    """Every attention that is written in MatMul or Einsum and Softmax, in the graph's order.

    A softmax whose scores, or whose values, come from constants (a classifier, a fixed table) is none.
    The one operator `Attention` of opset 23 is not looked for: the graphs here are opset 20.
    """
    wiring = Wiring(model.graph)
    found = []
    for softmax in model.graph.node:
        if softmax.op_type != "Softmax":
            continue
        scores, before = _scores(wiring, softmax.input[0])
        result, after = _result(wiring, softmax.output[0])
        if scores and result:
            found.append(Attention(scores, before, softmax.output[0], after, result))
    return found


def upcast_attention(model: onnx.ModelProto, *, fused: bool = True) -> onnx.ModelProto:
    """The same graph with every FP16 attention's sums in FP32, by casts; nothing else is touched.

    Args:
        fused: True: each product stands in casts of its own (FP16 -> FP32 before, FP16 after), the
            softmax and what is before it are FP32, and a scale behind q kᵀ moves to q. TensorRT-RTX
            makes one kernel of it, with FP32 sums, for every target; elsewhere the scores are
            rounded to FP16 between product and softmax.
            False: FP32 from q, k, v to the result. Slower, not one kernel, and refused for SM75; for
            where a fused kernel is found wrong.

    Parts that are FP32 already stay as they are. `model` is left unchanged.

    Raises:
        EngineError: a type can't be inferred, or the result isn't valid ONNX.
    """
    result = onnx.ModelProto()
    result.CopyFrom(model)
    if fused:
        types = element_types(model)
        for attention in find_attentions(model):
            if types.get(attention.scores) == TensorProto.FLOAT16:
                _scale_first(result.graph, attention)
    groups: list[frozenset[str]] = []
    for found in find_attentions(result):
        softened = frozenset({*found.before, found.probabilities})
        parts = [frozenset({found.scores}), softened, frozenset({found.result})]
        groups += parts if fused else [frozenset().union(*parts, found.after)]
    return with_groups_in_fp32(result, groups)


def _scores(wiring: Wiring, value: str) -> tuple[str | None, tuple[str, ...]]:
    """The product that `value` comes from, and the values from behind it up to `value`."""
    ways: list[tuple[str, tuple[str, ...]]] = [(value, ())]
    seen = set()
    while ways:
        name, passed = ways.pop()
        node = wiring.producers.get(name)
        if node is None or name in seen:
            continue
        seen.add(name)
        if _is_product(wiring, node):
            return name, passed
        if node.op_type in _BEFORE:  # the first input carries the scores more often than the others
            ways += [(source, (name, *passed)) for source in reversed(node.input)]
    return None, ()


def _result(wiring: Wiring, value: str) -> tuple[str | None, tuple[str, ...]]:
    """The product that `value` goes into, and the values on the way there."""
    ways: list[tuple[str, tuple[str, ...]]] = [(value, ())]
    while ways:
        name, passed = ways.pop()
        for node in wiring.readers.get(name, []):
            if _is_product(wiring, node):
                return node.output[0], passed
            if node.op_type in _AFTER:
                ways.append((node.output[0], (*passed, node.output[0])))
    return None, ()


def _is_product(wiring: Wiring, node: onnx.NodeProto) -> bool:
    return (
        node.op_type in _PRODUCTS
        and len(node.input) == 2
        and not any(name in wiring.constants for name in node.input)
    )


def _scale_first(graph: onnx.GraphProto, attention: Attention) -> None:
    """Take a scale below one off the scores and put it on q, so that the product can't overflow."""
    wiring = Wiring(graph)
    product = wiring.producers[attention.scores]
    name = attention.scores
    for value in attention.before:
        node = wiring.producers[value]
        if name in wiring.results or len(wiring.readers[name]) != 1:
            return
        if _shrinks(wiring, node, name):
            break
        if node.op_type not in _VIEWS:
            return
        name = value
    else:
        return
    if value in wiring.results:
        return
    for reader in wiring.readers[value]:
        reader.input[:] = [name if source == value else source for source in reader.input]
    scaled = onnx.NodeProto()
    scaled.CopyFrom(node)
    scaled.input[:] = [product.input[0] if source == name else source for source in node.input]
    scaled.output[:] = [wiring.new_name(f"{product.input[0]}_scaled")]
    product.input[0] = scaled.output[0]
    graph.node.remove(node)
    graph.node.insert(list(graph.node).index(product), scaled)


def _shrinks(wiring: Wiring, node: onnx.NodeProto, data: str) -> bool:
    """Whether a node multiplies `data` by a constant of one element that is between -1 and 1."""
    if node.op_type not in ("Mul", "Div") or (node.op_type == "Div" and node.input[0] != data):
        return False
    (other,) = [name for name in node.input if name != data] or [data]
    factor = wiring.scalar(other)
    if not factor:
        return False
    return abs(factor) < 1 if node.op_type == "Mul" else abs(factor) > 1
