"""prepare + network + finish = the stage graphs `prompt` and `effects`, which describe themselves."""

import onnx

from trt_anime.export.catalogue import Model
from trt_anime.export.effects.finish import heat_graph
from trt_anime.export.embed.prepare import picture_graph
from trt_anime.export.parts import NETWORK, PREPARE, joined, set_shape
from trt_anime.export.recipes.effects import Effects
from trt_anime.export.resampling import count_as_network
from trt_anime.stage import StageInfo

ENGINE_PROMPTS = 8  # that an engine takes at once; the graph takes any number


def effects_stage(
    network: onnx.ModelProto, model: Model, *, checkpoint_sha256: str, licence: str
) -> onnx.ModelProto:
    """The stage graph `effects`.

    Args:
        network: ``image`` float32 [B,3,side,side] and ``prompts`` float32 [P,D] -> ``logits`` float32
            [B,P,side,side]; opset 20.

    Returns:
        ``frame`` uint8 [batch,height,width,3] RGB and ``prompts`` float32 [prompts,D], from `prompt` ->
        ``heat`` uint8 [batch,prompts,height,width], 255 where the prompt is there for sure.
    """
    picture = model.recipe_as(Effects).picture
    info = StageInfo(
        stage="effects",
        model=model.name,
        checkpoint_sha256=checkpoint_sha256,
        licence=licence,
        size_rule=picture.describe(),
        output_ranges={"heat": (0, 255)},
        network_size=(picture.side, picture.side),
        capacity={"prompts": ENGINE_PROMPTS},
    )
    whole = joined(
        picture_graph(picture),
        network,
        heat_graph(),
        into=[("image", "image")],
        onward=[(f"{NETWORK}logits", "logits"), (f"{PREPARE}size", "size")],
        info=info,
    )
    count_as_network(whole)
    set_shape(whole.graph.output[0], ("batch", "prompts", "height", "width"))
    return whole


def prompt_stage(
    network: onnx.ModelProto, model: Model, *, checkpoint_sha256: str, licence: str
) -> onnx.ModelProto:
    """The stage graph `prompt`: ``ids`` int32 [batch,context], as the runtime's `Tokenizer` gives them ->
    ``prompts`` float32 [batch,D], for `effects`. It is the network and nothing else."""
    info = StageInfo(
        stage="prompt",
        model=model.name,
        checkpoint_sha256=checkpoint_sha256,
        licence=licence,
        size_rule=f"prompts of {model.recipe_as(Effects).context} tokens at most",
        output_ranges={},
    )
    return joined(None, network, None, info=info)
