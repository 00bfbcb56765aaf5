"""A memory of fixed size comes to what the published rules come to with growing lists."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.runtime.temporal.xmem.published import Name, Published
from trt_anime.errors import InputError
from trt_anime.runtime.temporal.xmem.bank import Bank, Consolidation, Layout, Move

SMALL = Layout(cells=4, work_frames=5, long_cells=20, prototypes=6)


class Memory:
    """Names where a device would have numbers; does what the bank says, as the tracker does."""

    def __init__(self, layout: Layout, keep: int, objects: int) -> None:
        self.bank = Bank(layout, keep)
        self.keys: list[Any] = [None] * layout.capacity
        self.values: list[list[Any]] = [[None] * layout.capacity for _ in range(objects)]

    def add(self, time: int, objects: int) -> None:
        bank, layout = self.bank, self.bank.layout
        addition = bank.add(objects)
        self._move(addition.moves)
        for cell in range(layout.cells):
            row = self._row(addition.slot) + cell
            self.keys[row] = (time, cell)
            for number, group in enumerate(bank.groups):
                for each in range(group.first, group.first + group.count):
                    self.values[each][row] = (number, time, cell)
        if bank.must_consolidate:
            self._consolidate(bank.consolidate())

    def read(self, usage: dict[Name, float]) -> None:
        valid = self.bank.valid(self.bank.groups[0])
        self.bank.count_read()
        pairs = zip(self.keys, valid, strict=True)
        found = np.array([usage[key] if held else 0.0 for key, held in pairs])
        self.bank.note_usage(found[: self.bank.reach])

    def pairs(self, group: int) -> list[tuple[Name, Name]]:
        """(key, value) of all valid cells, the long-term ones first, then frame by frame."""
        bank, layout = self.bank, self.bank.layout
        valid = bank.valid(bank.groups[group])
        rows = [*range(layout.work_cells, layout.capacity)]
        rows += [self._row(slot) + cell for slot in bank.frames for cell in range(layout.cells)]
        values = self.values[bank.groups[group].first]
        return [(self.keys[row], values[row]) for row in rows if valid[row]]

    def _consolidate(self, plan: Consolidation) -> None:
        layout = self.bank.layout
        work, keys = self.keys[: layout.work_cells], self.keys[layout.work_cells :]
        keys += [("prototype", work[cell]) for cell in plan.groups[0].prototypes]
        for group in plan.groups:
            cells = [cell for frame in self._order() for cell in frame if group.candidates[cell]]
            for each in range(group.first, group.first + group.count):
                values = self.values[each]
                condensed = tuple(values[cell] for cell in cells)
                made = [("prototype", work[i], condensed) for i in group.prototypes]
                rows = values[layout.work_cells :] + made
                values[layout.work_cells :] = [rows[row] for row in plan.order]
        self.keys[layout.work_cells :] = [keys[row] for row in plan.order]
        self._move(plan.moves)

    def _order(self) -> list[range]:
        """Cells of the working memory, by the time of their frame."""
        layout = self.bank.layout
        slots = [s for s in range(layout.work_frames) if self.keys[self._row(s)] is not None]
        slots.sort(key=lambda slot: self.keys[self._row(slot)][0])
        return [range(slot * layout.cells, (slot + 1) * layout.cells) for slot in slots]

    def _move(self, moves: list[Move]) -> None:
        cells = self.bank.layout.cells
        for move in moves:
            source, target = self._row(move.source), self._row(move.target)
            for each in range(move.first, move.first + move.count):
                values = self.values[each]
                values[target : target + cells] = values[source : source + cells]

    def _row(self, slot: int) -> int:
        return slot * self.bank.layout.cells


@st.composite
def clips(draw: st.DrawFn) -> tuple[Layout, int, list[int], int]:
    """A memory, how many frames it keeps, objects at each memorised frame, and a seed for usage."""
    cells, keep = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    frames = draw(st.integers(max(keep + 1, 2), 8))
    prototypes = draw(st.integers(1, (frames - keep) * cells))
    long = draw(st.integers(prototypes, 4 * prototypes + 3))
    layout = Layout(cells=cells, work_frames=frames, long_cells=long, prototypes=prototypes)
    more = draw(st.lists(st.integers(0, 1), min_size=1, max_size=30))
    objects, total = [], 1
    for new in more:
        total = min(total + new, 4)
        objects.append(total)
    return layout, keep, objects, draw(st.integers(0, 1 << 20))


@settings(max_examples=400, deadline=None)
@given(clips())
def test_the_memory_holds_what_the_published_one_holds(case: tuple[Layout, int, list[int], int]) -> None:
    layout, keep, objects, seed = case
    memory = Memory(layout, keep, max(objects))
    rules = Published(layout.cells, layout.work_frames, keep, layout.long_cells, layout.prototypes)
    random = np.random.default_rng(seed)
    for time, count in enumerate(objects):
        if time:
            names = [*rules.work.keys, *rules.far.keys]
            usage = dict(zip(names, random.permutation(len(names)).astype(float), strict=True))
            memory.read(usage)
            rules.read(usage)
        memory.add(time, count)
        groups = len(memory.bank.groups)
        rules.add(time, groups)
        assert memory.bank.long_size == len(rules.far.keys) <= layout.long_cells
        reach = memory.bank.reach
        assert reach == layout.capacity or reach % layout.cells == 0
        for group in range(groups):
            assert not memory.bank.valid(memory.bank.groups[group])[reach:].any()
            assert memory.pairs(group) == rules.far.pairs(group) + rules.work.pairs(group)


def test_without_a_long_term_memory_the_oldest_frame_but_the_first_is_forgotten() -> None:
    memory = Memory(Layout(cells=1, work_frames=3, long_cells=0, prototypes=0), 5, 1)
    for time in range(6):
        memory.add(time, 1)
    assert [key for key, _ in memory.pairs(0)] == [(0, 0), (4, 0), (5, 0)]


def test_a_late_object_s_first_frame_stays_when_its_place_is_forgotten() -> None:
    memory = Memory(Layout(cells=1, work_frames=3, long_cells=0, prototypes=0), 5, 2)
    for time in range(6):
        memory.add(time, 1 if time == 0 else 2)
    assert memory.pairs(1) == [((0, 0), (1, 1, 0)), ((4, 0), (1, 4, 0)), ((5, 0), (1, 5, 0))]


def test_usage_that_comes_late_is_not_a_new_frame_s() -> None:
    bank = Bank(SMALL, 2)
    bank.add(1)
    bank.count_read()
    bank.add(1)
    bank.note_usage(np.where(bank.valid(bank.groups[0]) > 0, 8, 0) * (np.arange(40) < 4))
    assert bank.usage()[:8] == pytest.approx([8] * 4 + [0] * 4, rel=1e-6)


def test_equal_usage_falls_to_the_oldest_and_equal_long_term_cells_go_together() -> None:
    bank = Bank(SMALL, 2)
    for _ in range(5):
        bank.add(1)
    assert bank.consolidate().groups[0].prototypes.tolist() == [4, 5, 6, 7, 8, 9]
    for _ in range(3 * 2):
        bank.add(1)
        if bank.must_consolidate:
            bank.consolidate()
    assert bank.long_size == 18
    for _ in range(3):
        bank.add(1)
    plan = bank.consolidate()  # 4 must go, all 18 were never used
    assert bank.long_size == 6
    assert plan.order[:6].tolist() == [20, 21, 22, 23, 24, 25]


def test_sizes_that_don_t_go_together() -> None:
    with pytest.raises(InputError, match="consolidating 1 of 5 frames with 4 cells each gives no 6"):
        Bank(SMALL, 4)
    with pytest.raises(InputError, match="consolidating 0 of 5"):
        Bank(SMALL, 7)


def test_what_is_read_grows_with_what_is_in_use() -> None:
    bank, reach = Bank(SMALL, 2), []
    for _ in range(9):
        bank.add(1)
        if bank.must_consolidate:
            bank.consolidate()
        reach.append(bank.reach)
    # Five frames of 4 cells, then the long-term memory's: 6, and 12 of 20, in whole frames.
    assert reach == [4, 8, 12, 16, 28, 28, 28, 32, 32]
