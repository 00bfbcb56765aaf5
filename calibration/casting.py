"""Parts of an FP16 graph in FP32: the casts at their borders."""

import onnx
from onnx import TensorProto, numpy_helper

from trt_anime.errors import EngineError
from trt_anime.hollow import hollow

_FLOAT, _FLOAT16 = TensorProto.FLOAT, TensorProto.FLOAT16


class Wiring:
    """Who makes and who reads each value of a graph, as it is now.

    Attributes:
        producers: value -> the node that puts it out.
        readers: value -> the nodes that take it.
        constants: values that are the same in every run.
        results: the graph's own outputs.
    """

    def __init__(self, graph: onnx.GraphProto) -> None:
        self.producers = {name: node for node in graph.node for name in node.output}
        self.readers: dict[str, list[onnx.NodeProto]] = {}
        self.results = {value.name for value in graph.output}
        self._tensors = {tensor.name: tensor for tensor in graph.initializer}
        self.constants = set(self._tensors)
        for node in graph.node:
            for name in dict.fromkeys(node.input):
                self.readers.setdefault(name, []).append(node)
            if all(name in self.constants for name in node.input if name):
                self.constants.update(node.output)
            if node.op_type == "Constant" and node.attribute[0].name == "value":
                self._tensors[node.output[0]] = node.attribute[0].t
        inputs = {value.name for value in graph.input}
        self._taken = {*inputs, *self.constants, *self.producers, *(node.name for node in graph.node)}

    def scalar(self, name: str) -> float | None:
        """The value of a constant of one element, without an axis or with one; else None."""
        tensor = self._tensors.get(name)
        if tensor is None or len(tensor.dims) > 1 or any(size != 1 for size in tensor.dims):
            return None
        return float(numpy_helper.to_array(tensor).item())

    def new_name(self, wanted: str) -> str:
        """`wanted`, with a number behind it if a value or a node has that name."""
        name, number = wanted, 1
        while name in self._taken:
            name, number = f"{wanted}_{number}", number + 1
        self._taken.add(name)
        return name


def element_types(model: onnx.ModelProto) -> dict[str, int]:
    """Value -> ONNX element type, where it can be inferred."""
    graph = onnx.shape_inference.infer_shapes(hollow(model)).graph
    types = {tensor.name: tensor.data_type for tensor in graph.initializer}
    values = (*graph.input, *graph.value_info, *graph.output)
    return types | {value.name: value.type.tensor_type.elem_type for value in values}


def with_groups_in_fp32(model: onnx.ModelProto, groups: list[frozenset[str]]) -> onnx.ModelProto:
    """The graph with the nodes that put out these values in FP32, casts around each group.

    A group is a set of values; what its nodes hand to one another isn't rounded. Nodes whose output
    isn't FP16 stay as they are, also inside a group. A value named in two groups belongs to the first.
    Names of values that others read stay. `model` is left unchanged.

    Raises:
        EngineError: a type can't be inferred, or the result isn't valid ONNX.
    """
    result = onnx.ModelProto()
    result.CopyFrom(model)
    casting = _Casting(Wiring(result.graph), element_types(model), groups)
    nodes = [part for node in result.graph.node for part in casting.around(node)]
    made = {name for node in nodes for name in node.output}
    described = [value for value in model.graph.value_info if value.name in made]
    for field, values in (("node", nodes), ("value_info", described)):
        result.graph.ClearField(field)
        getattr(result.graph, field).extend(values)
    try:
        onnx.checker.check_model(result, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise EngineError(f"FP16: with parts in FP32, the graph isn't valid: {error}") from error
    return result


class _Casting:
    def __init__(self, wiring: Wiring, types: dict[str, int], groups: list[frozenset[str]]) -> None:
        self._wiring, self._types = wiring, types
        self._group_of: dict[str, int] = {}
        for number, group in enumerate(groups):
            for name in group:
                if name not in types:
                    raise EngineError(
                        f"FP16: the type of {name!r} can't be inferred; export the graph again"
                    )
                if types[name] == _FLOAT16 and wiring.producers[name].op_type != "Cast":
                    self._group_of.setdefault(name, number)
        self._raised: dict[tuple[int, str], str] = {}

    def around(self, node: onnx.NodeProto) -> list[onnx.NodeProto]:
        """The node, changed if it is in a group, with the casts that go before and behind it."""
        group = self._group_of.get(node.output[0])
        if group is None:
            return [node]
        before, behind = [], []
        for index, name in enumerate(node.input):
            if self._types.get(name) == _FLOAT16:
                if (group, name) not in self._raised:
                    before.append(self._cast(node, name, self._raise(group, name), _FLOAT))
                node.input[index] = self._raised[group, name]
        for index, name in enumerate(node.output):
            if self._types.get(name) == _FLOAT16:
                node.output[index] = self._raise(group, name)
                if self._is_read_outside(group, name):
                    behind.append(self._cast(node, node.output[index], name, _FLOAT16))
        return [*before, node, *behind]

    def _raise(self, group: int, name: str) -> str:
        self._raised[group, name] = self._wiring.new_name(f"{name}_fp32")
        return self._raised[group, name]

    def _is_read_outside(self, group: int, name: str) -> bool:
        readers = self._wiring.readers.get(name, [])
        return name in self._wiring.results or any(
            self._group_of.get(reader.output[0]) != group for reader in readers
        )

    def _cast(self, beside: onnx.NodeProto, source: str, target: str, to: int) -> onnx.NodeProto:
        name = self._wiring.new_name(f"{beside.name}_cast")
        return onnx.helper.make_node("Cast", [source], [target], name=name, to=to)
