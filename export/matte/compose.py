"""prepare + network + finish = the stage graph `matte`, one self-describing ONNX file."""

import onnx

from trt_anime.export.catalogue import Model
from trt_anime.export.matte.finish import finish_graph
from trt_anime.export.matte.options import RefineOptions
from trt_anime.export.matte.prepare import prepare_graph
from trt_anime.export.parts import NETWORK, PREPARE, check_valid, joined, set_shape
from trt_anime.export.recipes.matte import Preprocess
from trt_anime.stage import StageInfo


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
    rule = model.recipe_as(Preprocess)
    info = StageInfo(
        stage=model.stage,
        model=model.name,
        checkpoint_sha256=checkpoint_sha256,
        licence=licence,
        size_rule=rule.size_rule.describe(),
        output_ranges={"rgba": (0, 255)},
        network_size=rule.size_rule.network_size,
    )
    whole = joined(
        prepare_graph(rule),
        network,
        finish_graph(rule, options or RefineOptions()),
        into=[("image", "image")],
        onward=[(NETWORK + "map", "map"), (PREPARE + "picture", "picture"), (PREPARE + "size", "size")],
        info=info,
    )
    set_shape(whole.graph.output[0], ("batch", "height", "width", 4))
    check_valid(whole)
    return whole
