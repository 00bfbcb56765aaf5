"""The three graphs of a captioning network, which share one file of weights."""

import onnx

from trt_anime.export.caption.bert import Bert
from trt_anime.export.caption.graph import Precision
from trt_anime.export.caption.language import Language, prefill_graph, step_graph
from trt_anime.export.caption.opt import Opt
from trt_anime.export.caption.storage import WeightFile
from trt_anime.export.caption.vision import vision_graph
from trt_anime.export.recipes.caption import Captioning
from trt_anime.stage import StageInfo


def caption_graphs(
    recipe: Captioning,
    weights: WeightFile,
    *,
    model: str,
    checkpoint_sha256: str,
    licence: str,
    precision: Precision = "fp32",
) -> dict[str, onnx.ModelProto]:
    """``vision``, ``prefill`` and ``step``; their weights are where `weights` will write them.

    Args:
        precision: of the matrix products. ``fp16`` needs no calibration: all else stays FP32.

    Raises CheckpointError: a tensor is missing, has another shape, or is left over.
    """

    def info(stage: str) -> StageInfo:
        return StageInfo(
            stage=stage,
            model=model,
            checkpoint_sha256=checkpoint_sha256,
            licence=licence,
            size_rule=f"stretch to {recipe.vision.side}x{recipe.vision.side}",
            output_ranges={},
            network_size=(recipe.vision.side, recipe.vision.side),
            precision=precision,
        )

    language: Language = Bert(recipe) if recipe.qformer is None else Opt(recipe.decoder)
    graphs = {
        "vision": vision_graph(recipe, weights, precision=precision, info=info("vision")),
        "prefill": prefill_graph(recipe, language, weights, precision=precision, info=info("prefill")),
        "step": step_graph(recipe, language, weights, precision=precision, info=info("step")),
    }
    weights.check_all_used()
    return graphs
