"""What a chain takes on a device: time by stage, frames per second, memory, and how many GPUs a goal needs.

Each operator takes as long as its arithmetic or its bytes need, whichever is more, at the shares of the
ceilings that are assumed to be reached, and never less than a kernel's start. Stages follow one another, as
they do on a GPU that each of them fills. Held frames aren't counted. What the processor does besides is
told by itself, as it goes on at the same time.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from trt_anime.errors import InputError, MissingError
from trt_anime.runtime.planning.ceilings import Ceiling, Precision, same_card
from trt_anime.runtime.planning.costs import Cost, at_pixels, find
from trt_anime.runtime.planning.host import CORE_S_PER_MEGAPIXEL
from trt_anime.runtime.planning.loads import ASSUMED, Load
from trt_anime.runtime.planning.memory import PIPELINE, WIDTH, line_bytes, whole_bytes
from trt_anime.runtime.planning.profiles import Profile

WHOLE_STAGE = "whole stage"
# Frames' longer side over the shorter, where graphs were counted; others by their pixels.
_SHAPE = 16 / 9
RESERVED = (
    "stage 2a's memory is what the run's memory plan sets aside for ONNX Runtime; an engine says itself"
    " what it needs, as a rule less"
)


@dataclass(frozen=True)
class Line:
    """A graph of the chain, or a whole stage where that was measured.

    Attributes:
        every: frames from one run to the next.
        run_s: seconds a run.
        memory_bytes: of its weights, of a run and of what goes in and out; None where it was measured and
            memory wasn't.
        basis: ``predicted``, or ``measured`` by the profile.
    """

    stage: str
    what: str
    every: float
    run_s: float
    memory_bytes: float | None
    basis: Literal["predicted", "measured"]

    @property
    def frame_s(self) -> float:
        return self.run_s / self.every


@dataclass(frozen=True)
class Forecast:
    """The whole chain.

    Attributes:
        width, height: of a frame.
        gpus: how many the goal needs; 0: its memory is too small for the chain.
        uncounted: stage, model and graph of what would run too, but is in no figure: it takes more.
        notes: sentences that belong to the figures.
    """

    gpu: str
    width: int
    height: int
    precision: str
    goal_fps: float
    lines: tuple[Line, ...]
    memory_bytes: float
    gpus: int
    notes: tuple[str, ...]
    uncounted: tuple[str, ...] = ()

    @property
    def frame_s(self) -> float:
        return sum(line.frame_s for line in self.lines)

    @property
    def fps(self) -> float:
        """Of one GPU."""
        return 1 / self.frame_s

    @property
    def host_core_s(self) -> float:
        """Seconds a frame of one core like those that it was measured on, whatever GPU there is."""
        return CORE_S_PER_MEGAPIXEL * self.width * self.height / 1e6

    @property
    def basis(self) -> str:
        """``predicted`` as soon as one line is."""
        return "measured" if all(line.basis == "measured" for line in self.lines) else "predicted"


def forecast(
    loads: Sequence[Load],
    costs: Iterable[Cost],
    ceiling: Ceiling,
    *,
    width: int,
    height: int,
    precision: Precision,
    fps: float,
    profile: Profile | None = None,
) -> Forecast:
    """Put it together.

    Args:
        width, height: of the frames. Graphs were counted at 16:9; of other shapes pixels count.
        fps: the goal.
        profile: of this GPU; its stages stand in place of predicted ones.

    Raises:
        InputError: the profile is of another GPU or size.
        MissingError: no graph was counted.
    """
    known, notes, pixels = list(costs), _notes(ceiling), float(width * height)
    if abs(max(width, height) / min(width, height) / _SHAPE - 1) > 0.02:
        notes.append("graphs were counted for frames of 16:9; these are taken by their pixels")
    measured = _fitting(profile, ceiling, (width, height)) if profile else {}
    lines = [
        Line(stage, WHOLE_STAGE, 1.0, seconds, None, "measured")
        for stage, seconds in measured.items()
        if any(load.stage == stage for load in loads)
    ]
    uncounted = []
    for load in loads:
        if load.stage not in measured:
            try:
                lines.append(_graph_line(load, known, ceiling, pixels, precision, profile))
            except MissingError:
                if len(loads) == 1:
                    raise
                uncounted.append(f"{load.stage} {load.model} {load.graph}")
    if uncounted:
        notes.append(f"not counted: {', '.join(uncounted)}; the chain takes longer, and more memory")
    if profile:
        notes += _profile_notes(profile, lines, precision)
    if any(load.graph == PIPELINE for load in loads):
        notes.append(RESERVED)
    memory = whole_bytes([line.memory_bytes or 0.0 for line in lines])
    frame_s = sum(line.frame_s for line in lines)
    fits = ceiling.memory_bytes is None or memory <= ceiling.memory_bytes
    return Forecast(
        ceiling.name,
        width,
        height,
        precision,
        fps,
        tuple(sorted(lines, key=lambda line: line.stage)),
        memory,
        max(math.ceil(fps * frame_s - 1e-9), 1) if fits else 0,
        tuple(notes),
        tuple(uncounted),
    )


def run_s(costs: Sequence[Cost], ceiling: Ceiling, *, pixels: float, precision: Precision) -> float:
    """Seconds of a run at a frame size: on the line through two that were counted.

    Args:
        costs: of one graph, lowest frame first.
    """
    return at_pixels(costs, [_seconds(cost, ceiling, precision) for cost in costs], pixels)


def _seconds(cost: Cost, ceiling: Ceiling, precision: Precision) -> float:
    total = 0.0
    for work in cost.works:
        if work.kind == "fused" and ceiling.fuses:
            continue
        width = 1.0 if work.kind == "moved" else WIDTH[precision]
        bytes_s = work.size_bytes * width / (ceiling.bytes_per_s * ceiling.copy_share)
        rate = ceiling.flops_per_s[precision] if work.kind == "math" else math.inf
        math_s = work.flops / (rate * ceiling.math_share)
        total += max(math_s, bytes_s, work.count * ceiling.kernel_s)
    return total


def _graph_line(
    load: Load,
    costs: Sequence[Cost],
    ceiling: Ceiling,
    pixels: float,
    precision: Precision,
    profile: Profile | None,
) -> Line:
    """Measured where the profile has the graph, else predicted. Raises MissingError: neither can be."""
    run_s = profile.graph_s.get(f"{load.stage} {load.model} {load.graph}") if profile else None
    if run_s is None:
        return _line(load, find(costs, load.model, load.graph), ceiling, pixels, precision)
    try:
        counted = find(costs, load.model, load.graph)
        memory = line_bytes(load, counted, pixels=pixels, precision=precision)
    except MissingError:
        memory = None
    return Line(load.stage, f"{load.model} {load.graph}", load.every, run_s, memory, "measured")


def _line(load: Load, costs: Sequence[Cost], ceiling: Ceiling, pixels: float, precision: Precision) -> Line:
    seconds = run_s(costs, ceiling, pixels=pixels, precision=precision)
    memory = line_bytes(load, costs, pixels=pixels, precision=precision)
    return Line(load.stage, f"{load.model} {load.graph}", load.every, seconds, memory, "predicted")


def _fitting(profile: Profile, ceiling: Ceiling, size: tuple[int, int]) -> dict[str, float]:
    if not same_card(profile.gpu, ceiling.name):
        raise InputError(
            f"{profile.source}: is of {profile.gpu}, not of {ceiling.name}; give a profile of that GPU"
        )
    if profile.size not in (None, size):
        held, asked = (f"{width}x{height}" for width, height in (profile.size or size, size))
        raise InputError(f"{profile.source}: holds for frames of {held}, not {asked}; ask for that size")
    return profile.stage_s


def _notes(ceiling: Ceiling) -> list[str]:
    return [
        f"predicted from rates {ceiling.source}, of which {ceiling.math_share:.0%} of the arithmetic and"
        f" {ceiling.copy_share:.0%} of the memory's speed are assumed to be reached",
        "every frame is computed; reuse of held frames is not in it",
        ASSUMED,
    ]


def _profile_notes(profile: Profile, lines: Sequence[Line], precision: str) -> list[str]:
    used = list(dict.fromkeys(line.stage for line in lines if line.basis == "measured"))
    if not used:
        return [f"{profile.source}: has none of these stages, so nothing of it is used"]
    notes = [f"measured: stages {', '.join(used)}, by {profile.source}, of {profile.gpu}"]
    if profile.size is None:
        notes.append("the file doesn't say the frame's size that its times hold for")
    other = sorted({profile.precision[stage] for stage in used if stage in profile.precision} - {precision})
    if other:
        notes.append(f"measured in {', '.join(other)}, not in {precision}")
    return notes
