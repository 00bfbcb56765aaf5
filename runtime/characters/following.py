"""Through a shot: key frames say who is there, a propagator carries it on, ids stay whose they are."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

from trt_anime.errors import InputError
from trt_anime.runtime.characters.found import SMALLEST, Found, Frame, Ids, Matte, Segmenter
from trt_anime.runtime.characters.looks import Describer, colour_layout, unit
from trt_anime.runtime.characters.matching import LOST, Remembered, match, painted
from trt_anime.runtime.characters.planes import (
    disc,
    pixels_of,
    reduced_ids,
    reduced_matte,
    reduction,
    solid,
)
from trt_anime.runtime.characters.propagation import Followed, Propagator
from trt_anime.runtime.characters.propagators.crowded import CrowdedPropagator
from trt_anime.runtime.results.layers import OTHERS

FORGOTTEN_AFTER = 2  # key frames in a row that see nothing of a character whom motion still carries
HALF = 0.5  # of a character's pixels: one who loses them, or doubles them, may be mistaken for another
STEADY = 0.3  # what a new look counts for beside the known ones


@dataclass(frozen=True, kw_only=True)
class KeySchedule:
    """When a frame is segmented again. Counts are of fresh frames.

    Attributes:
        every: from one key frame to the next, at most.
        rest: at least so many from one to the next, while there is somebody to follow. So soon comes the
            next one, too, when somebody is new: who comes into the picture is seldom whole at first. From
            there on, the distance doubles until it is `every`.
        unsure: a key frame comes when the propagator is less sure than this, 0..1; as well when a character
            has lost or gained half of its pixels.
        unexplained: and when the matte has so much more of the frame, 0..1, that nobody is said to be.
    """

    every: int = 24
    rest: int = 4
    unsure: float = 0.5
    unexplained: float = 2 * SMALLEST

    def __post_init__(self) -> None:
        """Raises InputError: no frame would ever be a key frame, or all at once."""
        if not 1 <= self.rest <= self.every:
            raise InputError(
                f"key frames: every {self.every} frames, with {self.rest} to rest between; both are 1 or"
                " more, and the rest is no longer"
            )


class Known(NamedTuple):
    """The frame before the first one, for a shot that goes on where another was parted.

    frame: uint8 [H,W,3]. ids: uint8 [H,W]. highest: the highest id that is in use, `OTHERS` apart.
    """

    frame: Frame
    ids: Ids
    highest: int


@dataclass(frozen=True, eq=False)
class Tracked:
    """A frame with its characters.

    Attributes:
        index: as it came.
        ids: uint8 [H,W], the character at each pixel, 0 for none.
        key: what was found, where this is a key frame; numbered by segment, not by character.
        sure: the propagator's, 0..1; 1 where there was nothing to propagate.
        others: of a key frame, how many characters have no id of their own.
    """

    index: int
    ids: Ids
    key: Found | None
    sure: float
    others: int = 0


def track_shot(
    frames: Iterable[tuple[int, Frame, Matte | None]],
    segmenter: Segmenter,
    propagator: Propagator,
    schedule: KeySchedule | None = None,
    *,
    describe: Describer = colour_layout,
    known: Known | None = None,
) -> Iterator[Tracked]:
    """Follow the characters of one shot; nothing is kept but the frame before.

    Ids are 1, 2, and so on in the order of appearance, larger ones first; that of one who has left the
    picture isn't given to another. When 254 are given, all others have the id `OTHERS` together. Those whom
    the propagator has no room for are followed by motion, see `CrowdedPropagator`.

    Args:
        frames: the fresh frames of a shot: index, uint8 [H,W,3] RGB, and alpha uint8 [H,W] or None.

    Raises:
        InputError, EngineError: of the segmenter and the propagator.
    """
    following = _Following(segmenter, propagator, schedule or KeySchedule(), describe)
    if known is not None:
        following.resume(known)
    for index, frame, matte in frames:
        yield following.next(index, frame, matte)


class _Following:
    """The state between two frames of a shot."""

    def __init__(
        self, segmenter: Segmenter, propagator: Propagator, schedule: KeySchedule, describe: Describer
    ) -> None:
        self._segmenter, self._propagator = segmenter, CrowdedPropagator(propagator)
        self._schedule, self._describe = schedule, describe
        self._people: dict[int, Remembered] = {}
        self._missed: dict[int, int] = {}
        self._highest = self._others = 0
        self._since_key: int | None = None  # None: there was none
        self._apart = schedule.every  # frames from the last key frame to the next
        self._unexplained = 0.0  # when the last key frame had said what it could
        self._started = False
        self._at_key = np.zeros(256, np.int64)  # pixels by id

    def resume(self, known: Known) -> None:
        self._highest = known.highest
        if known.ids.any():
            self._remember(known.frame, known.ids)
            self._propagator.start(known.frame, known.ids)
            self._started, self._since_key = True, 0
            self._at_key = pixels_of(known.ids)

    def next(self, index: int, frame: Frame, matte: Matte | None) -> Tracked:
        moved = Followed(np.zeros(frame.shape[:2], np.uint8), 1.0)
        if self._started:
            moved = self._propagator.step(frame, matte)
        if self._since_key is not None:
            self._since_key += 1
        if not self._is_due(moved, matte):
            return Tracked(index, moved.ids, None, moved.sure)
        found = self._segmenter.segment(frame, matte)
        ids = self._settled(frame, matte, found, moved.ids)
        self._since_key = 0
        self._unexplained = 0.0 if matte is None else unexplained(ids, matte)
        return Tracked(index, ids, found, moved.sure, self._others)

    def _is_due(self, moved: Followed, matte: Matte | None) -> bool:
        since, schedule = self._since_key, self._schedule
        if since is None or since >= self._apart:
            return True
        rested = since >= schedule.rest
        blind = matte is None and not self._started
        if rested and (blind or moved.sure < schedule.unsure or self._is_shaken(moved.ids)):
            return True
        if matte is None or (self._started and not rested):
            return False
        more = unexplained(moved.ids, matte) - self._unexplained
        self._unexplained = min(self._unexplained, self._unexplained + more)
        return more >= schedule.unexplained

    def _is_shaken(self, ids: Ids) -> bool:
        """Whether somebody has far more or fewer pixels than at the last key frame."""
        before, now = self._at_key, pixels_of(ids)
        followed = before[1:] >= SMALLEST * ids.size
        changed = (now[1:] < HALF * before[1:]) | (HALF * now[1:] > before[1:])
        return bool((followed & changed).any())

    def _settled(self, frame: Frame, matte: Matte | None, found: Found, moved: Ids) -> Ids:
        """Give the segments their characters, and tell the propagator."""
        moved = self._without_the_forgotten(moved, found)
        looks = {
            segment.id: self._describe(frame, (found.ids == segment.id).astype(np.uint8))
            for segment in found.characters
        }
        free = range(self._highest + 1, OTHERS)
        matched = match(found, moved, known=self._people, looks=looks, free=free)
        self._others = matched.others
        self._highest = max((self._highest, *matched.new))
        schedule = self._schedule
        self._apart = schedule.rest if matched.new else min(schedule.every, 2 * self._apart)
        ids = painted(found, moved, matched)
        if self._started:
            self._propagator.add(frame, ids, matte)
        elif ids.any():
            self._propagator.start(frame, ids, matte)
            self._started = True
        self._remember(frame, ids)
        self._at_key = pixels_of(ids)
        return ids

    def _without_the_forgotten(self, moved: Ids, found: Found) -> Ids:
        """Drop characters where key frames have seen nothing of them for long."""
        there = np.flatnonzero(pixels_of(moved)[1:]) + 1
        seen = pixels_of(np.where(found.ids > 0, moved, 0).astype(np.uint8))
        for number in there.tolist():
            self._missed[number] = 0 if seen[number] else self._missed.get(number, 0) + 1
        lost = [number for number in there.tolist() if self._missed[number] >= FORGOTTEN_AFTER]
        return np.where(np.isin(moved, lost), 0, moved).astype(np.uint8) if lost else moved

    def _remember(self, frame: Frame, ids: Ids) -> None:
        least = SMALLEST * ids.size
        for number in np.flatnonzero(pixels_of(ids)[1:OTHERS]) + 1:
            shape = (ids == number).astype(np.uint8)
            pixels = cv2.countNonZero(shape)
            before = self._people.get(int(number))
            if before is not None and pixels < max(least, LOST * before.pixels):
                continue
            look = self._describe(frame, shape)
            if before is not None:
                look = unit((1 - STEADY) * before.look + STEADY * look)
                pixels = round((1 - STEADY) * before.pixels + STEADY * pixels)
            self._people[int(number)] = Remembered(look, pixels)


def unexplained(ids: Ids, matte: Matte) -> float:
    """The share of the frame that the matte has and nobody is said to be; thin things don't count."""
    factor = reduction(ids)
    small = reduced_ids(ids, factor)
    alpha = solid(reduced_matte(matte, factor, (small.shape[0], small.shape[1])))
    rest = cv2.morphologyEx(
        alpha * (small == 0), cv2.MORPH_OPEN, disc(max(1, round(0.012 * small.shape[0])))
    )
    return cv2.countNonZero(rest) / small.size
