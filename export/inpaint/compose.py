"""prepare + network + finish = the stage graph `inpaint`, one self-describing ONNX file."""

import onnx

from trt_anime.export.catalogue import Model
from trt_anime.export.inpaint.finish import finish_graph
from trt_anime.export.inpaint.options import HoleOptions
from trt_anime.export.inpaint.prepare import prepare_graph
from trt_anime.export.parts import NETWORK, PREPARE, check_valid, joined, set_shape
from trt_anime.export.recipes.inpaint import Inpainting
from trt_anime.stage import StageInfo


def inpaint_graph(
    network: onnx.ModelProto,
    model: Model,
    *,
    checkpoint_sha256: str,
    licence: str,
    options: HoleOptions | None = None,
) -> onnx.ModelProto:
    """The stage graph of one inpainting network.

    Args:
        network: one input ``image`` float32 [B,4,h,w], by the model's rule, and one output ``fill`` float32
            [B,3,h,w]; opset 20.
        model: its catalogue row.
        checkpoint_sha256: of the file that the network's weights came from.
        licence: of those weights; empty for the user's own.

    Returns:
        ``frame`` uint8 [batch,height,width,3] RGB and ``hole`` uint8 [batch,height,width], 255 where it is
        to be filled -> ``plate`` uint8 [batch,height,width,3]; away from the hole the bytes of the frame.
    """
    rule, options = model.recipe_as(Inpainting), options or HoleOptions()
    info = StageInfo(
        stage=model.stage,
        model=model.name,
        checkpoint_sha256=checkpoint_sha256,
        licence=licence,
        size_rule=rule.size_rule.describe(),
        output_ranges={"plate": (0, 255)},
        network_size=rule.size_rule.network_size,
    )
    passed_on = [(PREPARE + name, name) for name in ("picture", "weight", "size")]
    whole = joined(
        prepare_graph(rule, options),
        network,
        finish_graph(rule),
        into=[("image", "image")],
        onward=[(NETWORK + "fill", "fill"), *passed_on],
        info=info,
    )
    set_shape(whole.graph.output[0], ("batch", "height", "width", 3))
    check_valid(whole)
    return whole
