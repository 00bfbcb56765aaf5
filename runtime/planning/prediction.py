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
from trt_anime.runtime.planning.costs import Cost, find
from trt_anime.runtime.planning.host import CORE_S_PER_MEGAPIXEL
from trt_anime.runtime.planning.loads import ASSUMED, Load
from trt_anime.runtime.planning.profiles import Profile

# Bytes of a number, as a share of FP32's. Pictures go through graphs in FP32 around the network.
_WIDTH: dict[str, float] = {"fp32": 1.0, "fp16": 0.5, "int8": 0.25}
WHOLE_STAGE = "whole stage"
# Of the driver, its context and the libraries.
_CONTEXT_BYTES = 6e8
# Frames under way at once, each with its inputs and layers on the device.
_SLOTS = 3
_LAYERS_BYTES = 3 + 3 * 4  # a pixel's: RGB in, three RGBA layers out


@dataclass(frozen=True)
class Line:
    """A graph of the chain, or a whole stage where that was measured.

    Attributes:
        every: frames from one run to the next.
        run_s: seconds a run.
        memory_bytes: of its weights and of a run; None where it was measured and memory wasn't.
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
        gpus: how many the goal needs; 0: its memory is too small for the chain.
        uncounted: stage, model and graph of what would run too, but is in no figure.
        notes: sentences that belong to the figures.
    """

    gpu: str
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
        return CORE_S_PER_MEGAPIXEL * _pixels(self.height) / 1e6

    @property
    def basis(self) -> str:
        """``predicted`` as soon as one line is."""
        return "measured" if all(line.basis == "measured" for line in self.lines) else "predicted"


def forecast(
    loads: Sequence[Load],
    costs: Iterable[Cost],
    ceiling: Ceiling,
    *,
    height: int,
    precision: Precision,
    fps: float,
    profile: Profile | None = None,
) -> Forecast:
    """Put it together.

    Args:
        height: rows of the frames, 16:9.
        fps: the goal.
        profile: of this GPU; its stages stand in place of predicted ones.

    Raises:
        InputError: the profile is of another GPU or size.
        MissingError: no graph was counted.
    """
    known, notes = list(costs), _notes(ceiling)
    measured = _fitting(profile, ceiling, height) if profile else {}
    lines = [
        Line(stage, WHOLE_STAGE, 1.0, seconds, None, "measured")
        for stage, seconds in measured.items()
        if any(load.stage == stage for load in loads)
    ]
    uncounted = []
    for load in loads:
        if load.stage not in measured:
            try:
                lines.append(_graph_line(load, known, ceiling, height, precision, profile))
            except MissingError:
                if len(loads) == 1:
                    raise
                uncounted.append(f"{load.stage} {load.model} {load.graph}")
    if uncounted:
        notes.append(f"not counted: {', '.join(uncounted)}; the chain takes longer, and more memory")
    if profile:
        notes += _profile_notes(profile, lines, precision)
    memory = _memory([line for line in lines if line.memory_bytes is not None], height)
    frame_s = sum(line.frame_s for line in lines)
    fits = ceiling.memory_bytes is None or memory <= ceiling.memory_bytes
    return Forecast(
        ceiling.name,
        height,
        precision,
        fps,
        tuple(sorted(lines, key=lambda line: line.stage)),
        memory,
        max(math.ceil(fps * frame_s - 1e-9), 1) if fits else 0,
        tuple(notes),
        tuple(uncounted),
    )


def run_s(costs: Sequence[Cost], ceiling: Ceiling, *, height: int, precision: Precision) -> float:
    """Seconds of a run at a frame size: on the line through two that were counted.

    Args:
        costs: of one graph, lowest frame first.
    """
    times = [_seconds(cost, ceiling, precision) for cost in costs]
    if len(times) == 1:
        return times[0]
    (low, high), (fast, slow) = (costs[0].height, costs[-1].height), (times[0], times[-1])
    share = (height**2 - low**2) / (high**2 - low**2)
    return max(fast + share * (slow - fast), 0.1 * fast)


def _seconds(cost: Cost, ceiling: Ceiling, precision: Precision) -> float:
    total = 0.0
    for work in cost.works:
        if work.kind == "fused" and ceiling.fuses:
            continue
        width = 1.0 if work.kind == "moved" else _WIDTH[precision]
        bytes_s = work.size_bytes * width / (ceiling.bytes_per_s * ceiling.copy_share)
        rate = ceiling.flops_per_s[precision] if work.kind == "math" else math.inf
        math_s = work.flops / (rate * ceiling.math_share)
        total += max(math_s, bytes_s, work.count * ceiling.kernel_s)
    return total


def _graph_line(
    load: Load,
    costs: Sequence[Cost],
    ceiling: Ceiling,
    height: int,
    precision: Precision,
    profile: Profile | None,
) -> Line:
    """Measured where the profile has the graph, else predicted. Raises MissingError: neither can be."""
    run_s = profile.graph_s.get(f"{load.stage} {load.model} {load.graph}") if profile else None
    if run_s is None:
        return _line(load, find(costs, load.model, load.graph), ceiling, height, precision)
    try:
        memory = _line(load, find(costs, load.model, load.graph), ceiling, height, precision).memory_bytes
    except MissingError:
        memory = None
    return Line(load.stage, f"{load.model} {load.graph}", load.every, run_s, memory, "measured")


def _line(load: Load, costs: Sequence[Cost], ceiling: Ceiling, height: int, precision: Precision) -> Line:
    seconds = run_s(costs, ceiling, height=height, precision=precision)
    nearest = min(costs, key=lambda cost: abs(cost.height - height))
    grown = (height / nearest.height) ** 2 if nearest.height and len(costs) > 1 else 1.0
    memory = nearest.weights_bytes * _WIDTH[precision] + nearest.peak_bytes * max(grown, 1.0)
    return Line(load.stage, f"{load.model} {load.graph}", load.every, seconds, memory, "predicted")


def _memory(lines: Sequence[Line], height: int) -> float:
    """Weights and scratch of all, as if no two shared any, and the slots."""
    scratch = sum(line.memory_bytes or 0.0 for line in lines)
    return _CONTEXT_BYTES + scratch + _SLOTS * _pixels(height) * _LAYERS_BYTES


def _pixels(height: int) -> float:
    return height * height * 16 / 9


def _fitting(profile: Profile, ceiling: Ceiling, height: int) -> dict[str, float]:
    if not same_card(profile.gpu, ceiling.name):
        raise InputError(
            f"{profile.source}: is of {profile.gpu}, not of {ceiling.name}; give a profile of that GPU"
        )
    if profile.height not in (None, height):
        raise InputError(
            f"{profile.source}: holds for frames of {profile.height} rows, not {height}; ask for that size"
        )
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
    if profile.height is None:
        notes.append("the file doesn't say the frame's size that its times hold for")
    other = sorted({profile.precision[stage] for stage in used if stage in profile.precision} - {precision})
    if other:
        notes.append(f"measured in {', '.join(other)}, not in {precision}")
    return notes
