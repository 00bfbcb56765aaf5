"""AOT's and DeAOT's steps as self-describing ONNX graphs that engines can be built from."""

from collections.abc import Collection
from dataclasses import dataclass

import onnx
import torch
from torch import Tensor, nn

from trt_anime.errors import ExportError
from trt_anime.export.networks.aot.network import ObjectTracker
from trt_anime.export.parts import check_valid
from trt_anime.export.temporal.aot_shape import MOST_OBJECTS, AotShape
from trt_anime.export.temporal.aot_stages import Decode, Encode, Memorise, Merge, Propagate, Refer
from trt_anime.export.tracing import exporting, model_of
from trt_anime.limits import unbuildable
from trt_anime.stage import NETWORK, StageInfo

OPSET = 20
IR_VERSION = 10
_SCOPES = "pkg.torch.onnx.name_scopes"  # where the exporter says which module a node comes from


@dataclass(frozen=True)
class Step:
    """One graph: the module, an example of each input under its name, the outputs' names."""

    module: nn.Module
    inputs: dict[str, Tensor]
    outputs: tuple[str, ...]


def aot_graphs(
    network: ObjectTracker,
    shape: AotShape,
    *,
    model: str,
    checkpoint_sha256: str,
    licence: str,
    only: Collection[str] | None = None,
) -> dict[str, onnx.ModelProto]:
    """Graphs ``encode``, ``refer``, ``propagate``, ``decode``, ``memorise``; ``merge`` for several passes.

    What they take and give: `trt_anime.export.temporal.aot_stages`. Long-term memory is `long` f32
    [slots, layers, tokens, D] with `valid` f32 [slots]; a frame's memory is one slot of it, `short` and
    `memory` f32 [layers, tokens, D]. All shapes are fixed.

    Args:
        network: in evaluation mode, float32, on the CPU.
        model: catalogue name.
        checkpoint_sha256: of the file that the weights came from.
        licence: of those weights.
        only: names of the graphs to make; None: all.

    Raises:
        ExportError: torch's exporter gave up, or TensorRT-RTX could not build a node.
    """
    graphs = {}
    for name, step in steps_of(network, shape).items():
        if only is not None and name not in only:
            continue
        graph = _exported(step, f"{name}-{model}")
        info = StageInfo(
            stage=name,
            model=model,
            checkpoint_sha256=checkpoint_sha256,
            licence=licence,
            size_rule=shape.describe(),
            output_ranges=_ranges(step, shape),
            network_size=shape.network_size,
            lowerings={"local_attention": "dense"},
        )
        onnx.helper.set_model_props(graph, info.to_metadata())
        check_valid(graph)
        problems = unbuildable(graph)
        if problems:
            raise ExportError(f"{graph.graph.name}: {problems[0]}")
        graphs[name] = graph
    return graphs


def steps_of(network: ObjectTracker, shape: AotShape) -> dict[str, Step]:
    """What the graphs are made of, by name."""
    depth, decoder = len(network.LSTT.layers), network.decoder
    frame = _zeros(1, shape.height, shape.width, 3, dtype=torch.uint8)
    labels = _zeros(1, shape.height, shape.width, dtype=torch.uint8)
    number = torch.ones(1)
    channels = {
        4: decoder.adapter_4x.in_channels,
        8: decoder.adapter_8x.in_channels,
        16: decoder.adapter_16x.in_channels,
    }
    taps = {
        f"stride{stride}": _zeros(1, count, *shape.size_at(stride)) for stride, count in channels.items()
    }
    embedding = {"embedding": _zeros(1, network.encoder_projector.out_channels, *shape.map_size)}
    found = _zeros(1, decoder.conv_in.conv.in_channels, *shape.map_size)
    memory = _zeros(depth, shape.tokens, network.memory_channels)
    pending = _zeros(depth, shape.tokens, network.pending_channels)
    long = _zeros(shape.slots, *memory.shape)
    steps = {
        "encode": Step(Encode(network, shape), {"frame": frame}, (*taps, *embedding)),
        "refer": Step(
            Refer(network, shape),
            embedding | {"drawn": labels, "labels": labels, "first": number},
            ("decoder_input", "memory", "merged"),
        ),
        "propagate": Step(
            Propagate(network),
            embedding | {"long": long, "valid": torch.ones(shape.slots), "short": memory},
            ("decoder_input", "pending"),
        ),
        "decode": Step(
            Decode(network, shape),
            {"decoder_input": found, **taps, "count": number},
            ("probabilities", "labels"),
        ),
        "memorise": Step(
            Memorise(network, shape), {"pending": pending, "labels": labels, "first": number}, ("memory",)
        ),
    }
    if shape.passes > 1:
        planes = _zeros(1, MOST_OBJECTS + 1, shape.height, shape.width)
        inputs = {"active": torch.ones(shape.passes)}
        inputs |= {f"probabilities_{index}": planes for index in range(shape.passes)}
        steps["merge"] = Step(Merge(shape), inputs, ("probabilities", "labels"))
    return steps


def _zeros(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """One number in memory, whatever the shape."""
    return torch.zeros((), dtype=dtype).expand(shape)


def _ranges(step: Step, shape: AotShape) -> dict[str, tuple[float, float]]:
    """Of the outputs that have any: features have none."""
    most = shape.objects * (shape.passes if isinstance(step.module, Merge) else 1)
    known: dict[str, tuple[float, float]] = {
        "probabilities": (0, 1),
        "labels": (0, most),
        "merged": (0, shape.objects * shape.passes),
    }
    return {name: known[name] for name in step.outputs if name in known}


def _exported(step: Step, name: str) -> onnx.ModelProto:
    with exporting(name):
        program = torch.onnx.export(
            step.module.eval(),
            # One tensor twice would be one input. Nobody looks at values, so they take no memory.
            tuple(torch.empty(value.shape, dtype=value.dtype) for value in step.inputs.values()),
            dynamo=True,
            opset_version=OPSET,
            input_names=list(step.inputs),
            output_names=list(step.outputs),
            verbose=False,
        )
    assert program is not None
    model = model_of(program)
    model.graph.name, model.producer_name, model.ir_version = name, "trt-anime", IR_VERSION
    del model.graph.value_info[:]  # would be wrong once the network is typed to less
    _name_nodes(model.graph)
    return model


def _name_nodes(graph: onnx.GraphProto) -> None:
    """Begin each name with the part of the step that the node is of."""
    places = [_place(node) for node in graph.node]
    place = next(filter(None, places), NETWORK)  # what stands before all parts is of the first
    for node, own in zip(graph.node, places, strict=True):
        place = own or place  # what the optimizer made is of the part before it
        node.name = place + node.name
        node.ClearField("metadata_props")
        node.ClearField("doc_string")
    for value in (*graph.input, *graph.output, *graph.value_info, *graph.initializer):
        value.ClearField("metadata_props")
        value.ClearField("doc_string")
    graph.ClearField("metadata_props")


def _place(node: onnx.NodeProto) -> str:
    """The prefix of the part that the node is of; empty where the exporter doesn't say."""
    scopes = {entry.key: entry.value for entry in node.metadata_props}.get(_SCOPES, "")
    return next((f"{part}/" for part in ("pre", "net", "post") if f"'{part}'" in scopes), "")
