"""What a stage graph reads besides the frame, for calibration."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]

_THRESHOLD = 0.5

# Of a standing figure, in shares of the frame's height: (centre, radius across, radius along).
_FIGURE = ((0.25, 0.12, 0.15), (0.7, 0.2, 0.45))


def inputs_for(stage: str, frame: Pixels) -> Mapping[str, Any]:
    """Inputs of the stage graph for one frame, uint8 [1,H,W,3].

    ``inpaint`` gets a hole, too: of a character's size and outline, its place drawn from the picture.
    ``segment`` gets the published threshold.
    """
    if stage == "segment":
        return {"frame": frame, "threshold": np.full(len(frame), _THRESHOLD, np.float32)}
    if stage == "inpaint":
        return {"frame": frame, "hole": figure_hole(frame)}
    return {"frame": frame}


def figure_hole(frame: Pixels) -> Pixels:
    """uint8 [1,H,W]: 255 in a standing figure, 0 elsewhere; equal frames have equal holes."""
    height, width = frame.shape[1:3]
    place = np.random.default_rng(int(frame.sum(dtype=np.int64))).uniform(0.3, 0.7)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    inside = np.zeros((height, width), bool)
    for centre, across, along in _FIGURE:
        reach = ((x - place * width) / (across * height)) ** 2 + ((y / height - centre) / along) ** 2
        inside |= reach < 1
    return np.where(inside, 255, 0).astype(np.uint8)[None]
