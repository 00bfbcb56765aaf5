"""How well maps of ids follow the true ones through a clip: overlap per person, switches of ids, flicker.

The overlap is J of DAVIS (Perazzi et al., CVPR 2016) per person, of counts that add up over a clip. A
switch is that of CLEAR MOT (Bernardin and Stiefelhagen, "Evaluating Multiple Object Tracking Performance",
2008): a person is found under another id than the last time that it was found.
"""

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trt_anime.calibration.metrics.masks import CLASSES, Counts
from trt_anime.errors import InputError

Ids = NDArray[np.uint8]

FOUND = 0.5  # IoU from which on a person counts as found


@dataclass(frozen=True)
class TrackScore:
    """Of one clip.

    Attributes:
        overlap: by person, IoU over the clip with the id that has most of it, no id for two; 0..1.
        switches: how often a person was found under another id than before.
        missed: by person, in how many of the frames that it shows in it was not found under any id.
        flicker: by person, what changes from frame to frame in its mask although nothing changes in truth,
            and the other way around; in shares of its pixels, mean over frames.
        spurious: ids that are nobody's.
    """

    overlap: dict[int, float]
    switches: int
    missed: dict[int, int]
    flicker: dict[int, float]
    spurious: int

    @property
    def mean_overlap(self) -> float:
        """Mean over persons; 1 without any."""
        return float(np.mean([*self.overlap.values()])) if self.overlap else 1.0


class TrackMetric:
    """Counts frame by frame. Ids mean the same over all that is added: a shot, or a whole film."""

    def __init__(self) -> None:
        self._both = np.zeros((CLASSES, CLASSES), np.int64)
        self._last: dict[int, int] = {}
        self._missed: dict[int, int] = {}
        self._switches = 0
        self._before: tuple[Ids, Ids] | None = None
        self._flicker: dict[tuple[int, int], list[float]] = defaultdict(list)

    def add(self, truth: Ids, found: Ids) -> None:
        """The next frame: uint8 [H,W] each, 0 for nobody. Raises InputError: shapes or dtypes differ."""
        if truth.dtype != np.uint8 or found.dtype != np.uint8 or truth.shape != found.shape:
            raise InputError(
                f"Maps of ids are {truth.dtype} {truth.shape} and {found.dtype} {found.shape};"
                " pass two uint8 of one size."
            )
        pairs = truth.ravel().astype(np.int64) * CLASSES + found.ravel()
        both = np.bincount(pairs, minlength=CLASSES * CLASSES).reshape(CLASSES, CLASSES)
        self._both += both
        self._note_ids(both)
        if self._before is not None:
            self._note_changes(truth, found, *self._before, both)
        self._before = (truth, found)

    def cut(self) -> None:
        """The next frame shows something else: what changes there is no flicker."""
        self._before = None

    def score(self) -> TrackScore:
        """Of all that was added."""
        persons = (np.flatnonzero(self._both.sum(axis=1)[1:]) + 1).tolist()
        ids = (np.flatnonzero(self._both.sum(axis=0)[1:]) + 1).tolist()
        ious = _ious(self._both)
        chosen = _pairs(ious)
        return TrackScore(
            overlap={p: float(ious[p, chosen[p]]) if p in chosen else 0.0 for p in persons},
            switches=self._switches,
            missed={person: self._missed.get(person, 0) for person in persons},
            flicker={p: float(np.mean(self._flicker[p, f] or [0.0])) for p, f in chosen.items()},
            spurious=len(ids) - len(chosen),
        )

    def _note_ids(self, both: Counts) -> None:
        ious = _ious(both)
        for person in (np.flatnonzero(both.sum(axis=1)[1:]) + 1).tolist():
            best = int(ious[person, 1:].argmax()) + 1
            if ious[person, best] < FOUND:
                self._missed[person] = self._missed.get(person, 0) + 1
                continue
            self._switches += self._last.get(person, best) != best
            self._last[person] = best

    def _note_changes(
        self, truth: Ids, found: Ids, truth_before: Ids, found_before: Ids, both: Counts
    ) -> None:
        for person, number in np.argwhere(both[1:, 1:] > 0) + 1:
            true_change = (truth == person) ^ (truth_before == person)
            change = (found == number) ^ (found_before == number)
            wrong = np.count_nonzero(true_change ^ change) / int(both[person].sum())
            self._flicker[int(person), int(number)].append(wrong)


def _pairs(ious: NDArray[np.float64]) -> dict[int, int]:
    """The id of each person; those who agree best choose first."""
    chosen: dict[int, int] = {}
    places = np.argwhere(ious[1:, 1:] > 0) + 1
    for person, number in sorted(places.tolist(), key=lambda place: -ious[place[0], place[1]]):
        if person not in chosen and number not in chosen.values():
            chosen[person] = number
    return chosen


def _ious(both: Counts) -> NDArray[np.float64]:
    """[persons, ids] of pixels that both have, [persons, ids] with nobody in row and column 0."""
    union = both.sum(axis=1, keepdims=True) + both.sum(axis=0, keepdims=True) - both
    return np.asarray(both / np.maximum(1, union), np.float64)
