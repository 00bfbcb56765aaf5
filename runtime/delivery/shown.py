"""Which frame of a shot to show of it."""

import numpy as np

from trt_anime.runtime.delivery.compose import CHARACTER, EFFECT, pictures
from trt_anime.runtime.results import places
from trt_anime.runtime.results.reader import Results
from trt_anime.runtime.results.shots import Shot

_SOLID = 250  # alpha
_LOOKS = 7  # frames of a shot that are compared


def representative(results: Results, shot: Shot) -> int:
    """Of a few fresh frames spread over the shot, the one whose characters and effects show the most.

    Key frames of the segmentation are preferred where the shot has more than one. Raises InputError.
    """
    fresh = _spread(shot.fresh)
    keys = set(places.frames_in(results.folder / places.SEGMENTS)) & set(shot.fresh)
    candidates = _spread(tuple(sorted(keys))) if len(keys) > 1 else fresh
    return max(candidates, key=lambda index: _presence(results, index))


def _spread(frames: tuple[int, ...]) -> tuple[int, ...]:
    """At most `_LOOKS`; of many not the first and the last: what enters isn't there yet."""
    inner = frames[1:-1] if len(frames) > _LOOKS else frames
    steps = np.linspace(0, len(inner) - 1, min(_LOOKS, len(inner)))
    return tuple(inner[round(step)] for step in steps)


def _presence(results: Results, index: int) -> float:
    """Share of the frame that characters cover, smears apart, and the roots of effects' shares."""
    total = 0.0
    for layer, rgba in pictures(results, index):
        if layer.stage == CHARACTER:
            total += float(np.mean(rgba[..., 3] >= _SOLID))
        elif layer.stage == EFFECT:
            total += float(np.mean(rgba[..., 3]) / 255) ** 0.5
    return total
