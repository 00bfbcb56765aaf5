"""Small clips of every stage: inputs, what a reference makes of them, and a worsened copy of that."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from trt_anime.calibration.parity import Comparison, Run, compare

Array = NDArray[Any]
Arrays = dict[str, Array]

FRAMES, HEIGHT, WIDTH = 6, 48, 64


def reference_outputs(stage: str) -> Arrays:
    """Of all frames in one batch."""
    random = np.random.default_rng(5)
    blob = ndimage.gaussian_filter(random.standard_normal((FRAMES, 3, HEIGHT, WIDTH)), (0, 0, 6, 6))
    soft = np.asarray(np.clip(blob * 4000 + 128, 0, 255), np.uint8)
    ids = np.asarray(soft[:, 0] // 64, np.uint8)
    picture = np.asarray(np.moveaxis(soft, 1, -1), np.uint8)
    corners = random.uniform(0, 0.7, (FRAMES, 5, 2))
    return {
        "matte": {"rgba": np.concatenate([picture, soft[:, :1].transpose(0, 2, 3, 1)], axis=-1)},
        "segment": {"index": ids},
        "effects": {"heat": soft},
        "mask": {"mask": soft},
        "inpaint": {"plate": picture},
        "embed": {"embedding": random.standard_normal((FRAMES, 32)).astype(np.float16)},
        "caption": {"tokens": random.integers(3, 99, (FRAMES, 7))},
        "detect": {
            "boxes": np.concatenate([corners, corners + 0.25], axis=-1).astype(np.float32),
            "scores": random.uniform(0.1, 0.9, (FRAMES, 5)).astype(np.float32),
        },
    }[stage]


def inputs() -> Arrays:
    """`frame` whose first pixel is its number, a hole, and prompts that all frames share."""
    frame = np.random.default_rng(6).integers(0, 256, (FRAMES, HEIGHT, WIDTH, 3), dtype=np.uint8)
    frame[:, 0, 0, 0] = np.arange(FRAMES)
    hole = np.zeros((FRAMES, HEIGHT, WIDTH), np.uint8)
    hole[:, 8:40, 8:50] = 255
    return {"frame": frame, "hole": hole, "prompts": np.zeros((9, 4), np.int64)}


def worsened(stage: str, outputs: Arrays, row: int) -> Arrays:
    """A copy of which the frame `row` is badly wrong: backwards, or for boxes elsewhere."""
    copies = {name: array.copy() for name, array in outputs.items()}
    array = next(iter(copies.values()))
    if stage == "detect":
        array[row] += 0.5
    elif array.ndim > 2:
        array[row] = array[row, :, ::-1]
    else:
        array[row] = array[row, ::-1]
    return copies


def batches(arrays: Mapping[str, Array], size: int) -> Iterator[Arrays]:
    for start in range(0, FRAMES, size):
        yield {
            name: array[start : start + size] if len(array) == FRAMES else array
            for name, array in arrays.items()
        }


def playback(outputs: Arrays) -> Run:
    """A run that gives these, for the frames that it is given: by the number in their first pixel."""

    def run(given: Mapping[str, Array]) -> Arrays:
        rows = given["frame"][:, 0, 0, 0]
        return {name: array[rows] for name, array in outputs.items()}

    return run


def compared(
    stage: str, reference: Arrays, candidate: Arrays, *, size: int = 2, precision: str = "fp16", **more: Any
) -> Comparison:
    return compare(
        playback(reference),
        playback(candidate),
        batches(inputs(), size),
        stage=stage,
        precision=precision,
        reference_name="fp32 graph",
        candidate_name=f"{precision} graph",
        **more,
    )


def values(comparison: Comparison) -> dict[str, float]:
    return {metric.name: metric.value for metric in comparison.parity.metrics}
