"""Shots, and the exposure sheet: which drawing each frame shows.

Animation is drawn on ones, twos or threes: a drawing stays on screen for that many frames. A component of a
shot is a function of its drawing number alone, so frames whose drawings all agree are the same picture.
"""

import math
from collections.abc import Hashable, Iterable
from dataclasses import dataclass

SHOT_SHARES = {"enter": 36, "pair": 32, "spell": 28}
"""Frames of each shot in a film of 96; other lengths keep the proportions, long films repeat the three."""


@dataclass(frozen=True)
class Shot:
    """Frames first..last, both inclusive."""

    first: int
    last: int
    name: str

    @property
    def frame_count(self) -> int:
        return self.last - self.first + 1


@dataclass(frozen=True)
class Exposure:
    """One column of the exposure sheet. Frames count from the shot's first."""

    step: int = 2
    """1, 2, 3: on ones, twos, threes."""
    fast: tuple[int, int] = (0, 0)
    """Frames fast[0] <= frame < fast[1] are drawn on ones."""
    still_from: int | None = None
    """From this frame on nothing moves any more."""

    def drawing(self, frame: int) -> int:
        """The frame at which the drawing that `frame` shows came up."""
        if self.still_from is not None and frame >= self.still_from:
            frame = self.still_from
        start, stop = self.fast
        if start <= frame < stop:
            return frame
        drawing = frame - frame % self.step
        return stop if drawing < stop <= frame else drawing


def plan_shots(frames: int) -> tuple[Shot, ...]:
    """Split a film of `frames` into shots of at least two frames each (one shot when there are too few)."""
    total = sum(SHOT_SHARES.values())
    cycles = max(1, round(frames / total))
    names = list(SHOT_SHARES) * cycles
    names = names[: max(1, min(len(names), frames // 2))]
    shares = [SHOT_SHARES[name] for name in names]
    edges = [round(frames * sum(shares[:k]) / sum(shares)) for k in range(len(names) + 1)]
    return tuple(Shot(edges[k], edges[k + 1] - 1, name) for k, name in enumerate(names))


def first_seen(keys: Iterable[Hashable]) -> tuple[int, ...]:
    """For each key the index at which it first occurred."""
    seen: dict[Hashable, int] = {}
    return tuple(seen.setdefault(key, index) for index, key in enumerate(keys))


def ease(x: float) -> float:
    """Smooth start and stop: 0 below 0, 1 above 1."""
    x = min(1.0, max(0.0, x))
    return x * x * (3 - 2 * x)


def ease_out(x: float) -> float:
    """Fast start, soft landing: 0 below 0, 1 above 1."""
    return 1 - (1 - min(1.0, max(0.0, x))) ** 3


def wave(drawing: int, period: float, phase: float) -> float:
    """A swing of -1..1 with a period in frames.

    Periods that no whole number of frames fills keep two drawings from ever being the same by accident.
    """
    return math.sin(2 * math.pi * (drawing / period + phase))
