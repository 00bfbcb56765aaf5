"""prepare + network + finish = the stage graph `matte`, one self-describing ONNX file."""

import onnx
from onnx import compose as merge

from trt_anime.export.catalogue import Model
from trt_anime.export.matte.finish import finish_graph
from trt_anime.export.matte.options import RefineOptions
from trt_anime.export.matte.prepare import prepare_graph
from trt_anime.stage import StageInfo

OPSET = 20
IR_VERSION = 10

# Precision is typed by these prefixes: a network may be lowered, its surroundings stay FP32.
PREPARE, NETWORK, FINISH = "pre/", "net/", "post/"


def matte_graph(
    network: onnx.ModelProto,
    model: Model,
    *,
    checkpoint_sha256: str,
    licence: str,
    options: RefineOptions | None = None,
) -> onnx.ModelProto:
    """The stage graph of one matting network.

    Args:
        network: one input ``image`` float32 [B,3,h,w], normalised by the model's rule, and one output
            ``map`` float32 [B,1,h,w]; opset 20.
        model: its catalogue row.
        checkpoint_sha256: of the file that the network's weights came from.
        licence: of those weights; empty for the user's own.

    Returns:
        ``frame`` uint8 [batch,height,width,3] RGB -> ``rgba`` uint8 [batch,height,width,4], straight alpha.
    """
    before = _part(prepare_graph(model.preprocess), PREPARE)
    middle = _part(network, NETWORK)
    after = _part(finish_graph(model.preprocess, options or RefineOptions()), FINISH)
    front = merge.merge_models(
        before,
        middle,
        io_map=[(PREPARE + "image", NETWORK + "image")],
        outputs=[PREPARE + "picture", PREPARE + "size", NETWORK + "map"],
    )
    links = [(NETWORK + "map", "map"), (PREPARE + "picture", "picture"), (PREPARE + "size", "size")]
    whole = merge.merge_models(front, after, io_map=[(source, FINISH + name) for source, name in links])
    rename_value(whole, PREPARE + "frame", "frame")
    rename_value(whole, FINISH + "rgba", "rgba")
    _set_shape(whole.graph.output[0], ("batch", "height", "width", 4))
    whole.graph.name = f"matte-{model.name}"
    whole.producer_name = "trt-anime"
    del whole.graph.value_info[:]
    del whole.opset_import[1:]  # merging lists the same one for each part
    info = StageInfo(
        stage=model.stage,
        model=model.name,
        checkpoint_sha256=checkpoint_sha256,
        licence=licence,
        size_rule=model.preprocess.size_rule.describe(),
        output_ranges={"rgba": (0, 255)},
        network_size=model.preprocess.size_rule.network_size,
    )
    onnx.helper.set_model_props(whole, info.to_metadata())
    onnx.checker.check_model(whole)
    return whole


def _set_shape(value: onnx.ValueInfoProto, shape: tuple[int | str, ...]) -> None:
    """Say what shape inference can't find out: the sizes come back through arithmetic on `Shape`."""
    elements = value.type.tensor_type.elem_type
    value.CopyFrom(onnx.helper.make_tensor_value_info(value.name, elements, shape))


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
