"""A camera, followed from frame to frame."""

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from trt_anime.runtime.plates.aligning import FEWEST, SHIFT, Fit, agreement, distinct
from trt_anime.runtime.plates.light import Samples, colours_of, light_between, samples_of
from trt_anime.runtime.plates.models import fitted, inverse, snapped
from trt_anime.runtime.plates.reference import Level, Reference, pyramid_of, reference_of
from trt_anime.runtime.plates.sampling import mapped
from trt_anime.runtime.plates.searching import shifts
from trt_anime.runtime.plates.seen import Matrix, Seen

GOOD = 0.6
"""How distinct a fit is that needs no second try."""
POOR = 0.25
"""How distinct one may be by chance."""
_OVERLAP = 0.6
_SCALES = (0.8, 1.25)
_MORE, _BRIGHTER = 1.5, 1.3
_REFERENCES = 48
_SEARCHED = 8
_LEARNING = 0.2
_LEAST_TRUST = 0.02
_DISAGREEMENT = 0.05
_CELL = 32


class Row(NamedTuple):
    """One of `Motions`."""

    frame: int
    matrix: Matrix
    gain: NDArray[np.float64]
    offset: NDArray[np.float64]
    sure: float
    apart: float = 0.0
    """Share of the telling places in view that moved otherwise."""


class Known(NamedTuple):
    """A reference with its place and light on the plate."""

    reference: Reference
    samples: Samples
    gain: NDArray[np.float64]
    offset: NDArray[np.float64]
    shown: float


class Found(NamedTuple):
    """A frame on the current reference: how many numbers were free, and how distinct the fit is."""

    fit: Fit
    free: int
    distinct: float

    @property
    def certain(self) -> bool:
        """Whether it did not come about by chance."""
        return self.fit.count >= FEWEST and self.distinct >= POOR


def _share(pyramid: tuple[Level, ...]) -> float:
    """How much of the frame shows background."""
    return float(np.count_nonzero(pyramid[0].seen)) / pyramid[0].seen.size


class Camera:
    """Registers frames on references: earlier frames, of which each shows a stretch of the background.

    A frame is compared with a reference, not with the frame before it, and with an old reference where
    the camera comes back: errors do not add up.

    Attributes:
        size: (height, width) of the frames; (0, 0) before the first.
        first: how many frames came before the first reference; None while there is none.
    """

    def __init__(self) -> None:
        self.size = (0, 0)
        self.first: int | None = None
        self._known: list[Known] = []
        self._current = 0
        self._count = 0
        self._last: Matrix = np.eye(3)
        self._speed: Matrix = np.eye(3)
        self._free = SHIFT

    def follow(self, seen: Seen) -> Row:
        """Where the next frame lies on the first one's plane."""
        self.size = seen.hidden.shape
        self._count += 1
        pyramid = pyramid_of(seen)
        if not self._known:
            return self._begin(seen, pyramid)
        expected = self._last @ self._speed
        self._current = self._nearest(expected)
        found = self._fit(pyramid, expected)
        if not found.certain:
            found = self._searched(pyramid, found)
        if not found.certain:
            self._speed = np.eye(3)
            return Row(seen.index, self._last, np.ones(3), np.zeros(3), 0.0)
        return self._placed(seen, pyramid, found)

    def _begin(self, seen: Seen, pyramid: tuple[Level, ...]) -> Row:
        """Until a frame shows enough to go by, the camera is taken to stand still."""
        reference = reference_of(pyramid, np.eye(3))
        enough = len(reference.levels[0].points) >= 2 * FEWEST
        if enough:
            self.first = self._count - 1
            samples = samples_of(colours_of(seen.rgb, pyramid[0].seen))
            self._known.append(Known(reference, samples, np.ones(3), np.zeros(3), _share(pyramid)))
        return Row(seen.index, np.eye(3), np.ones(3), np.zeros(3), 1.0 if enough else 0.1)

    def _placed(self, seen: Seen, pyramid: tuple[Level, ...], found: Found) -> Row:
        """Take note of a frame that was registered."""
        known, fit = self._known[self._current], found.fit
        matrix = known.reference.matrix @ inverse(fit.matrix)
        matrix = matrix / matrix[2, 2]
        colours = colours_of(seen.rgb, pyramid[0].seen)
        gain, offset = light_between(known.samples, colours, fit.matrix)
        gain, offset = gain * known.gain, gain * known.offset + offset
        if fit.cost > _DISAGREEMENT:
            self._learn(pyramid, fit)
        shown = _share(pyramid)
        if self._worn_out(matrix, fit, shown):
            successor = self._successor(pyramid, matrix, fit)
            self._add(Known(successor, samples_of(colours), gain, offset, shown))
        self._free, self._speed, self._last = found.free, inverse(self._last) @ matrix, matrix
        sure = min(1.0, (found.distinct - POOR) / (GOOD - POOR)) * min(1.0, fit.count / (4 * FEWEST))
        return Row(seen.index, matrix, gain, offset, max(sure, 0.01), 1 - fit.support)

    def _fit(self, pyramid: tuple[Level, ...], expected: Matrix) -> Found:
        """The first start that leads to agreement, or the best of all."""
        reference = self._known[self._current].reference
        best, sharpest, kind = None, -1.0, self._free
        for start in self._starts(reference, pyramid, expected):
            fit, free = fitted(reference, pyramid, start, self._free)
            sharp = distinct(reference, pyramid, fit)
            if sharp > sharpest + 0.02:
                best, sharpest, kind = fit, sharp, free
            if sharpest >= GOOD:
                break
        assert best is not None
        return Found(snapped(reference, pyramid, best, kind), kind, sharpest)

    def _searched(self, pyramid: tuple[Level, ...], found: Found) -> Found:
        """As found, or on one of the other references: a camera that jumped back is lost otherwise."""
        present = self._current
        others = [number for number in range(len(self._known)) if number != present]
        for self._current in others[::-1][:_SEARCHED]:
            reference = self._known[self._current].reference
            start = next(iter(shifts(reference.coarsest, pyramid[-1], len(pyramid) - 1)), None)
            other = None if start is None else self._fit(pyramid, reference.matrix @ inverse(start))
            if other is not None and other.certain:
                return other
        self._current = present
        return found

    def _starts(
        self, reference: Reference, pyramid: tuple[Level, ...], expected: Matrix
    ) -> Iterator[Matrix]:
        yield inverse(expected) @ reference.matrix
        yield inverse(self._last) @ reference.matrix
        yield from shifts(reference.coarsest, pyramid[-1], len(pyramid) - 1)

    def _learn(self, pyramid: tuple[Level, ...], fit: Fit) -> None:
        """What moves otherwise, such as a nearer sheet, counts less from frame to frame."""
        known = self._known[self._current]
        levels = []
        for number, places in enumerate(known.reference.levels):
            chosen, agree = agreement(known.reference, pyramid, fit, number)
            trusted = places.trusted.copy()
            trusted[chosen] += np.float32(_LEARNING) * (agree - trusted[chosen])
            levels.append(replace(places, trusted=np.maximum(trusted, np.float32(_LEAST_TRUST))))
        reference = replace(known.reference, levels=tuple(levels))
        self._known[self._current] = known._replace(reference=reference)

    def _successor(self, pyramid: tuple[Level, ...], matrix: Matrix, fit: Fit) -> Reference:
        """The frame as a reference, trusting the same parts of the picture as the one it was found by."""
        old = self._known[self._current].reference.levels[0]
        new = reference_of(pyramid, matrix)
        rows, columns = (side // _CELL + 1 for side in self.size)

        def cells(points: NDArray[np.float64]) -> NDArray[np.int64]:
            at = np.floor(points / _CELL).astype(np.int64)
            return np.clip(at[:, 1], 0, rows - 1) * columns + np.clip(at[:, 0], 0, columns - 1)

        total = np.bincount(cells(old.points), old.trusted, rows * columns)
        count = np.bincount(cells(old.points), minlength=rows * columns)
        trust = np.where(count > 0, total / np.maximum(count, 1), 1.0).astype(np.float32)
        back = inverse(fit.matrix)
        levels = [replace(level, trusted=trust[cells(mapped(back, level.points))]) for level in new.levels]
        return replace(new, levels=tuple(levels))

    def _worn_out(self, matrix: Matrix, fit: Fit, shown: float) -> bool:
        """Whether the frame should become a reference: it shows much that no reference has."""
        known = self._known[self._current]
        if fit.light[0] > _BRIGHTER or shown > _MORE * known.shown:
            return True
        return not self._usable(known.reference, matrix) and not any(
            self._usable(other.reference, matrix) for other in self._known
        )

    def _usable(self, reference: Reference, matrix: Matrix) -> bool:
        return self._overlap(reference, matrix) >= _OVERLAP

    def _nearest(self, matrix: Matrix) -> int:
        """Number of the reference to compare with: the present one while it does."""
        if self._usable(self._known[self._current].reference, matrix):
            return self._current
        overlaps = [self._overlap(known.reference, matrix) for known in self._known]
        best = int(np.argmax(overlaps))
        return best if overlaps[best] > overlaps[self._current] + 0.1 else self._current

    def _overlap(self, reference: Reference, matrix: Matrix) -> float:
        """Share of the reference that a frame at `matrix` shows; 0 if at another scale."""
        rows, columns = self.size
        y, x = np.mgrid[0:rows:16j, 0:columns:16j].reshape(2, -1)
        relative = inverse(matrix) @ reference.matrix
        scale = float(np.sqrt(abs(np.linalg.det(relative[:2, :2] / relative[2, 2]))))
        if not _SCALES[0] <= scale <= _SCALES[1]:
            return 0.0
        moved = mapped(relative, np.column_stack([x, y]))
        shown = (moved[:, 0] >= 0) & (moved[:, 0] < columns) & (moved[:, 1] >= 0) & (moved[:, 1] < rows)
        return float(shown.mean())

    def _add(self, known: Known) -> None:
        self._known.append(known)
        if len(self._known) > _REFERENCES:
            del self._known[0]
        self._current = len(self._known) - 1
