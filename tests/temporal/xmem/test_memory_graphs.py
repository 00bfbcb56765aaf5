"""Reading and condensing a memory of fixed size is the same as doing it with one of just the right size."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from tests.temporal.xmem.running import Arrays, largest, ran
from trt_anime.export.networks.xmem.memory import affinity, readout, similarity
from trt_anime.export.temporal.xmem.memory import consolidate_graph, read_graph
from trt_anime.export.temporal.xmem.sizes import MemoryProfile
from trt_anime.export.temporal.xmem.tensors import Channels

CHANNELS = Channels(f16=8, f8=4, f4=2, key=16, value=24, sensory=4)
PROFILE = MemoryProfile(height=64, width=80, work_frames=4, long_cells=40, prototypes=12)


@dataclass(frozen=True)
class Case:
    """A memory of which some cells are valid, and a query."""

    inputs: Arrays

    def near(self, cells: NDArray[np.intp]) -> Tensor:
        """[len(cells),M] by the reference."""
        key, selection = (torch.from_numpy(self.inputs[name].T).double() for name in ("key", "selection"))
        memory = torch.from_numpy(self.inputs["memory_key"][cells].T).double()
        shrinkage = torch.from_numpy(self.inputs["memory_shrinkage"][cells][None]).double()
        return similarity(memory, key, shrinkage=shrinkage, selection=selection)

    def values(self, cells: NDArray[np.intp]) -> Tensor:
        return torch.from_numpy(self.inputs["memory_value"][:, cells].transpose(0, 2, 1)).double()


def case(valid: NDArray[np.float32], *, objects: int = 2, spread: float = 1.0) -> Case:
    random = np.random.default_rng(5)

    def normal(*shape: int) -> NDArray[np.float32]:
        return random.standard_normal(shape).astype(np.float32)

    inputs = {
        "key": normal(PROFILE.cells, CHANNELS.key) * np.float32(spread),
        "selection": random.random((PROFILE.cells, CHANNELS.key), np.float32),
        "memory_key": normal(PROFILE.capacity, CHANNELS.key) * np.float32(spread),
        "memory_shrinkage": 1 + random.random(PROFILE.capacity, np.float32),
        "memory_value": normal(objects, PROFILE.capacity, CHANNELS.value),
        "valid": valid,
    }
    return Case(inputs)


def some(share: float) -> NDArray[np.float32]:
    return (np.random.default_rng(1).random(PROFILE.capacity) < share).astype(np.float32)


def first(count: int) -> NDArray[np.float32]:
    return (np.arange(PROFILE.capacity) < count).astype(np.float32)


@pytest.mark.parametrize("objects", [1, 3])
@pytest.mark.parametrize("valid", [some(1), some(0.5), first(30)], ids=["all", "half", "thirty"])
def test_reads_the_nearest_of_the_valid_cells(valid: NDArray[np.float32], objects: int) -> None:
    given = case(valid, objects=objects)
    found = ran(read_graph(PROFILE, CHANNELS), given.inputs)
    cells = np.flatnonzero(valid)
    affine = affinity(given.near(cells), top_k=30)
    expected = readout(affine, given.values(cells)).reshape(objects, CHANNELS.value, *PROFILE.grid)
    assert largest(found["readout"], expected) < 1e-5
    assert largest(found["usage"][cells], affine.sum(1)) < 1e-5
    assert not found["usage"][valid == 0].any()
    assert found["usage"].sum() == pytest.approx(PROFILE.cells, rel=1e-5)


def test_fewer_valid_cells_than_answer_all_answer() -> None:
    given = case(first(7))
    found = ran(read_graph(PROFILE, CHANNELS), given.inputs)
    cells = np.arange(7)
    affine = affinity(given.near(cells), top_k=None)
    expected = readout(affine, given.values(cells)).reshape(2, CHANNELS.value, *PROFILE.grid)
    assert largest(found["readout"], expected) < 1e-5
    assert largest(found["usage"][:7], affine.sum(1)) < 1e-5


def test_an_empty_memory_answers_nothing() -> None:
    found = ran(read_graph(PROFILE, CHANNELS), case(first(0)).inputs)
    assert not found["readout"].any()
    assert not found["usage"].any()


def test_far_cells_give_numbers() -> None:
    """The published code divides 0 by 0 where all similarities are below -87."""
    given = case(some(0.5), spread=40)
    cells = np.flatnonzero(given.inputs["valid"])
    assert given.near(cells).max() < -87
    found = ran(read_graph(PROFILE, CHANNELS), given.inputs)
    assert np.isfinite(found["readout"]).all()
    assert found["usage"].sum() == pytest.approx(PROFILE.cells, rel=1e-4)


def test_of_equals_the_first_ones_answer() -> None:
    """As a held frame gives them: the same keys again and again, with other values."""
    given = case(first(60)).inputs
    given["memory_key"][:60], given["memory_shrinkage"][:60] = given["memory_key"][0], 1
    found = ran(read_graph(PROFILE, CHANNELS), given)
    expected = given["memory_value"][:, :30].mean(1)
    assert np.abs(found["readout"] - expected[:, :, None, None]).max() < 1e-5


def test_what_invalid_cells_hold_doesn_t_matter() -> None:
    given = case(some(0.5))
    graph = read_graph(PROFILE, CHANNELS)
    before = ran(graph, given.inputs)
    for name, fill in (("memory_key", 1e3), ("memory_shrinkage", 1e3)):
        given.inputs[name][given.inputs["valid"] == 0] = fill
    given.inputs["memory_value"][:, given.inputs["valid"] == 0] = 1e3
    for name, array in ran(graph, given.inputs).items():
        assert np.array_equal(array, before[name])


def test_prototypes_are_read_from_the_candidates() -> None:
    memory = case(some(1)).inputs
    work, long = PROFILE.work_cells, PROFILE.long_cells
    random = np.random.default_rng(2)
    candidates = np.zeros(work, np.float32)
    candidates[PROFILE.cells : 3 * PROFILE.cells] = 1
    chosen = random.permutation(np.flatnonzero(candidates))[: PROFILE.prototypes].astype(np.int32)
    order = np.concatenate([np.arange(5, 25), long + np.arange(12), np.zeros(8)]).astype(np.int32)
    selection = random.random((work, CHANNELS.key), np.float32)
    names = ("memory_key", "memory_shrinkage", "memory_value")
    tables = {"work_selection": selection, "candidates": candidates, "prototypes": chosen, "order": order}
    found = ran(consolidate_graph(PROFILE, CHANNELS), {**{n: memory[n] for n in names}, **tables})
    query = {"key": memory["memory_key"][chosen], "selection": selection[chosen]}
    cells = np.flatnonzero(candidates)
    asked = Case({**memory, **query})
    affine = affinity(asked.near(cells), top_k=None)
    shrinkage = torch.from_numpy(memory["memory_shrinkage"][cells]).double() @ affine
    value = readout(affine, asked.values(cells)).transpose(1, 2)
    for name, new in (("key", query["key"]), ("shrinkage", shrinkage)):
        assert np.array_equal(found[f"long_{name}"][:20], memory[f"memory_{name}"][work + 5 : work + 25])
        assert largest(found[f"long_{name}"][20:32], new) < 1e-5
    assert np.array_equal(found["long_value"][:, :20], memory["memory_value"][:, work + 5 : work + 25])
    assert largest(found["long_value"][:, 20:32], value) < 1e-5
