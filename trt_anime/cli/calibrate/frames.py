"""Frames of the user's clips that are worth calibrating on."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trt_anime.calibration.selection import (
    CALIBRATION_FRAMES,
    FEWEST,
    SPARE,
    VALIDATION_FRAMES,
    Candidate,
    drawn,
    parted,
    shows_something,
)
from trt_anime.cli.progress import progress
from trt_anime.errors import InputError
from trt_anime.runtime.lookahead.stage import LookAhead
from trt_anime.runtime.media.reader import open_source
from trt_anime.typed import Frames

Pixels = NDArray[np.uint8]
Outputs = Callable[[Pixels], Mapping[str, Any]]


@dataclass(frozen=True, eq=False)
class Chosen:
    """Frames, uint8 [1,H,W,3] RGB each, and which they are."""

    calibration: list[Pixels]
    validation: list[Pixels]
    facts: Frames


def candidates(clips: Sequence[Path], *, seed: int) -> list[Candidate]:
    """The frames to try, best first; the clips are decoded once.

    Raises:
        InputError: a clip can't be read.
    """
    found = [candidate for number, clip in enumerate(clips) for candidate in _judged(number, clip)]
    return drawn(found, SPARE * (CALIBRATION_FRAMES + VALIDATION_FRAMES), seed=seed)


def chosen_frames(
    clips: Sequence[Path], wanted: Sequence[Candidate], outputs: Outputs, *, stage: str, seed: int
) -> Chosen:
    """Of the candidates those that show something, as many as are needed.

    Args:
        outputs: of the FP32 stage graph, of a frame, uint8 [1,H,W,3].

    Raises:
        InputError: fewer than three frames show anything of what the stage is for.
    """
    pictures = dict(_pictures(clips, wanted))
    good: list[tuple[Candidate, Pixels]] = []
    for candidate in wanted:
        frame = pictures[candidate]
        if shows_something(frame[0], outputs(frame), stage=stage):
            good.append((candidate, frame))
        if len(good) == CALIBRATION_FRAMES + VALIDATION_FRAMES:
            break
    if len(good) < FEWEST:
        names = ", ".join(str(clip) for clip in clips)
        raise InputError(
            f"--frames {names}: of {len(wanted)} different frames {len(good)} show what the model is for,"
            f" and at least {FEWEST} must; choose a clip with characters, like those that you will process"
        )
    calibration, validation = parted([(candidate, (candidate, frame)) for candidate, frame in good])
    facts = Frames(
        tuple(clip.name for clip in clips),
        tuple((candidate.clip, candidate.index) for candidate, _ in calibration),
        tuple((candidate.clip, candidate.index) for candidate, _ in validation),
        seed,
    )
    return Chosen([frame for _, frame in calibration], [frame for _, frame in validation], facts)


def _judged(number: int, clip: Path) -> Iterator[Candidate]:
    look, shot = LookAhead(preset="balanced"), -1
    with (
        closing(open_source(clip)) as source,
        progress(f"reading {clip.name}", total=source.info.frames, unit="frame") as advance,
    ):
        for frame in source:
            verdict = look.judge(frame.rgb)
            shot += verdict.shot_start
            yield Candidate(number, frame.stamp.index, shot, verdict.repeat)
            advance(1)


def _pictures(clips: Sequence[Path], wanted: Sequence[Candidate]) -> Iterator[tuple[Candidate, Pixels]]:
    for number, clip in enumerate(clips):
        places = {candidate.index: candidate for candidate in wanted if candidate.clip == number}
        if not places:
            continue
        with closing(open_source(clip)) as source:
            for frame in source:
                if frame.stamp.index in places:
                    yield places.pop(frame.stamp.index), np.array(frame.rgb[None])
                if not places:
                    break
