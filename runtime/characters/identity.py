"""Who in one shot is who in another: by looks, and only where that is plain."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from trt_anime.runtime.characters.found import CHARACTER, Frame, Ids
from trt_anime.runtime.characters.looks import Describer, Look, colour_layout
from trt_anime.runtime.characters.planes import pixels_of
from trt_anime.runtime.results.layers import OTHERS, Track

LABEL_OF_OTHERS = "others"
VIEWS = 8  # looks that are kept of a character in a shot, and of a person
LEAST = 0.01  # of the frame: who is smaller is not looked at, unless nothing else is known


@dataclass(eq=False)
class Presence:
    """A character in one shot.

    Attributes:
        label: what it is.
        frames: in how many it shows.
        first, last: of these.
        looks: up to `VIEWS`, the ones of the largest views, with their pixels.
    """

    label: str
    frames: int
    first: int
    last: int
    looks: list[tuple[int, Look]] = field(default_factory=list)

    @property
    def views(self) -> NDArray[np.float32]:
        return np.stack([look for _, look in self.looks])


class Presences:
    """Collects what a shot shows of its characters; memory is bounded, whatever the shot's length."""

    def __init__(self, describe: Describer = colour_layout, *, every: int = 8) -> None:
        """every: fresh frames from one look to the next."""
        self._describe, self._every = describe, every
        self._seen: dict[int, Presence] = {}
        self._next_look: dict[int, int] = {}
        self._count = 0

    @property
    def found(self) -> Mapping[int, Presence]:
        """By the shot's ids."""
        return self._seen

    def note(self, index: int, shown: int, frame: Frame, ids: Ids, *, label: str = CHARACTER) -> None:
        """A fresh frame.

        Args:
            index: its own.
            shown: how many frames show it, itself included.
            label: what those are who are new.
        """
        pixels = pixels_of(ids)
        for number in (np.flatnonzero(pixels[1:]) + 1).tolist():
            there = self._seen.setdefault(number, Presence(label, 0, index, index))
            there.frames += shown
            there.last = index + shown - 1
            if self._count >= self._next_look.get(number, 0):
                self._look(there, frame, (ids == number).astype(np.uint8), int(pixels[number]))
                self._next_look[number] = self._count + self._every
        self._count += 1

    def _look(self, there: Presence, frame: Frame, shape: Ids, pixels: int) -> None:
        if there.looks and pixels < LEAST * shape.size:
            return
        there.looks.append((pixels, self._describe(frame, shape)))
        there.looks.sort(key=lambda look: -look[0])
        del there.looks[VIEWS:]


@dataclass(eq=False)
class _Person:
    track: Track
    views: NDArray[np.float32]


class People:
    """Everybody seen so far, shot after shot.

    Two characters of one shot are two people. One is a person known from another shot where their looks are
    alike enough, and clearly more so than those of anybody else in question; else, somebody new.

    Args:
        alike: likeness from which on two are the same, 0..1; fits `colour_layout`.
        clear: by how much the next best has to be less alike.
    """

    def __init__(self, *, alike: float = 0.85, clear: float = 0.05) -> None:
        self._alike, self._clear = alike, clear
        self._people: dict[int, _Person] = {}

    @property
    def tracks(self) -> tuple[Track, ...]:
        """By id, ascending."""
        return tuple(self._people[number].track for number in sorted(self._people))

    @property
    def highest(self) -> int:
        """The highest id that a character has for itself; 0 without any."""
        return max(self._people.keys() - {OTHERS}, default=0)

    def settle(self, shot: int, found: Mapping[int, Presence]) -> dict[int, int]:
        """The ids of a shot's characters over the whole clip, by their ids in the shot.

        Where 254 are taken, the rest gets `OTHERS`, which isn't recognised as anybody.
        """
        if OTHERS in found:
            self._note(OTHERS, shot, found[OTHERS], 1.0)
        numbers = sorted(found.keys() - {OTHERS})
        same = self._recognised([found[number] for number in numbers])
        ids = {OTHERS: OTHERS}
        for place, number in enumerate(numbers):
            known, sure = same.get(place, (0, 1.0))
            ids[number] = known or min(self.highest + 1, OTHERS)
            self._note(ids[number], shot, found[number], sure)
        return {number: ids[number] for number in sorted(found)}

    def go_on(self, shot: int, found: Mapping[int, Presence]) -> None:
        """Characters of a shot that goes on where another was parted, by ids that they have already."""
        for number, there in found.items():
            self._note(number, shot, there, 1.0)

    def _recognised(self, found: list[Presence]) -> dict[int, tuple[int, float]]:
        """By place in `found`: who it is, and how alike they are."""
        names = sorted(self._people.keys() - {OTHERS})
        if not names or not found:
            return {}
        alike = np.array(
            [[_likeness(one.views, self._people[name].views) for name in names] for one in found]
        )
        rows, columns = linear_sum_assignment(alike, maximize=True)
        same = {}
        for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
            best = alike[row, column]
            others = [*np.delete(alike[row], column), *np.delete(alike[:, column], row)]
            if best >= self._alike and best - max(others, default=0.0) >= self._clear:
                same[row] = (names[column], float(min(1.0, best)))
        return same

    def _note(self, number: int, shot: int, there: Presence, sure: float) -> None:
        person = self._people.get(number)
        if person is None:
            label = LABEL_OF_OTHERS if number == OTHERS else there.label
            track = Track(number, label, (shot,), there.frames, there.first, there.last, {shot: 1.0})
            self._people[number] = _Person(track, there.views)
            return
        old = person.track
        first, last = min(old.first, there.first), max(old.last, there.last)
        frames = old.frames + there.frames
        if number == OTHERS:  # several show in one frame
            frames = min(frames, last + 1 - first)
        person.track = Track(
            old.id,
            old.label,
            old.shots if shot in old.shots else (*old.shots, shot),
            frames,
            first,
            last,
            old.sure | {shot: sure},
        )
        # The first views stay, so that a chain of likenesses doesn't wander off.
        newest = there.views[: VIEWS // 2]
        person.views = np.concatenate([person.views, newest])[: 2 * VIEWS]


def _likeness(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Of two sets of views: of the pairs, the best half."""
    pairs = np.sort((one @ other.T).ravel())[::-1]
    return float(pairs[: max(1, len(pairs) // 2)].mean())


def relabelled(ids: Ids, table: Mapping[int, int]) -> Ids:
    """uint8 [H,W] with the clip's ids for the shot's; who isn't in the table is nobody."""
    numbers = np.zeros(256, np.uint8)
    for old, new in table.items():
        numbers[old] = new
    return np.asarray(numbers[ids], np.uint8)
