"""ONNX written node by node: torch's exporter would need all weights in memory, twice."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from trt_anime.export.caption.storage import WeightFile
from trt_anime.export.parts import IR_VERSION, OPSET
from trt_anime.stage import NETWORK, StageInfo

Value = str
Precision = Literal["fp32", "fp16"]
Shape = Sequence[int | str]


class Graph:
    """A graph that grows; values are strings, their names.

    Args:
        weights: where the weights are kept.
        precision: of the matrix products; the rest computes in FP32. An FP16 product is cast up at once, so
            that sums, norms and softmax never see FP16.
    """

    def __init__(self, weights: WeightFile, *, precision: Precision) -> None:
        self.weights, self.precision = weights, precision
        self._nodes: list[onnx.NodeProto] = []
        self._tensors: dict[str, TensorProto] = {}
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []
        self._casts: dict[tuple[str, int], Value] = {}

    def input(self, name: str, dtype: type[np.generic], shape: Shape) -> Value:
        self._inputs.append(_info(name, dtype, shape))
        return name

    def output(self, value: Value, name: str, dtype: type[np.generic], shape: Shape) -> None:
        """`value` under its public name."""
        self._nodes.append(helper.make_node("Identity", [value], [name], f"{NETWORK}{name}"))
        self._outputs.append(_info(name, dtype, shape))

    def node(self, operator: str, *inputs: Value, **attributes: Any) -> Value:
        """One output, named after its place in the graph."""
        return self.nodes(operator, inputs, 1, **attributes)[0]

    def nodes(
        self, operator: str, inputs: Sequence[Value], count: int, **attributes: Any
    ) -> tuple[Value, ...]:
        """Several outputs."""
        name = f"{NETWORK}{operator}_{len(self._nodes)}"
        outputs = tuple(f"{name}:{number}" for number in range(count))
        self._nodes.append(helper.make_node(operator, inputs, outputs, name, **attributes))
        return outputs

    def constant(self, array: NDArray[Any]) -> Value:
        """A small one, kept in the graph itself; equal ones are one."""
        name = (
            f"{NETWORK}{array.dtype}{list(array.shape)}_{hashlib.sha256(array.tobytes()).hexdigest()[:8]}"
        )
        self._tensors.setdefault(name, onnx.numpy_helper.from_array(array, name))
        return name

    def integers(self, *values: int) -> Value:
        return self.constant(np.array(values, np.int64))

    def scalar(self, value: float) -> Value:
        return self.constant(np.array(value, np.float32))

    def weight(self, source: str, shape: tuple[int, ...], *, transposed: bool = False) -> Value:
        """A tensor of the checkpoint, as it is kept: vectors float32, matrices as `WeightFile` says.

        Raises CheckpointError.
        """
        tensor = self.weights.tensor(source, shape, transposed=transposed)
        return self._tensors.setdefault(tensor.name, tensor).name

    def table(self, source: str, shape: tuple[int, ...]) -> Value:
        """A tensor of the checkpoint in float32."""
        return self.cast(self.weight(source, shape), TensorProto.FLOAT)

    def cast(self, value: Value, to: int) -> Value:
        """Nothing where a weight has that type; a value that is cast twice is cast once."""
        kept = self._tensors.get(value)
        if kept is not None and kept.data_type == to:
            return value
        if (value, to) not in self._casts:
            self._casts[value, to] = self.node("Cast", value, to=to)
        return self._casts[value, to]

    def product(self, a: Value, b: Value) -> Value:
        """float32, whatever it is computed in; `a` and `b` are values or weights."""
        if self.precision == "fp32":
            return self.node("MatMul", self.cast(a, TensorProto.FLOAT), self.cast(b, TensorProto.FLOAT))
        half = TensorProto.FLOAT16
        return self.node(
            "Cast", self.node("MatMul", self.cast(a, half), self.cast(b, half)), to=TensorProto.FLOAT
        )

    @property
    def cached(self) -> type[np.generic]:
        """Type of what is kept for later products."""
        return np.float32 if self.precision == "fp32" else np.float16

    def as_cached(self, value: Value) -> Value:
        """A float32 value as it is kept."""
        return value if self.precision == "fp32" else self.cast(value, TensorProto.FLOAT16)

    def include(self, model: onnx.ModelProto, prefix: str, inputs: Mapping[str, Value]) -> dict[str, Value]:
        """Another graph's nodes as part of this one; its outputs by name.

        Args:
            prefix: of all names in it.
            inputs: its inputs by name.
        """
        part = onnx.compose.add_prefix(model, prefix).graph
        names = {prefix + name: value for name, value in inputs.items()}
        for node in part.node:
            node.input[:] = [names.get(name, name) for name in node.input]
        self._nodes.extend(part.node)
        self._tensors |= {tensor.name: tensor for tensor in part.initializer}
        return {value.name.removeprefix(prefix): value.name for value in part.output}

    def finished(self, info: StageInfo) -> onnx.ModelProto:
        """The graph, which describes itself; its weights are named, not in it."""
        graph = helper.make_graph(
            self._nodes,
            f"{info.stage}-{info.model}",
            self._inputs,
            self._outputs,
            list(self._tensors.values()),
        )
        opset = [helper.make_opsetid("", OPSET)]
        model = helper.make_model(
            graph, opset_imports=opset, ir_version=IR_VERSION, producer_name="trt-anime"
        )
        helper.set_model_props(model, info.to_metadata())
        return model


def _info(name: str, dtype: type[np.generic], shape: Shape) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), shape)
