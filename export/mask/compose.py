"""prepare + network + finish = the stage graphs `image` and `mask`, two files that describe themselves."""

import onnx

from trt_anime.export.catalogue import Model
from trt_anime.export.mask.finish import image_graph_after, mask_graph_after
from trt_anime.export.mask.networks import MaskNetworks
from trt_anime.export.mask.prepare import image_graph_before, mask_graph_before
from trt_anime.export.parts import NETWORK, PREPARE, check_valid, joined, set_shape
from trt_anime.export.recipes.mask import Masking
from trt_anime.stage import StageInfo


def image_graph(
    encoder: onnx.ModelProto, networks: MaskNetworks, model: Model, *, checkpoint_sha256: str, licence: str
) -> onnx.ModelProto:
    """The stage graph that is run once for each frame.

    Args:
        encoder: as `onnx_of_encoder` writes it.
        networks: that it was written from.
        model: the catalogue row.
        checkpoint_sha256: of the file that the weights came from.
        licence: of those weights; empty for the user's own.

    Returns:
        ``frame`` uint8 [batch,height,width,3] RGB -> ``embedding`` float32 [batch,C,h,w] and, for SAM 2,
        the finer maps ``f8`` and ``f4``. Sizes are the network's own, whatever the frame's.
    """
    info = _info("image", model, checkpoint_sha256, licence, {})
    whole = joined(
        image_graph_before(model.recipe_as(Masking)),
        encoder,
        image_graph_after(networks.maps),
        into=[("image", "image")],
        onward=[(f"{NETWORK}found_{name}", f"found_{name}") for name in networks.maps],
        info=info,
    )
    for value, shape in zip(whole.graph.output, networks.maps.values(), strict=True):
        set_shape(value, ("batch", *shape))
    check_valid(whole)
    return whole


def mask_graph(
    decoder: onnx.ModelProto, networks: MaskNetworks, model: Model, *, checkpoint_sha256: str, licence: str
) -> onnx.ModelProto:
    """The stage graph that draws what boxes enclose; arguments as of `image_graph`, and the decoder.

    Returns:
        The maps of `image_graph`, ``boxes`` float32 [batch,prompts,4] (left, top, right, bottom, in pixels
        of the frame) and ``size`` int64 [2], the frame's height and width -> ``mask`` uint8
        [batch,prompts,height,width], 255 is inside, and ``quality`` float32 [batch,prompts], the IoU that
        the network expects of its mask. A box without area gives some mask; nobody is told.
    """
    rule = model.recipe_as(Masking)
    info = _info("mask", model, checkpoint_sha256, licence, {"prompts": rule.prompts})
    whole = joined(
        mask_graph_before(rule, networks.tables),
        decoder,
        mask_graph_after(rule),
        into=[("prompts", "prompts")],
        onward=[
            (NETWORK + "logits", "logits"),
            (NETWORK + "quality", "found_quality"),
            (PREPARE + "frame_size", "frame_size"),
            (PREPARE + "inner", "inner"),
        ],
        info=info,
    )
    shapes = {"mask": ("batch", "prompts", "height", "width"), "quality": ("batch", "prompts")}
    for value in whole.graph.output:
        set_shape(value, shapes[value.name])
    check_valid(whole)
    return whole


def _info(
    stage: str, model: Model, checkpoint_sha256: str, licence: str, capacity: dict[str, int]
) -> StageInfo:
    rule = model.recipe_as(Masking)
    return StageInfo(
        stage=stage,
        model=model.name,
        checkpoint_sha256=checkpoint_sha256,
        licence=licence,
        size_rule=rule.describe(),
        output_ranges={"mask": (0, 255)} if stage == "mask" else {},
        network_size=(rule.side, rule.side),
        capacity=capacity,
    )
