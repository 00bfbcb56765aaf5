"""Which stage graphs a run's choices come to, and how often each runs, as the passes ask for them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from trt_anime.runtime.annotation.tools import Tools as Annotator
from trt_anime.runtime.characters.following import KeySchedule
from trt_anime.runtime.passes.choices import NONE, Choices
from trt_anime.runtime.passes.segment import key_frames
from trt_anime.runtime.passes.table import networks_of

# Boxes that a SAM is asked about for each character: as the matte has it, and down to the frame's bottom.
_BOXES = 2


@dataclass(frozen=True)
class Content:
    """What only a clip could tell, as it is as a rule: in a shot all are there from its first frame on.

    Attributes:
        frames: fresh ones of a shot.
        characters: in each of them.
        caption_tokens: of a frame's caption.
    """

    frames: int = 72
    characters: int = 2
    caption_tokens: int = 12

    @property
    def described(self) -> int:
        """Frames of a shot that stage 4's networks look at: for the shot, and each character."""
        return min(self.frames, Annotator.per_shot + self.characters)


USUAL = Content()


@dataclass(frozen=True)
class GraphUse:
    """One graph.

    Attributes:
        stage: number of the stage that it runs for.
        runs: in a shot.
        once: it runs for the film, not for frames.
    """

    stage: str
    model: str
    graph: str
    runs: float
    once: bool = False


def graphs_of(choices: Choices, stages: Iterable[str], content: Content = USUAL) -> list[GraphUse]:
    """Graphs that run where these stages are wanted, by stage; in each the first one leads: the frame's.

    Stage 3 asks stage 1's networks about key frames that stage 1 has left out.

    Raises InputError: stage 3 can't keep to the key frames that were chosen.
    """
    wanted = tuple(stages)
    found = _looked_at(choices, wanted, content)
    return [
        use
        for stage in networks_of(wanted)
        for use in (found if stage == "1" else _OF_STAGE[stage](choices, content))
    ]


def _looked_at(choices: Choices, stages: Sequence[str], content: Content) -> list[GraphUse]:
    chosen = choices.segmentation
    before = set(key_frames(range(content.frames), chosen.key_every))
    later = set(_keys(choices, content)) - before if "3" in stages else set()
    looks = len(later) + (len(before) if "1" in stages else 0)
    if chosen.method == "mask2former":
        return [GraphUse("1", chosen.model, "segment", looks)]
    return _sam("1", chosen.model, looks, content.characters * _BOXES) if chosen.method == "sam" else []


def _matte(choices: Choices, content: Content) -> list[GraphUse]:
    return [GraphUse("2a", choices.characters.model, "matte", content.frames)]


def _find(choices: Choices, content: Content) -> list[GraphUse]:
    chosen = choices.effects
    if not chosen.prompts:
        return []
    first, *others = chosen.models
    looks = "effects" if chosen.method == "clipseg" else "detect"
    found = [GraphUse("2b", first, looks, content.frames), GraphUse("2b", first, "prompt", 0, once=True)]
    return found + [use for sam in others for use in _sam("2b", sam, content.frames, len(chosen.prompts))]


def _fill(choices: Choices, content: Content) -> list[GraphUse]:
    model = choices.plates.model
    return [] if model == NONE else [GraphUse("2c", model, "inpaint", 1)]


def _follow(choices: Choices, content: Content) -> list[GraphUse]:
    chosen, frames = choices.tracking, content.frames
    steps = frames - 1  # in the first frame nobody is looked for: key frames say who is there
    if chosen.method == "sam":
        return _sam("3", chosen.model, steps, content.characters)
    if chosen.method == "flow":
        return []
    keys = _keys(choices, content)
    told = len(keys)
    if chosen.method == "xmem":
        ends = (*keys, steps)
        remembered = sum((end - key) // chosen.memory_frames for key, end in pairwise(ends))
        runs = {
            "key": frames + told - 1,
            "read": steps,
            "decode": steps,
            "value": told + remembered,
            "merge": told,
        }
    else:
        runs = {
            "encode": frames,
            "propagate": steps,
            "decode": frames + told - 1,
            "memorise": max(frames - 1 - told, 0),  # what was told is remembered so
            "refer": told,
        }
    return [GraphUse("3", chosen.model, graph, count) for graph, count in runs.items()]


def _describe(choices: Choices, content: Content) -> list[GraphUse]:
    chosen, frames = choices.annotation, content.described
    found = [
        GraphUse("4", model, "embed", frames) for model in (chosen.tags, chosen.embeddings) if model != NONE
    ]
    if chosen.captions != NONE:
        runs = {"vision": frames, "prefill": frames, "step": frames * content.caption_tokens}
        found += [GraphUse("4", chosen.captions, graph, count) for graph, count in runs.items()]
    if chosen.tags != NONE:
        found.append(GraphUse("4", chosen.tags, "embed_text", 0, once=True))
    return found


def _sam(stage: str, model: str, looks: int, boxes: int) -> list[GraphUse]:
    return [GraphUse(stage, model, "image", looks), GraphUse(stage, model, "mask", looks * boxes)]


def _keys(choices: Choices, content: Content) -> list[int]:
    """Frames of a shot in which stage 3 is told who is there."""
    return KeySchedule(every=choices.segmentation.key_every).undisturbed(content.frames)


_OF_STAGE: dict[str, Callable[[Choices, Content], list[GraphUse]]] = {
    "2a": _matte,
    "2b": _find,
    "2c": _fill,
    "3": _follow,
    "4": _describe,
}
