"""Which stage is judged by what."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from trt_anime.calibration.parity import measures
from trt_anime.calibration.parity.case import Array, Case
from trt_anime.calibration.parity.measures import Totals, Values
from trt_anime.errors import InputError

# What an output is in a picture: RGBA, RGB, numbers that only name something, values, or rectangles.
Drawing = Literal["layer", "colour", "ids", "levels", "boxes"]


@dataclass(frozen=True)
class Task:
    """How one stage's outputs are compared.

    Attributes:
        output: the graph's main output; its first dimension is the batch.
        totals: measures one frame.
        values: metrics by name, of the totals of one frame or of a film's.
        drawing: what `output` is in a picture.
        badness: of one frame's totals: the frame with the highest is the worst.
        view: what of an output is compared value by value; None: all of it.
        has_truth: whether `totals` can use what the stage should have given.
    """

    output: str
    totals: Callable[[Case], Totals]
    values: Callable[[Totals], Values]
    drawing: Drawing
    badness: Callable[[Totals], float]
    view: Callable[[Array], Array] | None = None
    has_truth: bool = False


TASKS: dict[str, Task] = {
    "matte": Task(
        "rgba",
        measures.matte_totals,
        measures.matte_values,
        "layer",
        badness=lambda totals: float(totals["sad"]),
        view=measures.premultiplied,
        has_truth=True,
    ),
    "segment": Task(
        "index",
        measures.index_totals,
        measures.index_values,
        "ids",
        badness=lambda totals: 1 - float(totals["overlap"].mean_iou()),
    ),
    "effects": Task(
        "heat",
        measures.heat_totals,
        measures.heat_values,
        "levels",
        badness=lambda totals: float(totals["gap"]),
    ),
    "mask": Task(
        "masks",
        measures.mask_totals,
        measures.mask_values,
        "levels",
        badness=lambda totals: 1 - totals["iou"] / totals["masks"] if totals["masks"] else 0.0,
    ),
    "inpaint": Task(
        "plate",
        measures.plate_totals,
        measures.plate_values,
        "colour",
        badness=lambda totals: totals["squared"] / max(totals["pixels"], 1),
    ),
    "embed": Task(
        "embedding",
        measures.embedding_totals,
        measures.embedding_values,
        "levels",
        badness=lambda totals: 1 - float(totals[measures.LOWEST]),
    ),
    "caption": Task(
        "tokens",
        measures.caption_totals,
        measures.caption_values,
        "ids",
        badness=lambda totals: 1 - float(totals["agreement"].tokens),
    ),
    "detect": Task(
        "boxes",
        measures.box_totals,
        measures.box_values,
        "boxes",
        badness=lambda totals: 1 - float(totals["matches"].f_measure),
    ),
}


def task_of(stage: str) -> Task:
    """Raises InputError where there is no such stage."""
    if stage not in TASKS:
        raise InputError(f"Stage `{stage}` has no comparison; there are {', '.join(sorted(TASKS))}.")
    return TASKS[stage]
