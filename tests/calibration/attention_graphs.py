"""One attention, in each of the ways that models write it."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

HEADS, LENGTH, WIDTH = 2, 32, 32

Array = NDArray[Any]


@dataclass(frozen=True)
class Form:
    """How it is written.

    Attributes:
        scale: where 1/sqrt(width) is applied: to the scores, as a product or a quotient; half of it each
            to q and k; to q.
        mask: added, or chosen by truth.
        product: the operator; ``bmm`` is MatMul on three axes, the heads in the batch.
        half: FP16 throughout, else FP32.
    """

    scale: Literal["mul", "div", "both", "q"] = "mul"
    mask: Literal["", "add", "where"] = ""
    product: Literal["matmul", "bmm", "einsum"] = "matmul"
    half: bool = True


class _Nodes:
    def __init__(self, form: Form) -> None:
        self.form = form
        self.dtype = np.float16 if form.half else np.float32
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def add(self, kind: str, *inputs: str, **attributes: Any) -> str:
        name = f"net/{kind}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [f"{name}_out"], name=name, **attributes))
        return f"{name}_out"

    def constant(self, value: Any, dtype: Any = None) -> str:
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value, dtype or self.dtype), name))
        return name


def attention_graph(form: Form = Form()) -> onnx.ModelProto:
    """``q, k, v`` [batch, heads, length, width] -> ``out``; ``mask`` [batch, 1, 1, length] if it has one.

    Without the axis of the heads for ``bmm``.
    """
    make = _Nodes(form)
    q, k = _scaled(make, "q", "k")
    axes = [0, 2, 1] if form.product == "bmm" else [0, 1, 3, 2]
    if form.product == "einsum":
        scores = make.add("Einsum", q, k, equation="bhqd,bhkd->bhqk")
    else:
        scores = make.add("MatMul", q, make.add("Transpose", k, perm=axes))
    scores = _masked(make, _scaled_scores(make, scores))
    weights = make.add("Softmax", scores, axis=-1)
    if form.product == "einsum":
        make.add("Einsum", weights, "v", equation="bhqk,bhkd->bhqd")
    else:
        make.add("MatMul", weights, "v")
    make.nodes[-1].output[0] = "out"
    return _model(make)


def inputs(form: Form, *, size: float = 1.0, seed: int = 0) -> dict[str, Array]:
    """Two examples: q, k of standard deviation `size`, v of 1; the mask hides the last five keys."""
    random = np.random.default_rng(seed)
    shape = (2, *_shape(form))
    spreads = {"q": size, "k": size, "v": 1}
    result: dict[str, Array] = {
        name: (random.standard_normal(shape) * spread).astype(np.float16)
        for name, spread in spreads.items()
    }
    if not form.half:
        result = {name: value.astype(np.float32) for name, value in result.items()}
    seen = np.arange(LENGTH) < LENGTH - 5
    seen = np.broadcast_to(seen, (2, 1, LENGTH) if form.product == "bmm" else (2, 1, 1, LENGTH)).copy()
    if form.mask == "add":
        result["mask"] = np.where(seen, 0, -65504).astype(result["q"].dtype)
    elif form.mask == "where":
        result["mask"] = seen
    return result


def attended(form: Form, given: dict[str, Array]) -> Array:
    """The same in float64, from the inputs as they are."""
    q, k, v = (given[name].astype(np.float64) for name in "qkv")
    scores = q @ k.swapaxes(-1, -2) / np.sqrt(WIDTH)
    if form.mask == "add":
        scores = scores + given["mask"].astype(np.float64)
    elif form.mask == "where":
        scores = np.where(given["mask"], scores, -1e4)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    result: Array = weights / weights.sum(-1, keepdims=True) @ v
    return result


def _shape(form: Form) -> tuple[int, ...]:
    return (LENGTH, WIDTH) if form.product == "bmm" else (HEADS, LENGTH, WIDTH)


def _scaled(make: _Nodes, q: str, k: str) -> tuple[str, str]:
    if make.form.scale == "q":
        return make.add("Mul", q, make.constant(WIDTH**-0.5)), k
    if make.form.scale == "both":
        root = make.constant([WIDTH**-0.25])
        return make.add("Mul", q, root), make.add("Mul", k, root)
    return q, k


def _scaled_scores(make: _Nodes, scores: str) -> str:
    if make.form.scale == "mul":
        return make.add("Mul", scores, make.constant(WIDTH**-0.5))
    if make.form.scale == "div":
        return make.add("Div", scores, make.constant(WIDTH**0.5))
    return scores


def _masked(make: _Nodes, scores: str) -> str:
    if make.form.mask == "add":
        return make.add("Add", scores, "mask")
    if make.form.mask == "where":
        return make.add("Where", "mask", scores, make.constant(-1e4))
    return scores


def _model(make: _Nodes) -> onnx.ModelProto:
    kind = TensorProto.FLOAT16 if make.form.half else TensorProto.FLOAT
    shape: list[str | int] = ["batch", *_shape(make.form)]
    taken = [helper.make_tensor_value_info(name, kind, shape) for name in "qkv"]
    if make.form.mask:
        hidden = TensorProto.BOOL if make.form.mask == "where" else kind
        seen: list[str | int] = ["batch", *[1] * (len(shape) - 2), LENGTH]
        taken.append(helper.make_tensor_value_info("mask", hidden, seen))
    given = [helper.make_tensor_value_info("out", kind, shape)]
    graph = helper.make_graph(make.nodes, "attention", taken, given, make.constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    onnx.checker.check_model(model, full_check=True)
    return model
