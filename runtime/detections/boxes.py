"""Which of the detector's boxes are kept, and what is in each; as GroundingDINO's processor says it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trt_anime.runtime.detections.prompts import Prompt

Array = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Detection:
    """A box and what is in it.

    Attributes:
        box: left, top, right, bottom in pixels of the frame; may reach beyond it.
        score: 0..1, of the token that fits best.
        phrase: number of the phrase in the prompt that fits best.
        ids: the prompt's tokens that fit well; decoded, they are the label of the processor.
    """

    box: tuple[float, float, float, float]
    score: float
    phrase: int
    ids: tuple[int, ...]


def detections(
    boxes: Array,
    scores: Array,
    tokens: Array,
    prompt: Prompt,
    *,
    threshold: float = 0.25,
    text_threshold: float = 0.25,
    limit: int | None = None,
) -> list[Detection]:
    """The boxes of one frame that are kept, the best first.

    Args:
        boxes: [Q,4], scores: [Q], tokens: [Q,T]: outputs of the graph `detect`.
        prompt: the one that it was given.
        threshold: a box is kept if its score is above.
        text_threshold: a token fits well if it is above.
        limit: most boxes to keep; None for all.
    """
    kept = np.flatnonzero(scores > threshold)
    kept = kept[np.argsort(-scores[kept], kind="stable")][:limit]
    return [_detection(boxes[row], scores[row], tokens[row], prompt, text_threshold) for row in kept]


def _detection(
    box: Array, score: np.floating[Any], tokens: Array, prompt: Prompt, text_threshold: float
) -> Detection:
    # The first and the last place of the context never count, whatever they hold.
    fitting = np.flatnonzero(tokens[1:-1] > text_threshold) + 1
    left, top, right, bottom = (float(edge) for edge in box)
    fits = [float(tokens[first:end].max()) for first, end in prompt.spans]
    return Detection(
        box=(left, top, right, bottom),
        score=float(score),
        phrase=int(np.argmax(fits)),
        ids=tuple(prompt.ids[place] for place in fitting if place < len(prompt.ids)),
    )
