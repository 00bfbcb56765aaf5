"""Which stage is judged by what."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from trt_anime.calibration.parity import measures
from trt_anime.calibration.parity.case import Array, Case
from trt_anime.calibration.parity.measures import Totals, Values

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
        whole: whether outputs are measured as they are, without a batch to be taken apart.
    """

    output: str
    totals: Callable[[Case], Totals]
    values: Callable[[Totals], Values]
    drawing: Drawing
    badness: Callable[[Totals], float]
    view: Callable[[Array], Array] | None = None
    has_truth: bool = False
    whole: bool = False


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
        "mask",
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


def has_truth(stage: str) -> bool:
    """Whether a stage can be compared with what it should have given."""
    return stage in TASKS and TASKS[stage].has_truth


def task_of(stage: str, outputs: Iterable[str]) -> Task:
    """What a stage is judged by; one that only hands values on to others, by all its `outputs`."""
    return TASKS.get(stage) or Task(
        next(iter(outputs)),
        measures.value_totals,
        measures.value_values,
        "levels",
        badness=lambda totals: measures.value_values(totals)["relative_error"],
        whole=True,
    )
