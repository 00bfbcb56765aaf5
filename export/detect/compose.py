"""The two stage graphs `prompt` and `detect`, each one self-describing ONNX file."""

from dataclasses import dataclass

import onnx

from trt_anime.export.catalogue import Model
from trt_anime.export.check import check_nodes
from trt_anime.export.detect.finish import finish_graph
from trt_anime.export.detect.prepare import Widths, prepare_graph
from trt_anime.export.detect.text import described_graph, phrases_graph
from trt_anime.export.detect.vision import INPUTS
from trt_anime.export.lowerings.choices import with_lowerings
from trt_anime.export.parts import NETWORK, PREPARE, check_valid, joined, set_shape
from trt_anime.export.recipes.detect import Detection
from trt_anime.stage import StageInfo


@dataclass(frozen=True)
class Origin:
    """Whose weights they are: see `StageInfo`."""

    checkpoint_sha256: str
    licence: str


def prompt_graph(network: onnx.ModelProto, model: Model, widths: Widths, origin: Origin) -> onnx.ModelProto:
    """The text side, once per prompt; checked node by node.

    Args:
        network: see `tracing.onnx_from_text`.

    Returns:
        ``ids`` int64 [1,T], 0 behind the prompt's end -> ``features`` and ``positions`` float32 [1,T,D],
        ``blocks`` uint8 [1,T,T] and ``valid`` uint8 [1,T]: inputs of `detect`.
    """
    rule = model.recipe_as(Detection)
    ranges: dict[str, tuple[float, float]] = {"positions": (-1, 1), "blocks": (0, 1), "valid": (0, 1)}
    passed_on = [(PREPARE + name, name) for name in ("order", "together", "present")]

    whole = joined(
        phrases_graph(rule.context),
        network,
        described_graph(rule.context, widths.features),
        into=[("tokens", "ids"), ("order", "order"), ("mask", "mask")],
        onward=[(NETWORK + "text", "text"), *passed_on],
        info=_info("prompt", model, origin, ranges),
    )
    return _checked(whole, model)


def detect_graph(network: onnx.ModelProto, model: Model, widths: Widths, origin: Origin) -> onnx.ModelProto:
    """The picture's side, for every frame; checked node by node.

    Args:
        network: see `tracing.onnx_from_vision`.

    Returns:
        ``frame`` uint8 [batch,height,width,3] RGB and the prompt's four -> ``boxes`` float32 [batch,Q,4],
        left, top, right, bottom in pixels of the frame; ``scores`` float32 [batch,Q], 0..1; ``tokens``
        float32 [batch,Q,T], 0..1, of which ``scores`` are the largest.
    """
    rule = model.recipe_as(Detection)
    ranges: dict[str, tuple[float, float]] = {"scores": (0, 1), "tokens": (0, 1)}
    passed_on = [(PREPARE + name, name) for name in ("extent", "text_valid")]

    whole = joined(
        prepare_graph(rule, widths),
        network,
        finish_graph(rule, widths),
        into=[(name, name) for name in INPUTS],
        onward=[(NETWORK + name, name) for name in ("shares", "logits")] + passed_on,
        info=_info("detect", model, origin, ranges),
    )
    for value, rest in zip(whole.graph.output, ((4,), (), (rule.context,)), strict=True):
        set_shape(value, ("batch", widths.queries, *rest))
    lowered = with_lowerings(whole, {"deformable_attention": rule.deformable_attention})
    return _checked(lowered, model)


def _checked(graph: onnx.ModelProto, model: Model) -> onnx.ModelProto:
    check_valid(graph)
    check_nodes(graph, model)
    return graph


def _info(stage: str, model: Model, origin: Origin, ranges: dict[str, tuple[float, float]]) -> StageInfo:
    rule, sees = model.recipe_as(Detection), stage == "detect"
    return StageInfo(
        stage=stage,
        model=model.name,
        checkpoint_sha256=origin.checkpoint_sha256,
        licence=origin.licence,
        size_rule=rule.describe() if sees else f"at most {rule.context} tokens",
        output_ranges=ranges,
        network_size=rule.canvas if sees else None,
    )
