"""prepare + network + finish = the stage graphs `embed` and `embed_text`, which describe themselves."""

import onnx

from trt_anime.export.catalogue import Model
from trt_anime.export.embed.finish import vector_graph
from trt_anime.export.embed.prepare import picture_graph
from trt_anime.export.parts import NETWORK, joined, set_shape
from trt_anime.export.recipes.embed import Embedding
from trt_anime.export.resampling import count_as_network
from trt_anime.stage import StageInfo


def picture_stage(
    network: onnx.ModelProto, model: Model, *, checkpoint_sha256: str, licence: str
) -> onnx.ModelProto:
    """The stage graph `embed` of one encoder of pictures.

    Args:
        network: ``image`` float32 [B,3,side,side] -> ``raw`` float32 [B,D]; opset 20.

    Returns:
        ``frame`` uint8 [batch,height,width,3] RGB -> ``embedding`` float16 [batch,D] of length 1.
    """
    picture = model.recipe_as(Embedding).picture
    depth = depth_of(network)
    info = _info(
        "embed", model, checkpoint_sha256, licence, picture.describe(), (picture.side, picture.side)
    )
    whole = joined(
        picture_graph(picture),
        network,
        vector_graph(depth),
        into=[("image", "image")],
        onward=[(f"{NETWORK}raw", "raw")],
        info=info,
    )
    count_as_network(whole)
    set_shape(whole.graph.output[0], ("batch", depth))
    return whole


def text_stage(
    network: onnx.ModelProto, model: Model, *, checkpoint_sha256: str, licence: str
) -> onnx.ModelProto:
    """The stage graph `embed_text` of one encoder of texts.

    Args:
        network: ``ids`` int32 [N,context] -> ``raw`` float32 [N,D]; opset 20.

    Returns:
        ``ids`` int32 [batch,context], as the runtime's `Tokenizer` gives them -> ``embedding`` float16
        [batch,D] of length 1.
    """
    context, depth = model.recipe_as(Embedding).context, depth_of(network)
    words = f"texts of {context} tokens at most"
    info = _info("embed_text", model, checkpoint_sha256, licence, words, None)
    whole = joined(None, network, vector_graph(depth), onward=[(f"{NETWORK}raw", "raw")], info=info)
    set_shape(whole.graph.output[0], ("batch", depth))
    return whole


def depth_of(network: onnx.ModelProto) -> int:
    """The length of the vectors that a network gives."""
    return int(network.graph.output[0].type.tensor_type.shape.dim[1].dim_value)


def _info(
    stage: str, model: Model, sha256: str, licence: str, rule: str, size: tuple[int, int] | None
) -> StageInfo:
    return StageInfo(
        stage=stage,
        model=model.name,
        checkpoint_sha256=sha256,
        licence=licence,
        size_rule=rule,
        output_ranges={"embedding": (-1, 1)},
        network_size=size,
    )


# Stage graph -> what makes it of its network.
STAGES = {"embed": picture_stage, "embed_text": text_stage}
