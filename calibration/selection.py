"""Which frames to calibrate on: from every shot alike, no drawing twice, something to be seen in each."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

CALIBRATION_FRAMES = 16
VALIDATION_FRAMES = 8
# Candidates for each frame that is wanted, for those that show nothing.
SPARE = 3
# Fewer can't both calibrate and judge.
FEWEST = 3

# Share of the picture that a character covers: less and more tell nothing about its edge.
_LEAST_COVER, _MOST_COVER = 0.005, 0.95
# Standard deviation in levels below which a frame is a card, black or nearly so.
_FLAT = 6.0


Frame = TypeVar("Frame")


@dataclass(frozen=True)
class Candidate:
    """A frame that might be used.

    Attributes:
        clip: number of the clip that it is from.
        index: zero-based place in that clip.
        shot: number of its shot in that clip.
        held: whether it repeats the frame before it.
    """

    clip: int
    index: int
    shot: int
    held: bool


def drawn(candidates: Iterable[Candidate], count: int, *, seed: int) -> list[Candidate]:
    """Up to `count` frames, best first: one of every shot, then another of every shot, and so on.

    Held frames are left out. Which frame of a shot, and the order of shots, is drawn at random: equal
    seeds and candidates give equal frames.
    """
    random = Random(seed)
    shots: dict[tuple[int, int], list[Candidate]] = {}
    for candidate in candidates:
        if not candidate.held:
            shots.setdefault((candidate.clip, candidate.shot), []).append(candidate)
    groups = list(shots.values())
    random.shuffle(groups)
    for group in groups:
        random.shuffle(group)
    rounds = range(max(map(len, groups), default=0))
    return [group[turn] for turn in rounds for group in groups if turn < len(group)][:count]


def shows_something(frame: NDArray[np.uint8], outputs: Mapping[str, NDArray[Any]], *, stage: str) -> bool:
    """Whether a frame has in it what the stage is for.

    Args:
        frame: uint8 [H,W,3].
        outputs: what the FP32 graph makes of it, with a batch of 1.
    """
    if float(frame.std()) < _FLAT:
        return False
    if stage != "matte":
        return True
    return _LEAST_COVER <= float(outputs["rgba"][..., 3].mean()) / 255 <= _MOST_COVER


def parted(chosen: Sequence[tuple[Candidate, Frame]]) -> tuple[list[Frame], list[Frame]]:
    """For calibration and for validation, two to one; of every shot with three frames, both have some.

    Args:
        chosen: each with what stands for it; at least three, in any order.
    """
    by_shot = sorted(chosen, key=lambda pair: (pair[0].clip, pair[0].shot))
    frames = [frame for _, frame in by_shot]
    return [frame for number, frame in enumerate(frames) if number % 3 != 2], frames[2::3]
