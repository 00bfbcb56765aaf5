"""Which stage graphs a run's choices come to, and how often each runs."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from trt_anime.runtime.passes.choices import NONE, Choices
from trt_anime.runtime.passes.table import PASSES, Cadence

# `remembered frame`: one that a network with a memory keeps; `described frame`: one that stands for a shot.
Per = Cadence | Literal["remembered frame", "described frame"]

# What one run finds as a rule, where only the clip could tell.
CHARACTERS = 2
CAPTION_TOKENS = 12
# Boxes that a SAM is asked about for each character: as the matte has it, and down to the frame's bottom.
_BOXES = 2


@dataclass(frozen=True)
class GraphUse:
    """One graph.

    Attributes:
        stage: number of the stage that it runs for.
        per: what it runs for.
        times: how often for each.
    """

    stage: str
    model: str
    graph: str
    per: Per
    times: float = 1.0


def graphs_of(choices: Choices, stages: Iterable[str]) -> list[GraphUse]:
    """Graphs of these stages' networks. In each stage the first is the one that leads: the frame's."""
    return [use for stage in stages for use in _OF_STAGE[stage](choices)]


def _matte(choices: Choices) -> list[GraphUse]:
    return [GraphUse("2a", choices.characters.model, "matte", "fresh frame")]


def _segment(choices: Choices) -> list[GraphUse]:
    chosen = choices.segmentation
    if chosen.method == "mask2former":
        return [GraphUse("1", chosen.model, "segment", _cadence("1"))]
    return _sam("1", chosen.model, CHARACTERS * _BOXES) if chosen.method == "sam" else []


def _find(choices: Choices) -> list[GraphUse]:
    chosen = choices.effects
    if not chosen.prompts:
        return []
    first, *others = chosen.models
    looks = "effects" if chosen.method == "clipseg" else "detect"
    found = [GraphUse("2b", first, looks, _cadence("2b")), GraphUse("2b", first, "prompt", "film")]
    return found + [use for sam in others for use in _sam("2b", sam, len(chosen.prompts))]


def _fill(choices: Choices) -> list[GraphUse]:
    model = choices.plates.model
    return [] if model == NONE else [GraphUse("2c", model, "inpaint", _cadence("2c"))]


def _follow(choices: Choices) -> list[GraphUse]:
    chosen, frame = choices.tracking, _cadence("3")
    if chosen.method == "sam":
        return _sam("3", chosen.model, CHARACTERS)
    if chosen.method == "xmem":
        every = [GraphUse("3", chosen.model, graph, frame) for graph in ("key", "read", "decode")]
        value = GraphUse("3", chosen.model, "value", "remembered frame")
        return [*every, value, GraphUse("3", chosen.model, "merge", "key frame")]
    if chosen.method == "aot":
        every = [
            GraphUse("3", chosen.model, graph, frame)
            for graph in ("encode", "propagate", "decode", "memorise")
        ]
        return [*every, GraphUse("3", chosen.model, "refer", "key frame")]
    return []


def _describe(choices: Choices) -> list[GraphUse]:
    chosen = choices.annotation
    found = [
        GraphUse("4", model, "embed", "described frame")
        for model in (chosen.tags, chosen.embeddings)
        if model != NONE
    ]
    if chosen.captions != NONE:
        found += [
            GraphUse("4", chosen.captions, "vision", "described frame"),
            GraphUse("4", chosen.captions, "prefill", "described frame"),
            GraphUse("4", chosen.captions, "step", "described frame", CAPTION_TOKENS),
        ]
    if chosen.tags != NONE:
        found.append(GraphUse("4", chosen.tags, "embed_text", "film"))
    return found


def _sam(stage: str, model: str, boxes: int) -> list[GraphUse]:
    per = _cadence(stage)
    return [GraphUse(stage, model, "image", per), GraphUse(stage, model, "mask", per, boxes)]


def _cadence(stage: str) -> Cadence:
    """What the first pass that runs the stage's networks computes for."""
    return next(one.cadence for one in PASSES if stage in one.networks)


_OF_STAGE: dict[str, Callable[[Choices], list[GraphUse]]] = {
    "1": _segment,
    "2a": _matte,
    "2b": _find,
    "2c": _fill,
    "3": _follow,
    "4": _describe,
}
