"""A graph without its weights: what is looked at or copied often needn't weigh gigabytes."""

from collections.abc import Iterable
from pathlib import Path

import onnx

LARGE_BYTES = 1 << 16  # anything that shapes are computed from is smaller


def hollow(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy whose large initializers are inputs of the same name, type and shape instead.

    It is valid where `model` is, and says the same to shape inference. `weights_of` gives what is missing.
    """
    shell = onnx.ModelProto()
    for field, value in model.ListFields():
        if field.name != "graph":
            copy_field(shell, field.name, value)
    for field, value in model.graph.ListFields():
        if field.name != "initializer":
            copy_field(shell.graph, field.name, value)
    inputs = {value.name for value in shell.graph.input}
    for tensor in model.graph.initializer:
        if not _is_large(tensor):
            shell.graph.initializer.append(tensor)
        elif tensor.name not in inputs:
            like = onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims))
            shell.graph.input.append(like)
    return shell


def weights_of(model: onnx.ModelProto) -> list[onnx.TensorProto]:
    """The initializers that `hollow` takes out; not copied."""
    return [tensor for tensor in model.graph.initializer if _is_large(tensor)]


def fill(shell: onnx.ModelProto, weights: Iterable[onnx.TensorProto]) -> None:
    """Put back what `hollow` took out, as far as it is still read; changes `shell`."""
    tensors = {tensor.name: tensor for tensor in weights}
    inputs = shell.graph.input
    for index in reversed(range(len(inputs))):
        if inputs[index].name in tensors:
            del inputs[index]
    read = {name for node in shell.graph.node for name in node.input}
    shell.graph.initializer.extend(tensor for name, tensor in tensors.items() if name in read)


def weight_files(model: onnx.ModelProto, graph: Path) -> list[Path]:
    """Files beside `graph`, which `model` was read from, that weights of it lie in; they may be gone."""
    names = {
        entry.value: None
        for tensor in model.graph.initializer
        if tensor.data_location == onnx.TensorProto.EXTERNAL
        for entry in tensor.external_data
        if entry.key == "location"
    }
    return [graph.with_name(name) for name in names]


def _is_large(tensor: onnx.TensorProto) -> bool:
    return tensor.ByteSize() > LARGE_BYTES or tensor.data_location == onnx.TensorProto.EXTERNAL


def copy_field(
    target: onnx.ModelProto | onnx.GraphProto | onnx.TensorProto, name: str, value: object
) -> None:
    """Set a field to what `ListFields` of another message gives for it."""
    place = getattr(target, name)
    if hasattr(place, "extend"):
        place.extend(value)
    elif hasattr(place, "CopyFrom"):
        place.CopyFrom(value)
    else:
        setattr(target, name, value)
