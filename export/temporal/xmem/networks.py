"""XMem's networks as ONNX, for any size and any number of objects."""

from dataclasses import dataclass
from typing import Any

import onnx
import torch
from onnx import numpy_helper
from onnx.reference import ReferenceEvaluator
from torch import Tensor, nn

from trt_anime.export.external import array_of, put_aside
from trt_anime.export.networks.xmem.network import XMem
from trt_anime.export.temporal.xmem.sizes import STRIDE
from trt_anime.export.temporal.xmem.tensors import Channels
from trt_anime.export.tracing import exporting, model_of
from trt_anime.hollow import LARGE_BYTES

OPSET = 20
KEY_OUTPUTS = ("key_map", "shrinkage_map", "selection_map", "f16", "f8", "f4")  # fields of `Encoded`
_GRID = (3, 4)  # of the examples; other numbers than those of channels and objects


@dataclass(frozen=True, eq=False)
class Networks:
    """Opset 20, all of [objects or 1,C,H,W] float32; tensors of a frame have 1.

    Attributes:
        key: image -> `KEY_OUTPUTS`.
        value: image, masks (two channels, each object's own and the sum of the others), f16, sensory ->
            value_map, new_sensory.
        decode: f16, f8, f4, readout, sensory -> logits, new_sensory.
    """

    key: onnx.ModelProto
    value: onnx.ModelProto
    decode: onnx.ModelProto
    channels: Channels


class _Key(nn.Module):
    def __init__(self, network: XMem) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        return tuple(self.network.encode_key(image))


class _Decode(nn.Module):
    def __init__(self, network: XMem) -> None:
        super().__init__()
        self.network = network

    def forward(
        self, f16: Tensor, f8: Tensor, f4: Tensor, readout: Tensor, sensory: Tensor
    ) -> tuple[Tensor, Tensor]:
        return self.network.decode(f16, f8, f4, readout, sensory)


@dataclass(frozen=True, eq=False)
class Part:
    """One of the networks.

    Attributes:
        name: field of `Networks`.
        inputs: of its module, in order: an example, and how many of its pixels a cell is wide.
    """

    name: str
    module: nn.Module
    inputs: dict[str, tuple[Tensor, int]]
    outputs: tuple[str, ...]

    @property
    def examples(self) -> dict[str, Tensor]:
        """The inputs alone."""
        return {name: tensor for name, (tensor, _) in self.inputs.items()}


def onnx_from_xmem(network: XMem) -> Networks:
    """Export the three networks, which is slow; graphs for any profile are made of the result.

    `network` is in eval mode and stays as it is.

    Raises:
        ExportError: torch's exporter gave up.
    """
    made = {part.name: _exported(part) for part in parts_of(network)}
    return Networks(**made, channels=_channels(network))


def parts_of(network: XMem) -> tuple[Part, ...]:
    """What the networks are exported from."""
    channels = _channels(network)
    frame, objects = _frame_examples(channels), _object_examples(channels)
    key = {"image": frame["image"]}
    value = {"image": frame["image"], "masks": objects["masks"], "f16": frame["f16"]}
    decode = {**{name: frame[name] for name in ("f16", "f8", "f4")}, "readout": objects["readout"]}
    sensory = {"sensory": objects["sensory"]}
    return (
        Part("key", _Key(network), key, KEY_OUTPUTS),
        Part("value", network.value_encoder, {**value, **sensory}, ("value_map", "new_sensory")),
        Part("decode", _Decode(network), {**decode, **sensory}, ("logits", "new_sensory")),
    )


def _channels(network: XMem) -> Channels:
    features, shape = network.key_proj.key_proj.in_channels, network.shape
    return Channels(features, features // 2, features // 4, shape.key, shape.value, shape.sensory)


def _frame_examples(channels: Channels) -> dict[str, tuple[Tensor, int]]:
    """Tensors of a frame, and how many of their pixels a cell is wide."""
    sizes = {"image": (3, STRIDE), "f16": (channels.f16, 1), "f8": (channels.f8, 2), "f4": (channels.f4, 4)}
    return {name: (_zeros(1, depth, scale), scale) for name, (depth, scale) in sizes.items()}


def _object_examples(channels: Channels) -> dict[str, tuple[Tensor, int]]:
    sizes = {"masks": (2, STRIDE), "readout": (channels.value, 1), "sensory": (channels.sensory, 1)}
    return {name: (_zeros(2, depth, scale), scale) for name, (depth, scale) in sizes.items()}


def _zeros(count: int, depth: int, scale: int) -> Tensor:
    height, width = _GRID
    return torch.zeros(count, depth, scale * height, scale * width)


def _exported(part: Part) -> onnx.ModelProto:
    height, width = (torch.export.Dim(name, min=2, max=4096) for name in ("rows", "columns"))
    objects = torch.export.Dim("objects", min=1, max=255)
    sizes: list[dict[int, Any]] = []
    for tensor, scale in part.inputs.values():
        free = {0: objects} if len(tensor) > 1 else {}
        sizes.append({**free, 2: scale * height, 3: scale * width})
    with exporting("xmem"):
        program = torch.onnx.export(
            part.module,
            tuple(tensor for tensor, _ in part.inputs.values()),
            dynamo=True,
            opset_version=OPSET,
            input_names=list(part.inputs),
            output_names=list(part.outputs),
            dynamic_shapes=tuple(sizes),
            verbose=False,
        )
    assert program is not None
    return _folded(model_of(program))


def _folded(model: onnx.ModelProto) -> onnx.ModelProto:
    """Slices and shapes of weights as weights of their own: the exporter leaves large ones to others."""
    graph = model.graph
    weights = {tensor.name: tensor for tensor in graph.initializer}
    kept = []
    for node in graph.node:
        if node.op_type in ("Slice", "Unsqueeze") and weights.keys() >= set(node.input):
            [array] = _computed(node, model, weights)
            tensor = numpy_helper.from_array(array, node.output[0])
            weights[tensor.name] = put_aside([tensor])[0] if array.nbytes > LARGE_BYTES else tensor
        else:
            kept.append(node)
    used = {name for node in kept for name in node.input}
    graph.ClearField("initializer")
    graph.initializer.extend(tensor for name, tensor in weights.items() if name in used)
    rest = onnx.GraphProto()
    rest.node.extend(kept)
    graph.ClearField("node")
    graph.node.extend(rest.node)
    return model


def _computed(node: onnx.NodeProto, model: onnx.ModelProto, weights: dict[str, onnx.TensorProto]) -> Any:
    alone = onnx.helper.make_graph(
        [node],
        "constant",
        [onnx.ValueInfoProto(name=name) for name in node.input],
        [onnx.ValueInfoProto(name=node.output[0])],
    )
    evaluator = ReferenceEvaluator(onnx.helper.make_model(alone, opset_imports=model.opset_import))
    return evaluator.run(None, {name: array_of(weights[name]) for name in node.input})
