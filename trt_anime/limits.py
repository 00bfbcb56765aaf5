"""What TensorRT-RTX and TensorRT can't build, node by node, before anybody waits for a build to fail.

Each entry about TensorRT-RTX was found by building that node with TensorRT-RTX 1.7.1 for SM75, SM89 and
SM120; `_NOT_READ` by asking its parser about every operator of ONNX. Of TensorRT no more is claimed than
what follows from the parser, whose source both share.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import onnx
from onnx import TensorProto

from trt_anime.dialect import misspelt, unreadable
from trt_anime.hollow import hollow, weights_of
from trt_anime.nodes import graphs_of, walk

MOST_TOP_K = 3840

_HOST = "do it on the host"
_FLOATS = "compute it in floating point"
_QDQ = "write it with QuantizeLinear and DequantizeLinear around floating point"
_TEXT = "text is for the host"
_LISTS = "sequences aren't supported: use tensors, with Concat, Split and Gather"
_TRAINING = "it is for training: cut it off"

# Operators of ONNX, to opset 25, that the parser doesn't read -> what to do instead.
_NOT_READ = {
    "AffineGrid": "compute the grid with MatMul, and sample it with GridSample",
    "Bernoulli": "draw random numbers on the host",
    "BitShift": "use Div or Mul by a power of two",
    "BitwiseAnd": "use Mod",
    "BitwiseNot": "use Sub",
    "BitwiseOr": "use Add where no bit is in both",
    "BitwiseXor": "use Add and Sub where bits are known",
    "CenterCropPad": "use Slice and Pad",
    "Col2Im": "use ConvTranspose",
    "Compress": "its output size depends on the data: multiply with a mask",
    "ConcatFromSequence": _LISTS,
    "ConvInteger": _QDQ,
    "DFT": "write the transform as a matrix product",
    "DeformConv": "write it with Gather",
    "Det": "write it out with Mul and Sub",
    "DynamicQuantizeLinear": _QDQ,
    "ImageDecoder": _HOST,
    "MatMulInteger": _QDQ,
    "MaxRoiPool": "use GridSample or crop on the host",
    "MaxUnpool": "use ScatterND",
    "MelWeightMatrix": "make it a constant",
    "Multinomial": "draw random numbers on the host",
    "NegativeLogLikelihoodLoss": _TRAINING,
    "Optional": _LISTS,
    "OptionalGetElement": _LISTS,
    "OptionalHasElement": _LISTS,
    "QLinearConv": _QDQ,
    "QLinearMatMul": _QDQ,
    "RegexFullMatch": _TEXT,
    "SequenceAt": _LISTS,
    "SequenceConstruct": _LISTS,
    "SequenceEmpty": _LISTS,
    "SequenceErase": _LISTS,
    "SequenceInsert": _LISTS,
    "SequenceLength": _LISTS,
    "SequenceMap": _LISTS,
    "SoftmaxCrossEntropyLoss": _TRAINING,
    "SplitToSequence": "use Split: sequences aren't supported",
    "StringConcat": _TEXT,
    "StringNormalizer": _TEXT,
    "StringSplit": _TEXT,
    "TfIdfVectorizer": _TEXT,
    "Unique": "its output size depends on the data: do it on the host",
}
# Read, and refused by TensorRT-RTX, which lacks the plugins behind them.
_NOT_BUILT = {
    "NonMaxSuppression": "do it on the host",
    "NonZero": "its output size depends on the data: use TopK with a fixed k",
    "RoiAlign": "use GridSample or crop on the host",
}
_ELSE = "write it with other operators"
_NO_REDUCTION = {"ScatterElements", "ScatterND"}
_NO_SM75_FP32 = {"MatMul", "Gemm", "Einsum"}
Flavour = Literal["rtx", "trt"]
Kind = tuple[Flavour, int]  # flavour and compute capability, such as ("rtx", 89)
Reads = Callable[[str], bool]

_NO_PRODUCT = "sm75 has no FP32 matrix product; build fp16 with this one in it, or leave sm75 out"
_FIRST_FLOAT8 = 89
_MOST_ABLE: "Kind" = ("rtx", 120)
_FLOAT8 = {TensorProto.FLOAT8E4M3FN, TensorProto.FLOAT8E5M2}


@dataclass(frozen=True)
class Refusal:
    """A node that a target won't build, or a whole graph, which has no operator.

    Attributes:
        why: what is wrong, and what to do about it.
    """

    operator: str
    node: str
    why: str

    def __str__(self) -> str:
        return f"{self.operator} '{self.node}': {self.why}" if self.operator else self.why


def refused_by(model: onnx.ModelProto, compute_capability: int) -> list[Refusal]:
    """What of a graph TensorRT-RTX won't build for a GPU type, in the graph's order; empty if all is well.

    Args:
        compute_capability: as ``89``.
    """
    return refused_by_each(model, (("rtx", compute_capability),))["rtx", compute_capability]


def refused_by_each(
    model: onnx.ModelProto,
    kinds: Iterable[Kind],
    *,
    reads: Mapping[Flavour, Reads] | None = None,
    folds: bool = False,
    is_typed: bool = True,
) -> dict[Kind, list[Refusal]]:
    """`refused_by` for several flavours and GPU types; the graph is looked through once.

    Nodes inside of If, Loop, Scan and functions count. A graph in a version that isn't known is one
    refusal: nothing more can be said of it.

    Args:
        reads: of flavours that are installed, whether their parser reads an operator; else what that of
            TensorRT-RTX 1.7.1 reads.
        folds: whether constants are still to be folded: then nodes that compute on them alone may be
            anything that ONNX has.
        is_typed: whether types are as they are to be built: else those that a target lacks don't count.
    """
    if words := unreadable(model):
        return {kind: [Refusal("", "", words)] for kind in kinds}
    look, asked = _Look(model, folds=folds, is_typed=is_typed), reads or {}
    return {kind: look.refused(kind, asked.get(kind[0], is_read)) for kind in kinds}


def is_read(operator: str) -> bool:
    """Whether the parser of TensorRT-RTX 1.7.1 reads an operator of ONNX, to opset 25."""
    return operator not in _NOT_READ


def unbuildable(model: onnx.ModelProto) -> list[str]:
    """One sentence per node that no TensorRT-RTX target builds; empty if all is well."""
    return list(map(str, refused_by_each(model, (_MOST_ABLE,))[_MOST_ABLE]))


class _Look:
    """A graph, looked through once for all targets."""

    def __init__(self, model: onnx.ModelProto, *, folds: bool, is_typed: bool) -> None:
        self._is_typed = is_typed
        self._types = _element_types(model)
        functions = {(function.domain, function.name) for function in model.functions}
        placed = [one for one in walk(model) if (one.node.domain, one.node.op_type) not in functions]
        self._nodes = [(one.node, list(misspelt(one)), folds and one.constant) for one in placed]
        self._tensors = {t.name: t for graph in graphs_of(model.graph) for t in graph.initializer}
        self._products = {node.output[0] for node in _sm75_products(model, self._types)}

    def refused(self, kind: Kind, reads: Reads) -> list[Refusal]:
        flavour, capability = kind
        found = []
        for node, misspelt_as, is_folded in self._nodes:
            reasons = misspelt_as
            if not reasons and not is_folded:
                reasons = [*self._unread(node, flavour, reads), *self._unbuilt(node, flavour)]
                reasons += self._mistyped(node, flavour, capability) if self._is_typed else ()
            found += [Refusal(node.op_type, node.name, why) for why in reasons]
        return found

    def _unread(self, node: onnx.NodeProto, flavour: Flavour, reads: Reads) -> Iterator[str]:
        if not reads(node.op_type):
            yield (_NOT_READ | _NOT_BUILT).get(node.op_type, _ELSE)
        elif flavour == "rtx" and node.op_type in _NOT_BUILT:
            yield _NOT_BUILT[node.op_type]
        if node.op_type == "Resize":
            attributes = _attributes(node)
            if attributes.get("antialias"):
                yield "antialias isn't supported; average in boxes first"
            if attributes.get("coordinate_transformation_mode") == b"half_pixel_symmetric":
                yield "half_pixel_symmetric isn't supported; use half_pixel"

    def _unbuilt(self, node: onnx.NodeProto, flavour: Flavour) -> Iterator[str]:
        if flavour == "trt":
            return
        attributes = _attributes(node)
        if node.op_type in _NO_REDUCTION and attributes.get("reduction", b"none") != b"none":
            yield "a reduction while scattering isn't supported; gather and reduce instead"
        if node.op_type == "Attention" and "softmax_precision" in attributes:
            yield "its softmax can't be given a precision; write it with MatMul and Softmax"
        if node.op_type == "TopK" and self._constant_k(node) > MOST_TOP_K:
            yield f"k is above {MOST_TOP_K}; take fewer"
        # Shape is folded away before the build, once height and width are known.
        if node.op_type not in ("Cast", "Shape", "Identity") and self._touches_uint8(node):
            yield "uint8 is for inputs and outputs; cast right behind the one and right before the other"

    def _mistyped(self, node: onnx.NodeProto, flavour: Flavour, capability: int) -> Iterator[str]:
        """What is cured by another precision."""
        if flavour == "rtx" and capability == 75 and node.output[0] in self._products:
            yield _NO_PRODUCT
        if capability < _FIRST_FLOAT8 and any(self._types.get(name) in _FLOAT8 for name in node.output):
            yield f"FP8 begins with sm{_FIRST_FLOAT8}; build int8 or fp16 for this GPU type"

    def _touches_uint8(self, node: onnx.NodeProto) -> bool:
        return any(self._types.get(name) == TensorProto.UINT8 for name in [*node.input, *node.output])

    def _constant_k(self, node: onnx.NodeProto) -> int:
        k = self._tensors.get(node.input[1])
        return int(onnx.numpy_helper.to_array(k).max()) if k else 0


def _attributes(node: onnx.NodeProto) -> dict[str, Any]:
    return {entry.name: onnx.helper.get_attribute_value(entry) for entry in node.attribute}


def sm75_needs_fp16(model: onnx.ModelProto) -> list[str]:
    """Names of the nodes that SM75 builds in FP16 only.

    A product of FP16 values that are cast up right before it is none of them if its result is cast down
    right behind it: that is how FP16 with an FP32 sum is written.
    """
    return [node.name for node in _sm75_products(model, _element_types(model))]


def _sm75_products(model: onnx.ModelProto, types: dict[str, int]) -> list[onnx.NodeProto]:
    nodes = [placed.node for placed in walk(model)]
    graphs = list(graphs_of(model.graph))
    products = [
        node
        for node in nodes
        if node.op_type in _NO_SM75_FP32 and types.get(node.output[0]) == TensorProto.FLOAT
    ]
    readers: dict[str, list[onnx.NodeProto]] = {node.output[0]: [] for node in products}
    for node in nodes:
        for name in set(node.input) & readers.keys():
            readers[name].append(node)
    given_out = {value.name for graph in graphs for value in graph.output}
    types = types | {tensor.name: tensor.data_type for graph in graphs for tensor in graph.initializer}
    halves = {
        node.output[0]
        for node in nodes
        if node.op_type == "Cast" and types.get(node.input[0]) == TensorProto.FLOAT16
    }
    return [
        node
        for node in products
        if node.output[0] in given_out
        or not halves.issuperset(node.input)
        or not _is_only_sum(node, readers[node.output[0]], types)
    ]


def _is_only_sum(product: onnx.NodeProto, readers: list[onnx.NodeProto], types: dict[str, int]) -> bool:
    """Whether a product of values that were FP16 is FP16 again right behind it."""
    return (
        len(product.input) == 2  # with a bias, Gemm is refused
        and [node.op_type for node in readers] == ["Cast"]  # two casts of one result are refused
        and types.get(readers[0].output[0]) == TensorProto.FLOAT16
    )


def _element_types(model: onnx.ModelProto) -> dict[str, int]:
    shell = hollow(model)
    try:
        whole = onnx.shape_inference.infer_shapes(shell).graph
    except onnx.shape_inference.InferenceError:  # some node is none of ONNX's: that is said of it
        whole = shell.graph
    values = [
        value for graph in graphs_of(whole) for value in (*graph.input, *graph.output, *graph.value_info)
    ]
    weights = {tensor.name for tensor in weights_of(model)}
    return {value.name: value.type.tensor_type.elem_type for value in values if value.name not in weights}
