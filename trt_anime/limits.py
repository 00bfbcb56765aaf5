"""What TensorRT-RTX can't build, node by node, before anybody waits for a build to fail.

Each entry was found by building that node with TensorRT-RTX 1.7.1 for SM75, SM89 and SM120.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import onnx
from onnx import TensorProto

from trt_anime.hollow import hollow, weights_of

MOST_TOP_K = 3840

_NEVER = {
    "BitShift": "use Div or Mul by a power of two",
    "BitwiseAnd": "use Mod",
    "DFT": "write the transform as a matrix product",
    "DeformConv": "write it with Gather",
    "NonMaxSuppression": "do it on the host",
    "NonZero": "its output size depends on the data: use TopK with a fixed k",
    "RoiAlign": "use GridSample or crop on the host",
}
_NO_REDUCTION = {"ScatterElements", "ScatterND"}
_NO_SM75_FP32 = {"MatMul", "Gemm", "Einsum"}
_NO_PRODUCT = "sm75 has no FP32 matrix product; build fp16 with this one in it, or leave sm75 out"
_FIRST_FLOAT8 = 89
_FLOAT8 = {TensorProto.FLOAT8E4M3FN, TensorProto.FLOAT8E5M2}


@dataclass(frozen=True)
class Refusal:
    """A node that a target won't build.

    Attributes:
        why: what is wrong, and what to do about it.
    """

    operator: str
    node: str
    why: str

    def __str__(self) -> str:
        return f"{self.operator} '{self.node}': {self.why}"


def refused_by(model: onnx.ModelProto, compute_capability: int) -> list[Refusal]:
    """What of a graph TensorRT-RTX won't build for a GPU type, in the graph's order; empty if all is well.

    Args:
        compute_capability: as ``89``.
    """
    return refused_by_each(model, (compute_capability,))[compute_capability]


def refused_by_each(
    model: onnx.ModelProto, compute_capabilities: Iterable[int]
) -> dict[int, list[Refusal]]:
    """`refused_by` for several GPU types; the graph's types are inferred once."""
    types = _element_types(model)
    return {capability: _refused_by(model, capability, types) for capability in compute_capabilities}


def _refused_by(model: onnx.ModelProto, compute_capability: int, types: dict[str, int]) -> list[Refusal]:
    products = set(_sm75_products(model, types)) if compute_capability == 75 else set()
    found = []
    for node in model.graph.node:
        reasons = list(_reasons(node, model, types))
        if node.name in products:
            reasons.append(_NO_PRODUCT)
        if compute_capability < _FIRST_FLOAT8 and any(types.get(name) in _FLOAT8 for name in node.output):
            reasons.append(f"FP8 begins with sm{_FIRST_FLOAT8}; build int8 or fp16 for this GPU type")
        found += [Refusal(node.op_type, node.name, why) for why in reasons]
    return found


def unbuildable(model: onnx.ModelProto) -> list[str]:
    """One sentence per node that no TensorRT-RTX target builds; empty if all is well."""
    types = _element_types(model)
    return [
        str(Refusal(node.op_type, node.name, why))
        for node in model.graph.node
        for why in _reasons(node, model, types)
    ]


def sm75_needs_fp16(model: onnx.ModelProto) -> list[str]:
    """Names of the nodes that SM75 builds in FP16 only.

    A product of FP16 values that are cast up right before it is none of them if its result is cast down
    right behind it: that is how FP16 with an FP32 sum is written.
    """
    return _sm75_products(model, _element_types(model))


def _sm75_products(model: onnx.ModelProto, types: dict[str, int]) -> list[str]:
    return [
        node.name
        for node in model.graph.node
        if node.op_type in _NO_SM75_FP32
        and types.get(node.output[0]) == TensorProto.FLOAT
        and not _only_sums_in_fp32(node, model.graph, types)
    ]


def _only_sums_in_fp32(product: onnx.NodeProto, graph: onnx.GraphProto, types: dict[str, int]) -> bool:
    types = types | {tensor.name: tensor.data_type for tensor in graph.initializer}
    raised = {
        node.output[0]
        for node in graph.node
        if node.op_type == "Cast" and types.get(node.input[0]) == TensorProto.FLOAT16
    }
    result = product.output[0]
    readers = [node for node in graph.node if result in node.input]
    return (
        len(product.input) == 2  # with a bias, Gemm is refused
        and raised.issuperset(product.input)
        and [node.op_type for node in readers] == ["Cast"]  # two casts of one result are refused
        and types.get(readers[0].output[0]) == TensorProto.FLOAT16
        and result not in {value.name for value in graph.output}
    )


def _reasons(node: onnx.NodeProto, model: onnx.ModelProto, types: dict[str, int]) -> Iterator[str]:
    attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    if node.op_type in _NEVER:
        yield _NEVER[node.op_type]
    if node.op_type in _NO_REDUCTION and attributes.get("reduction", b"none") != b"none":
        yield "a reduction while scattering isn't supported; gather and reduce instead"
    if node.op_type == "Resize":
        if attributes.get("antialias"):
            yield "antialias isn't supported; average in boxes first"
        if attributes.get("coordinate_transformation_mode") == b"half_pixel_symmetric":
            yield "half_pixel_symmetric isn't supported; use half_pixel"
    if node.op_type == "Attention" and "softmax_precision" in attributes:
        yield "its softmax can't be given a precision; write it with MatMul and Softmax"
    if node.op_type == "TopK" and _constant_k(node, model) > MOST_TOP_K:
        yield f"k is above {MOST_TOP_K}; take fewer"
    # Shape is folded away before the build, once height and width are known.
    if node.op_type not in ("Cast", "Shape", "Identity") and _touches_uint8(node, types):
        yield "uint8 is for inputs and outputs; cast right behind the one and right before the other"


def _touches_uint8(node: onnx.NodeProto, types: dict[str, int]) -> bool:
    return any(types.get(name) == TensorProto.UINT8 for name in [*node.input, *node.output])


def _constant_k(node: onnx.NodeProto, model: onnx.ModelProto) -> int:
    for tensor in model.graph.initializer:
        if tensor.name == node.input[1]:
            return int(onnx.numpy_helper.to_array(tensor).max())
    return 0


def _element_types(model: onnx.ModelProto) -> dict[str, int]:
    graph = onnx.shape_inference.infer_shapes(hollow(model)).graph
    values = [*graph.input, *graph.output, *graph.value_info]
    weights = {tensor.name for tensor in weights_of(model)}
    return {value.name: value.type.tensor_type.elem_type for value in values if value.name not in weights}
