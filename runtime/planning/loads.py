"""Which graphs a chain runs and how often, by the choices and passes that the chain itself goes by."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from trt_anime.errors import InputError
from trt_anime.runtime.effects import EffectPrompt
from trt_anime.runtime.passes.choices import NONE, PRESETS, Annotation, Choices, Segmentation, Tracking
from trt_anime.runtime.passes.graphs import USUAL, Content, graphs_of
from trt_anime.runtime.planning.known import COSTS

STAGES = ("1", "2a", "2b", "2c", "3", "4")

ASSUMED = (
    f"assumed: shots of {USUAL.frames} frames with {USUAL.characters} characters, both there from the first"
    f" frame on, one effect, {USUAL.described} frames of each shot described, in"
    f" {USUAL.caption_tokens} words"
)

_EFFECT = EffectPrompt(text="glow")


@dataclass(frozen=True)
class Load:
    """One graph of a chain.

    Attributes:
        stage: number, such as ``2a``.
        every: frames from one run to the next; 0.5: two runs a frame.
    """

    stage: str
    model: str
    graph: str
    every: float = 1.0


def loads_of_preset(preset: str) -> list[Load]:
    """Raises InputError: no such preset."""
    if preset not in PRESETS:
        raise InputError(f"--preset {preset}: no such preset; use {', '.join(PRESETS)}")
    return loads_of_choices(PRESETS[preset], STAGES)


def loads_of(models: Sequence[str]) -> list[Load]:
    """Graphs of these networks by stage, each as a chain would use it.

    Raises InputError: none of a model's graphs was counted.
    """
    known: dict[str, list[str]] = {}
    for cost in COSTS:
        known.setdefault(cost.model, []).append(cost.graph)
    if unknown := [model for model in models if model not in known]:
        raise InputError(f"--models {unknown[0]}: was not counted; use {', '.join(sorted(known))}")
    found = [load for model in dict.fromkeys(models) for load in loads_of_graphs(model, known[model])]
    return sorted(found, key=lambda load: load.stage)


def loads_of_graphs(model: str, graphs: Iterable[str]) -> list[Load]:
    """What a chain would run of a network that has these graphs; nothing where no stage uses such."""
    names = set(graphs)
    for graph, (stage, chosen) in _AS.items():
        if graph in names:
            loads = loads_of_choices(chosen(model), STAGES)
            return [load for load in loads if (load.stage, load.model) == (stage, model)]
    return []


def loads_of_choices(choices: Choices, stages: Sequence[str], content: Content = USUAL) -> list[Load]:
    """Graphs that run for frames, by stage; what runs once a film, as networks of texts do, is left out."""
    wanted = replace(choices, effects=replace(choices.effects, prompts=(_EFFECT,)))
    return [
        Load(use.stage, use.model, use.graph, content.frames / use.runs)
        for use in graphs_of(wanted, stages, content)
        if not use.once and use.runs
    ]


def _with(**parts: object) -> Choices:
    return replace(PRESETS["balanced"], **parts)  # type: ignore[arg-type]


_USUAL = PRESETS["balanced"]
# By a graph that only networks for this stage have: the choices with such a network.
_AS: dict[str, tuple[str, Callable[[str], Choices]]] = {
    "matte": ("2a", lambda model: _with(characters=replace(_USUAL.characters, model=model))),
    "segment": ("1", lambda model: _with(segmentation=Segmentation(method="mask2former", model=model))),
    "image": ("1", lambda model: _with(segmentation=Segmentation(method="sam", model=model))),
    "effects": ("2b", lambda model: _with(effects=replace(_USUAL.effects, models=(model,)))),
    "detect": (
        "2b",
        lambda model: _with(effects=replace(_USUAL.effects, method="grounded-sam", models=(model, NONE))),
    ),
    "inpaint": ("2c", lambda model: _with(plates=replace(_USUAL.plates, model=model))),
    "key": ("3", lambda model: _with(tracking=Tracking(method="xmem", model=model))),
    "encode": ("3", lambda model: _with(tracking=Tracking(method="aot", model=model))),
    "embed": ("4", lambda model: _with(annotation=Annotation(embeddings=model))),
    "vision": ("4", lambda model: _with(annotation=Annotation(captions=model))),
}
