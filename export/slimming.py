"""A published ONNX file raised to our opset and folded, its kernels and planes left out meanwhile.

Conversion, folding and shape inference each copy what they are given: a file of 176 MB took 1.7 GB.
"""

from collections import Counter

import onnx
from onnx import version_converter

from trt_anime.export.external import held
from trt_anime.export.parts import OPSET
from trt_anime.hollow import fill, hollow, weights_of

_CONVOLUTIONS = {"Conv", "ConvTranspose"}
_FOLDED = {"BatchNormalization", "Mul", "Add"}  # by constants: what onnxslim takes into a kernel before


def slimmed(model: onnx.ModelProto) -> onnx.ModelProto:
    """The graph at our opset; large weights to which nothing is to be done are handed through.

    `model` is left unchanged. Raises what onnx and onnxslim raise.
    """
    import onnxslim

    names, weights = _untouched(model.graph), weights_of(model)
    shell = version_converter.convert_version(hollow(model), OPSET)
    fill(shell, (held(tensor) for tensor in weights if tensor.name not in names))
    network = onnxslim.slim(shell)
    assert isinstance(network, onnx.ModelProto)  # it returns a path, a report or None when asked to
    fill(network, [tensor for tensor in weights if tensor.name in names])
    _sort_by_use(network.graph)
    return network


def _sort_by_use(graph: onnx.GraphProto) -> None:
    """The order of the initializers is that of the nodes which read them, as onnxslim leaves it."""
    places: dict[str, int] = {}
    for node in graph.node:
        for name in node.input:
            places.setdefault(name, len(places))
    graph.initializer.sort(key=lambda tensor: places.get(tensor.name, len(places)))


def _untouched(graph: onnx.GraphProto) -> set[str]:
    """Initializers that are kernels and nothing else, of convolutions that nothing is folded into, or that
    are planes, added to what a convolution gives, and nothing else."""
    known = {tensor.name for tensor in graph.initializer}
    known |= {name for node in graph.node if node.op_type == "Constant" for name in node.output}
    planes = {tensor.name for tensor in graph.initializer if _is_plane(tensor)}
    convolutions = [node for node in graph.node if node.op_type in _CONVOLUTIONS]
    found = {name for node in convolutions for name in node.output}
    folded, untouched = set[str](), set[str]()
    for node in graph.node:
        if node.op_type == "Add" and not planes.isdisjoint(node.input) and not found.isdisjoint(node.input):
            untouched.update(planes.intersection(node.input))
        elif node.op_type in _FOLDED and not known.isdisjoint(node.input):
            folded.update(node.input)
    untouched |= {node.input[1] for node in convolutions if folded.isdisjoint(node.output)}
    reads = Counter(name for node in graph.node for name in node.input)
    return {name for name in untouched if reads[name] == 1}


def _is_plane(tensor: onnx.TensorProto) -> bool:
    """Whether it has values of each place: a bias has one for each channel."""
    return len(tensor.dims) > 1 and tensor.dims[-1] > 1
