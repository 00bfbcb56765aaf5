"""The published rules on growing lists of names: what `Bank` must come to with numbers of fixed cells.

A key is named (frame, cell), a value (object's group, frame, cell); prototypes are named after what they
are made of. Keys and a group's values are lists of their own, the values those of the last keys.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Name = tuple[object, ...]


@dataclass
class Lists:
    keys: list[Name] = field(default_factory=list)
    values: list[list[Name]] = field(default_factory=list)
    use: list[float] = field(default_factory=list)
    life: list[float] = field(default_factory=list)

    def append(self, keys: list[Name], values: list[list[Name]]) -> None:
        self.keys += keys
        self.use += [0.0] * len(keys)
        self.life += [1e-7] * len(keys)
        for number, names in enumerate(values):
            if number == len(self.values):
                self.values.append([])
            self.values[number] += names

    def pairs(self, group: int) -> list[tuple[Name, Name]]:
        if group >= len(self.values) or not self.values[group]:
            return []
        values = self.values[group]
        return list(zip(self.keys[-len(values) :], values, strict=True))

    def read(self, usage: NDArray[np.float64]) -> None:
        self.use = [use + more for use, more in zip(self.use, usage, strict=True)]
        self.life = [life + 1 for life in self.life]

    def scores(self) -> NDArray[np.float64]:
        scores: NDArray[np.float64] = np.array(self.use) / np.array(self.life)
        return scores


@dataclass
class Published:
    """Where several groups lose cells, which is not published, a value goes with its key."""

    cells: int
    frames: int
    keep: int
    long: int
    prototypes: int
    work: Lists = field(default_factory=Lists)
    far: Lists = field(default_factory=Lists)

    def add(self, time: int, groups: int) -> None:
        keys: list[Name] = [(time, cell) for cell in range(self.cells)]
        self.work.append(keys, [[(group, *key) for key in keys] for group in range(groups)])
        if self.long and len(self.work.keys) >= self.frames * self.cells:
            room = self.long - self.prototypes
            if len(self.far.keys) > room:
                self._remove(len(self.far.keys) - room)
            self._condense()

    def read(self, usage: dict[Name, float]) -> None:
        for memory in (self.work, self.far):
            memory.read(np.array([usage[key] for key in memory.keys]))

    def _remove(self, count: int) -> None:
        scores = self.far.scores()
        stays = scores > np.sort(scores)[count - 1]
        for number, values in enumerate(self.far.values):
            held = stays[len(stays) - len(values) :]
            self.far.values[number] = [v for v, s in zip(values, held, strict=True) if s]
        for name in ("keys", "use", "life"):
            kept = [item for item, s in zip(getattr(self.far, name), stays, strict=True) if s]
            setattr(self.far, name, kept)

    def _condense(self) -> None:
        work, first, least = self.work, self.cells, self.keep * self.cells
        end = len(work.keys) - least + first
        best = np.argsort(-work.scores()[first:end], kind="stable")[: self.prototypes]
        candidates = work.keys[first:end]
        values: list[list[Name]] = []
        for names in work.values:
            whole = len(names) == len(work.keys)
            if not whole and len(names) <= least + first:
                values.append([])
                continue
            own = names[first : len(names) - least + first]
            held = [index for index in best if index >= len(candidates) - len(own)]
            condensed = tuple(own)
            values.append([("prototype", candidates[index], condensed) for index in held])
        self.far.append([("prototype", candidates[index]) for index in best], values)
        for name in ("keys", "use", "life"):
            items = getattr(work, name)
            setattr(work, name, items[:first] + items[end:])
        for number, names in enumerate(work.values):
            if len(names) >= least + first:
                work.values[number] = names[:first] + names[len(names) - least + first :]
