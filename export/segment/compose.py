"""prepare + network + finish = the stage graph `segment`, one self-describing ONNX file."""

import onnx

from trt_anime.export.catalogue import Model
from trt_anime.export.lowerings.choices import with_lowerings
from trt_anime.export.lowerings.positions import with_positions_named
from trt_anime.export.parts import FINISH, NETWORK, PREPARE, check_valid, joined, set_shape
from trt_anime.export.recipes.segment import Segmentation
from trt_anime.export.segment.finish import finish_graph
from trt_anime.export.segment.network import OUTPUTS
from trt_anime.export.segment.prepare import prepare_graph
from trt_anime.stage import StageInfo


def segment_graph(
    network: onnx.ModelProto, model: Model, *, checkpoint_sha256: str, licence: str
) -> onnx.ModelProto:
    """The stage graph of one segmentation network, whose head decides what `index` means; see `finish`.

    Args:
        network: input ``image`` float32 [B,3,h,w], outputs ``class_logits`` and ``mask_logits``; opset 20.
        model: its catalogue row.
        checkpoint_sha256: of the file that the network's weights came from.
        licence: of those weights; empty for the user's own.

    Returns:
        ``frame`` uint8 [batch,height,width,3] RGB and ``threshold`` float32 [batch] -> ``index`` uint8
        [batch,height,width], ``scores`` float32 and ``labels`` int32 [batch,rows] and, but for semantic
        heads, ``areas`` int32 [batch,rows].
    """
    rule = model.recipe_as(Segmentation)
    rows = len(rule.labels) if rule.task == "semantic" else rule.queries
    info = StageInfo(
        stage=model.stage,
        model=model.name,
        checkpoint_sha256=checkpoint_sha256,
        licence=licence,
        size_rule=rule.describe(),
        output_ranges=_ranges(rule),
        labels=rule.labels,
        network_size=rule.network_size,
        task=rule.task,
        things=rule.things,
    )
    whole = joined(
        prepare_graph(rule),
        network,
        finish_graph(rule),
        into=[("image", "image")],
        onward=[*((NETWORK + name, name) for name in OUTPUTS), (PREPARE + "size", "size")],
        info=info,
    )
    for value in whole.graph.output:
        set_shape(value, ("batch", "height", "width") if value.name == "index" else ("batch", rows))
    for node in whole.graph.node:
        # A product of matrices is the network's, wherever it is: SM75 has it in FP16 only.
        if node.op_type == "MatMul" and node.name.startswith(FINISH):
            node.name = NETWORK + node.name.removeprefix(FINISH)
    whole = with_lowerings(with_positions_named(whole), {"deformable_attention": rule.deformable_attention})
    check_valid(whole)
    return whole


def _ranges(rule: Segmentation) -> dict[str, tuple[float, float]]:
    """A class may gather evidence from each query; a label can be "no object", one past the last."""
    if rule.task == "semantic":
        return {"index": (0, 255), "scores": (0, rule.queries), "labels": (0, len(rule.labels) - 1)}
    return {"index": (0, 255), "scores": (0, 1), "labels": (0, len(rule.labels)), "areas": (-1, 2**31 - 1)}
