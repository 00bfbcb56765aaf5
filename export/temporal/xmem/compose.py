"""Parts put together to the stage graphs, each an ONNX file that describes itself."""

from collections.abc import Mapping, Sequence

import numpy as np
import onnx
from onnx import compose as merge

from trt_anime.export.parts import check_valid
from trt_anime.export.temporal.xmem.frames import Frames
from trt_anime.export.temporal.xmem.memory import consolidate_graph, read_graph
from trt_anime.export.temporal.xmem.networks import OPSET, Networks
from trt_anime.export.temporal.xmem.sizes import MemoryProfile
from trt_anime.export.temporal.xmem.tensors import CELLS, Kind, as_read, tensors
from trt_anime.stage import NETWORK, StageInfo

IR_VERSION = 10
PREPARE, FINISH = "pre/", "post/"  # around `NETWORK`; stay FP32

OUTPUTS: Mapping[str, tuple[str, ...]] = {
    "key": ("key", "shrinkage", "selection", "f16", "f8", "f4"),
    "value": ("value", "new_sensory"),
    "read": ("readout", "usage"),
    "decode": ("new_probability", "labels", "matte", "new_sensory"),
    "merge": ("new_probability", "labels", "matte"),
    "consolidate": ("long_key", "long_shrinkage", "long_value"),
}

_RANGES: Mapping[str, tuple[float, float]] = {
    "selection": (0, 1),
    "new_probability": (0, 1),
    "labels": (0, 255),
    "matte": (0, 255),
    "new_sensory": (-1, 1),
}


def xmem_graphs(
    networks: Networks, profile: MemoryProfile, *, checkpoint_sha256: str, licence: str
) -> dict[str, onnx.ModelProto]:
    """The stage graphs by name; inputs and outputs are those of `tensors`, the number of objects is free.

    So is how many rows of the memory ``read`` is given, which an engine fixes to all, see `as_read`.

    ``consolidate`` isn't there where the profile has no long-term memory. ``merge`` has no network in it
    and nothing that may be FP16.
    """
    channels = networks.channels
    frames = Frames(profile, channels)
    parts: dict[str, list[tuple[str, onnx.ModelProto]]] = {
        "key": [(PREPARE, frames.image()), (NETWORK, networks.key), (FINISH, frames.key_rows())],
        "value": [
            (PREPARE, frames.image_and_masks()),
            (NETWORK, networks.value),
            (FINISH, frames.value_rows()),
        ],
        "read": [(FINISH, read_graph(profile, channels))],
        "decode": [(NETWORK, networks.decode), (FINISH, frames.masks())],
        "merge": [(FINISH, frames.merged())],
    }
    if profile.long_cells:
        parts["consolidate"] = [(FINISH, consolidate_graph(profile, channels))]
    kinds = tensors(profile, channels)
    kinds_of = {"read": as_read(kinds)}
    graphs = {stage: _joined(stage, pieces, kinds_of.get(stage, kinds)) for stage, pieces in parts.items()}
    for stage, graph in graphs.items():
        info = StageInfo(
            stage=stage,
            model="xmem",
            checkpoint_sha256=checkpoint_sha256,
            licence=licence,
            size_rule=profile.describe(),
            output_ranges={name: _RANGES[name] for name in OUTPUTS[stage] if name in _RANGES},
            network_size=profile.padded_size,
            capacity={CELLS: profile.capacity} if stage == "read" else {},
        )
        onnx.helper.set_model_props(graph, info.to_metadata())
        check_valid(graph)
    return graphs


def _joined(
    stage: str, parts: Sequence[tuple[str, onnx.ModelProto]], kinds: Mapping[str, Kind]
) -> onnx.ModelProto:
    """One graph: an input that has the name of an earlier part's output is that output."""
    made: dict[str, str] = {}  # name -> the tensor that bears it
    wanted: dict[str, None] = {}
    joined = onnx.GraphProto(name=f"{stage}-xmem")
    for prefix, part in parts:
        graph = _prefixed(prefix, part).graph
        bare = {value.name: value.name.removeprefix(prefix) for value in graph.input}
        links = {name: made.get(short, short) for name, short in bare.items()}
        wanted |= {short: None for short in bare.values() if short not in made}
        _rename(graph, links)
        made |= {value.name.removeprefix(prefix): value.name for value in graph.output}
        joined.node.extend(graph.node)
        joined.initializer.extend(graph.initializer)
    _rename(joined, {made[name]: name for name in OUTPUTS[stage]})
    joined.input.extend(_value(name, kinds[name]) for name in wanted)
    joined.output.extend(_value(name, kinds[name]) for name in OUTPUTS[stage])
    opset = [onnx.helper.make_opsetid("", OPSET)]
    return onnx.helper.make_model(
        joined, opset_imports=opset, ir_version=IR_VERSION, producer_name="trt-anime"
    )


def _prefixed(prefix: str, model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy whose names begin with `prefix`; products of matrices are of the network wherever they are."""
    part = onnx.ModelProto()
    part.CopyFrom(model)
    del part.graph.value_info[:]
    for number, node in enumerate(part.graph.node):
        node.name = node.name or f"{node.op_type}_{number}"
    part = merge.add_prefix(part, prefix)
    for node in part.graph.node:
        if node.op_type == "MatMul":
            node.name = NETWORK + node.name.removeprefix(prefix)
    return part


def _rename(graph: onnx.GraphProto, names: Mapping[str, str]) -> None:
    for node in graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]


def _value(name: str, kind: Kind) -> onnx.ValueInfoProto:
    element = onnx.helper.np_dtype_to_tensor_dtype(np.dtype(kind.dtype))
    return onnx.helper.make_tensor_value_info(name, element, kind.shape)
