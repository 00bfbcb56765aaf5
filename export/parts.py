"""A stage graph is three parts, made apart and joined: before the network, the network, after it."""

from collections.abc import Sequence

import onnx
from onnx import compose as merge

from trt_anime.hollow import hollow, weights_of
from trt_anime.stage import NETWORK as NETWORK
from trt_anime.stage import StageInfo

OPSET = 20
IR_VERSION = 10

# Precision is typed by these prefixes: a network may be lowered, its surroundings stay FP32.
PREPARE, FINISH = "pre/", "post/"

Links = Sequence[tuple[str, str]]


def joined(
    before: onnx.ModelProto | None,
    network: onnx.ModelProto,
    after: onnx.ModelProto | None,
    *,
    into: Links = (),
    onward: Links = (),
    info: StageInfo,
) -> onnx.ModelProto:
    """The three parts as one graph that describes itself; the parts are left unchanged.

    The names of their nodes and values begin with `PREPARE`, `NETWORK` and `FINISH` from then on, those of
    the graph's own inputs and outputs excepted. Where the network reads its input as it comes, or nothing
    is left to do, there is no part for that. The network's weights are copied once, and not serialized.

    Args:
        into: what the network reads of the part before it, as (output of that, input of the network).
        onward: what the last part reads, as (name, its input); names begin with the prefix of their part.
    """
    weights = weights_of(network)
    whole = _part(hollow(network), NETWORK)
    if before is not None:
        whole = merge.merge_models(
            _part(before, PREPARE),
            whole,
            io_map=[(PREPARE + source, NETWORK + name) for source, name in into],
            outputs=[name for name, _ in onward] or None,
        )
    if after is not None:
        whole = merge.merge_models(
            whole, _part(after, FINISH), io_map=[(source, FINISH + name) for source, name in onward]
        )
    check_valid(whole)
    _put_back(whole, weights)
    for value in (*whole.graph.input, *whole.graph.output):
        rename_value(whole, value.name, value.name.partition("/")[2])
    whole.graph.name = f"{info.stage}-{info.model}"
    whole.producer_name = "trt-anime"
    del whole.graph.value_info[:]
    del whole.opset_import[1:]  # merging lists the same one for each part
    onnx.helper.set_model_props(whole, info.to_metadata())
    return whole


def check_valid(model: onnx.ModelProto) -> None:
    """onnx's own check, of all but the values of large weights, which would be copied twice for it."""
    onnx.checker.check_model(hollow(model))


def set_shape(value: onnx.ValueInfoProto, shape: tuple[int | str, ...]) -> None:
    """Say what shape inference can't find out: the sizes come back through arithmetic on `Shape`."""
    elements = value.type.tensor_type.elem_type
    value.CopyFrom(onnx.helper.make_tensor_value_info(value.name, elements, shape))


def _put_back(whole: onnx.ModelProto, weights: Sequence[onnx.TensorProto]) -> None:
    """The network's weights, in place of the inputs that stood for them."""
    stand_ins = {NETWORK + tensor.name for tensor in weights}
    kept = [value for value in whole.graph.input if value.name not in stand_ins]
    del whole.graph.input[:]
    whole.graph.input.extend(kept)
    for tensor in weights:
        whole.graph.initializer.add().CopyFrom(tensor)
        whole.graph.initializer[-1].name = NETWORK + tensor.name


def _part(model: onnx.ModelProto, prefix: str) -> onnx.ModelProto:
    # Spox and the exporters write the lowest opset that their nodes need; none of these nodes changed
    # between that and OPSET, and `network` is at OPSET already.
    part = onnx.ModelProto()
    part.CopyFrom(model)
    del part.opset_import[:]
    part.opset_import.append(onnx.helper.make_opsetid("", OPSET))
    part.ir_version = IR_VERSION
    del part.metadata_props[:]
    for number, node in enumerate(part.graph.node):
        node.name = node.name or f"{node.op_type}_{number}"
    return merge.add_prefix(part, prefix)


def rename_value(model: onnx.ModelProto, old: str, new: str) -> None:
    """Call a graph input or output, and every use of it, by another name; changes `model`."""
    graph = model.graph
    for value in [*graph.input, *graph.output]:
        if value.name == old:
            value.name = new
    for node in graph.node:
        node.input[:] = [new if name == old else name for name in node.input]
        node.output[:] = [new if name == old else name for name in node.output]
