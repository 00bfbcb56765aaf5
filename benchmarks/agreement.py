"""Do two programs do the same work? Looked at before any speed is believed."""

import json
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.contenders import layers_in
from benchmarks.footage import Footage
from trt_anime.errors import TrtAnimeError
from trt_anime.runtime.output import RECORD

# Ours is refined against the frame's lines and theirs is not, so they differ along every edge. Mattes
# of two different networks are 20 and more levels apart.
MOST_LEVELS = 10.0


@dataclass(frozen=True)
class Agreement:
    """Mean absolute difference of alpha over all frames, and of the worst frame, in levels of 255."""

    mean: float
    worst: float
    frames: int

    def __str__(self) -> str:
        return (
            f"{self.frames} frames from both, same model file, alpha differs by {self.mean:.2f} of 255 on"
            f" average ({self.worst:.2f} in the worst frame)"
        )


def check_agreement(ours: Path, theirs: Path, *, footage: Footage, model_sha256: str) -> Agreement:
    """Compare what our command and rembg's left.

    Raises TrtAnimeError: a frame is missing, a size is wrong, our graph was made from another checkpoint,
    or the mattes don't agree.
    """
    record = json.loads((ours / RECORD).read_text(encoding="utf-8"))
    if record["stages"][0]["info"]["checkpoint_sha256"] != model_sha256:
        raise TrtAnimeError(
            "our stage graph was made from another file than rembg's model; export it again"
        )
    pairs = list(zip(layers_in(ours), layers_in(theirs), strict=False))
    counts = [len(layers_in(folder)) for folder in (ours, theirs)]
    if counts != [footage.frames] * 2:
        raise TrtAnimeError(f"{footage.frames} frames in, but ours and rembg's out are {counts}")
    gaps = [_gap(*(_alpha(file, footage) for file in pair)) for pair in pairs]
    result = Agreement(float(np.mean(gaps)), max(gaps), footage.frames)
    if result.mean > MOST_LEVELS:
        raise TrtAnimeError(f"the mattes don't agree ({result}): their speeds can't be compared")
    return result


def _gap(ours: NDArray[np.float32], theirs: NDArray[np.float32]) -> float:
    return float(np.abs(ours - theirs).mean())


def _alpha(file: Path, footage: Footage) -> NDArray[np.float32]:
    picture = cv2.imread(str(file), cv2.IMREAD_UNCHANGED)
    if picture is None or picture.shape != (footage.height, footage.width, 4):
        raise TrtAnimeError(f"{file.name}: is not an RGBA picture of {footage.width}x{footage.height}")
    return picture[..., 3].astype(np.float32)
