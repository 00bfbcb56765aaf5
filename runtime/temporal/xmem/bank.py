"""What lies where in XMem's memory. Numbers of cells only: values stay on the device.

The memory's cells are rows: `work_frames` slots of a frame each, then `long_cells` of the long-term memory.
Slots are filled from the first on, and the long-term memory after them, so that what isn't read of a memory
with little in it is its end. Objects that appeared together are a group; a later one has nothing in the
frames before it.

As in the published code, what a group's first frame says of its objects stays for good: when a
consolidation takes that frame out of the working memory, its values go to the clip's first frame, whose
keys they are found under from then on. And a group's prototypes, where it has fewer than others, are
counted from the end.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trt_anime.errors import InputError

_UNREAD = 1e-7  # reads that a new cell has behind it; more than 0, as its usage is divided by them


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Sizes of a memory, see `MemoryProfile`; `cells` is of one frame."""

    cells: int
    work_frames: int
    long_cells: int
    prototypes: int

    @property
    def work_cells(self) -> int:
        return self.work_frames * self.cells

    @property
    def capacity(self) -> int:
        return self.long_cells + self.work_cells


@dataclass(frozen=True)
class Move:
    """Values of objects `first` to `first + count` in slot `source` go to slot `target`."""

    first: int
    count: int
    source: int
    target: int


@dataclass(frozen=True)
class Addition:
    """A frame gets the slot `slot`, once the moves are made."""

    slot: int
    moves: list[Move]


@dataclass(frozen=True, eq=False)
class Condensed:
    """What `consolidate` is to do for the objects `first` to `first + count`.

    candidates: float32 [work_cells], 1 or 0. prototypes: int32 [prototypes], cells of the working memory.
    """

    first: int
    count: int
    candidates: NDArray[np.float32]
    prototypes: NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Consolidation:
    """The long-term memory becomes `order` of itself and the prototypes, int32 [long_cells]; then moves."""

    order: NDArray[np.int32]
    groups: list[Condensed]
    moves: list[Move]


@dataclass(eq=False)
class Group:
    """Objects that appeared together.

    start: their first frame's place among the working memory's frames. long: bool [long_cells].
    """

    first: int
    count: int
    start: int
    long: NDArray[np.bool_]


@dataclass(eq=False)
class Bank:
    """Bookkeeping of one clip's memory; raises InputError when made with sizes that don't go together.

    Attributes:
        frames: slots of the working memory's frames, the oldest first.
        long_size: cells in use in the long-term memory; they are its first ones.
    """

    layout: Layout
    keep_frames: int
    frames: list[int] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    long_size: int = 0

    def __post_init__(self) -> None:
        layout = self.layout
        self._use = np.zeros(layout.capacity)
        self._life = np.full(layout.capacity, _UNREAD)
        condensed = layout.work_frames - self.keep_frames
        if layout.long_cells and condensed * layout.cells < max(layout.prototypes, 1):
            raise InputError(
                f"XMem: consolidating {max(condensed, 0)} of {layout.work_frames} frames with"
                f" {layout.cells} cells each gives no {layout.prototypes} prototypes; keep fewer frames,"
                " make graphs with fewer prototypes, or take larger frames"
            )

    @property
    def objects(self) -> int:
        return sum(group.count for group in self.groups)

    @property
    def reach(self) -> int:
        """How many of the memory's first rows have all cells in use among them: those of whole frames.

        Less finely than could be, as libraries that prepare themselves for a size are to see few.
        """
        cells = self.layout.cells
        used = self._long.start + self.long_size if self.long_size else (max(self.frames) + 1) * cells
        return min(-(-used // cells) * cells, self.layout.capacity)

    @property
    def must_consolidate(self) -> bool:
        return self.layout.long_cells > 0 and len(self.frames) == self.layout.work_frames

    def valid(self, group: Group) -> NDArray[np.float32]:
        """float32 [capacity]: 1 for the cells that hold something of the group's objects."""
        valid = np.zeros(self.layout.capacity, np.float32)
        valid[self._long] = group.long
        for slot in self.frames[group.start :]:
            valid[self._rows(slot)] = 1
        return valid

    def usage(self) -> NDArray[np.float64]:
        """[capacity]: what each cell was worth per read since it is there."""
        usage: NDArray[np.float64] = self._use / self._life
        return usage

    def count_read(self) -> None:
        """The memory is read; what each cell is used for comes with `note_usage`."""
        self._life += 1

    def note_usage(self, usage: NDArray[Any]) -> None:
        """Usage of the latest read, of as many rows as were read, as `read` gives it for the first group.

        May come after an `add`, whose frame wasn't there to be read, but not after a `consolidate`.
        """
        self._use[: len(usage)] += usage

    def add(self, objects: int) -> Addition:
        """Make room for a frame of the first `objects` objects; those above `self.objects` are a new group.

        Without a long-term memory, a full working memory forgets its oldest frame but the first.
        """
        moves = []
        if len(self.frames) == self.layout.work_frames:
            moves = self._keep([0, *range(2, len(self.frames))])
        slot = next(slot for slot in range(self.layout.work_frames) if slot not in self.frames)
        if objects > self.objects:
            long = np.zeros(self.layout.long_cells, np.bool_)
            self.groups.append(Group(self.objects, objects - self.objects, len(self.frames), long))
        self.frames.append(slot)
        self._use[self._rows(slot)], self._life[self._rows(slot)] = 0, _UNREAD
        return Addition(slot, moves)

    def consolidate(self) -> Consolidation:
        """Condense all frames but the first and the newest to prototypes, and drop what is least used.

        Prototypes are the cells of highest usage; of equals, the oldest. Room for them is made by dropping
        the long-term cells of lowest usage, and all that are equal to the last of them.
        """
        layout = self.layout
        end = len(self.frames) - self.keep_frames + 1
        cells = np.concatenate([self._work_cells(slot) for slot in self.frames[1:end]])
        scores = self.usage()[cells]
        chosen = cells[np.argsort(-scores, kind="stable")[: layout.prototypes]].astype(np.int32)
        kept = self._survivors()
        order = np.zeros(layout.long_cells, np.int32)
        fresh = slice(len(kept), len(kept) + layout.prototypes)
        order[: fresh.start] = kept
        order[fresh] = layout.long_cells + np.arange(layout.prototypes)
        groups = [self._condensed(group, end, chosen, order, fresh) for group in self.groups]
        use, life = self._use[self._long], self._life[self._long]
        use[: fresh.start], life[: fresh.start] = use[kept], life[kept]
        use[fresh], life[fresh] = 0, _UNREAD
        self.long_size = fresh.stop
        return Consolidation(order, groups, self._keep([0, *range(end, len(self.frames))]))

    def _condensed(
        self, group: Group, end: int, chosen: NDArray[np.int32], order: NDArray[np.int32], fresh: slice
    ) -> Condensed:
        layout = self.layout
        late = group.start > 0
        candidates = np.zeros(layout.work_cells, np.float32)
        # A late group is condensed once there is more of it than its first frame and what is kept.
        if not late or len(self.frames) - group.start > self.keep_frames + 1:
            for slot in self.frames[group.start + 1 : end]:
                candidates[self._work_cells(slot)] = 1
        held = chosen[candidates[chosen] > 0]
        prototypes = np.concatenate([np.zeros(len(chosen) - len(held), np.int32), held])
        group.long = group.long[order % layout.long_cells] & (np.arange(layout.long_cells) < fresh.start)
        group.long[fresh.stop - len(held) : fresh.stop] = True
        return Condensed(group.first, group.count, candidates, prototypes)

    def _survivors(self) -> NDArray[np.int64]:
        room = self.layout.long_cells - self.layout.prototypes
        surplus = self.long_size - room
        if surplus <= 0:
            return np.arange(self.long_size)
        scores = self.usage()[self._long][: self.long_size]
        return np.flatnonzero(scores > np.sort(scores)[surplus - 1])

    def _keep(self, places: list[int]) -> list[Move]:
        """Keep the frames at these places, the first among them, and tell what has to move before."""
        moves = []
        for group in self.groups:
            if group.start in places:
                group.start = places.index(group.start)
            else:
                moves.append(Move(group.first, group.count, self.frames[group.start], self.frames[0]))
                group.start = 0
        self.frames = [self.frames[place] for place in places]
        return moves

    def _work_cells(self, slot: int) -> NDArray[np.int64]:
        rows = self._rows(slot)
        return np.arange(rows.start, rows.stop)

    def _rows(self, slot: int) -> slice:
        return slice(slot * self.layout.cells, (slot + 1) * self.layout.cells)

    @property
    def _long(self) -> slice:
        """Rows of the long-term memory."""
        return slice(self.layout.work_cells, self.layout.capacity)
