"""Frames that stand for a shot, and the best frame of each character in it, chosen while frames pass by.

What is kept is bounded: pixels of the frames that are chosen so far, whatever the shot's length.
"""

from dataclasses import dataclass, field
from typing import Literal

from trt_anime.runtime.annotation.characters import Presence
from trt_anime.runtime.annotation.hashes import SIMILAR, distance
from trt_anime.runtime.annotation.metrics import Metrics
from trt_anime.runtime.media.frames import Pixels

Reason = Literal["first", "sharpest", "different"]

_CALM = 4  # bits: frames that follow each other and differ in less hardly move
_DARK, _BRIGHT = 0.04, 0.96  # mean luma: a fade, or a flash
_BLURRED = 0.7  # of the sharpest so far: a frame below it is smeared


@dataclass(frozen=True, eq=False)
class Candidate:
    """A fresh frame of a shot.

    Attributes:
        index: zero-based, of the clip.
        shown: for how many frames it is held.
        rgb: uint8 [H,W,3], 0..255, RGB.
        people: None where there are no ids.
    """

    index: int
    shown: int
    metrics: Metrics
    rgb: Pixels
    people: tuple[Presence, ...] | None = None


@dataclass
class ShotChoice:
    """`offer` every fresh frame of a shot in order, then read what was chosen.

    Args:
        count: how many frames stand for the shot at most: the first stable one, the sharpest, then those
            that differ most from all others. Fewer, where the shot has fewer that are no near-duplicates.
    """

    count: int
    _first: Candidate | None = None
    _is_stable: bool = False
    _sharpest: Candidate | None = None
    _others: list[Candidate] = field(default_factory=list)
    _best: dict[int, tuple[float, Candidate]] = field(default_factory=dict)
    _hash: int | None = None

    def offer(self, candidate: Candidate) -> None:
        """Take it, or let it go."""
        self._offer_first(candidate)
        if self._sharpest is None or candidate.metrics.sharpness > self._sharpest.metrics.sharpness:
            self._sharpest = candidate
        self._offer_other(candidate)
        for person in candidate.people or ():
            if person.id not in self._best or person.shown > self._best[person.id][0]:
                self._best[person.id] = person.shown, candidate
        self._hash = candidate.metrics.hash

    @property
    def representatives(self) -> dict[int, tuple[Candidate, tuple[Reason, ...]]]:
        """By index, ascending: the frames, and what each is of the shot."""
        reasons: dict[int, list[Reason]] = {}
        frames: dict[int, Candidate] = {}
        chosen: list[tuple[Candidate | None, Reason]] = [
            (self._first, "first"),
            (self._sharpest, "sharpest"),
        ]
        for candidate, reason in chosen:
            if candidate is None or (len(frames) == self.count and candidate.index not in frames):
                continue
            frames[candidate.index] = candidate
            reasons.setdefault(candidate.index, []).append(reason)
        others = [other for other in self._others if other.index not in frames]
        while others and len(frames) < self.count:
            farthest = max(others, key=lambda other: _nearest(other, list(frames.values())))
            others.remove(farthest)
            if _nearest(farthest, list(frames.values())) <= SIMILAR:
                break
            frames[farthest.index] = farthest
            reasons[farthest.index] = ["different"]
        return {index: (frames[index], tuple(reasons[index])) for index in sorted(frames)}

    @property
    def best(self) -> dict[int, Candidate]:
        """By the id of each character: the frame of the shot that shows it best."""
        return {number: candidate for number, (_, candidate) in sorted(self._best.items())}

    def _offer_first(self, candidate: Candidate) -> None:
        if self._is_stable:
            return
        metrics = candidate.metrics
        calm = candidate.shown > 1 or (
            self._hash is not None and distance(self._hash, metrics.hash) < _CALM
        )
        sharp = self._sharpest is None or metrics.sharpness >= _BLURRED * self._sharpest.metrics.sharpness
        self._is_stable = calm and sharp and _DARK < metrics.mean_luma < _BRIGHT
        # Where none is stable, it is the first that isn't smeared.
        first = self._first
        if first is None or self._is_stable or first.metrics.sharpness < _BLURRED * metrics.sharpness:
            self._first = candidate

    def _offer_other(self, candidate: Candidate) -> None:
        """Keep `count` frames that are far from each other: one of the closest two makes way."""
        self._others.append(candidate)
        if len(self._others) <= self.count:
            return
        pairs = [(one, other) for place, one in enumerate(self._others) for other in self._others[:place]]
        closest = min(pairs, key=lambda pair: distance(pair[0].metrics.hash, pair[1].metrics.hash))
        self._others.remove(min(closest, key=lambda one: (one.metrics.sharpness, -one.index)))


def _nearest(candidate: Candidate, others: list[Candidate]) -> int:
    return min((distance(candidate.metrics.hash, other.metrics.hash) for other in others), default=64)
