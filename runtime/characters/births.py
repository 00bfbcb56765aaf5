"""Looking back from a key frame: whom it names was there before, where the matte has somebody unnamed.

Who comes into the picture fast and blurred is not followed well before a key frame has seen him whole. What
that frame says is carried back over the frames just before it, to the places that no id holds.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from trt_anime.runtime.characters.following import KeySchedule, Tracked, unexplained
from trt_anime.runtime.characters.found import Frame, Ids, Matte
from trt_anime.runtime.characters.motion import Motion, carried, grey_of
from trt_anime.runtime.characters.planes import held_by, pixels_of

T = TypeVar("T")
SEEN = 16  # alpha from which on a matte has seen something, however thin; where nothing of it is solid


@dataclass(frozen=True, eq=False)
class Seen:
    """A tracked frame on its way: `tracked` is what is known of it so far. Arrays as in `track_shot`."""

    frame: Frame
    matte: Matte | None
    tracked: Tracked


def looked_back(frames: Iterable[Seen], schedule: KeySchedule) -> Iterator[Tracked]:
    """The same frames in their order, each with what the next key frame says of what it has unexplained.

    A key frame comes as soon as others may when the matte has somebody whom nobody is said to be. So many
    frames are held back as lie between two key frames at the least; nothing else is kept.
    """
    held: deque[Seen] = deque()
    motion = Motion()
    for seen in frames:
        held.append(seen)
        if seen.tracked.key is not None and seen.tracked.ids.any():
            held = deque(_named(held, motion, schedule))
        while len(held) > schedule.rest:
            yield held.popleft().tracked
    for seen in held:
        yield seen.tracked


def _named(held: Iterable[Seen], motion: Motion, schedule: KeySchedule) -> list[Seen]:
    """The held frames, from the last one, a key frame, back to the first that leaves nothing to explain."""
    *earlier, key = held
    found = [key]
    for seen in reversed(earlier):
        if not _is_open(seen, schedule):
            break
        later = found[0]
        flow = motion.back(grey_of(seen.frame), grey_of(later.frame))
        ids = _filled(seen, carried(later.tracked.ids, flow))
        found.insert(0, replace(seen, tracked=replace(seen.tracked, ids=ids)))
    return [*earlier[: len(earlier) + 1 - len(found)], *found]


def _is_open(seen: Seen, schedule: KeySchedule) -> bool:
    """Whether the matte has somebody whom no id holds."""
    if seen.matte is None or (seen.tracked.key is not None and seen.tracked.ids.any()):
        return False
    if not seen.tracked.ids.any():
        return bool(seen.matte.max() >= SEEN)
    return unexplained(seen.tracked.ids, seen.matte) >= schedule.unexplained


def _filled(seen: Seen, back: Ids) -> Ids:
    """What was followed, and what comes from later where nothing was; both end where the matte ends."""
    matte, ids = seen.matte, seen.tracked.ids
    assert matte is not None, "such a frame is not open"
    whole = held_by(np.where(ids > 0, ids, back).astype(np.uint8), matte)
    if not pixels_of(whole)[1:].any():
        whole = np.where(matte >= SEEN, back, 0).astype(np.uint8)
    return np.where(ids > 0, ids, whole).astype(np.uint8)
