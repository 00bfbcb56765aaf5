import pytest

from tests.runtime.pipeline.fakes import node
from trt_anime.errors import MissingError
from trt_anime.runtime.devices.null import NullDevice
from trt_anime.runtime.pipeline.chain import Chain, chain_of
from trt_anime.runtime.pipeline.plan import SPARE, Plan, plan_memory

DEVICE = NullDevice()
SIDE = 100
FRAME, RGBA = SIDE * SIDE * 3, SIDE * SIDE * 4


def chain_at(batch: int) -> Chain:
    nodes = [node(DEVICE, "2a", scratch=5000, own=70_000), node(DEVICE, "2b", scratch=9000)]
    return chain_of(nodes, batch=batch, height=SIDE, width=SIDE)


def planned(needed_bytes: float, *, batch: int = 4, depth: int = 4, shared: bool = False) -> Plan:
    free_bytes = int(needed_bytes / (1 - SPARE)) + 1
    return plan_memory(chain_at, batch=batch, depth=depth, lanes=1, free_bytes=free_bytes, shared=shared)


def device_bytes(batch: int, depth: int, scratch: int) -> int:
    return depth * batch * (FRAME + 2 * RGBA) + 70_000 + scratch


def test_everything_that_is_allocated_is_in_the_plan() -> None:
    plan = planned(1e9)
    assert plan.size_bytes("device") == device_bytes(4, 4, 14_000)
    assert plan.size_bytes("pinned") == 4 * 4 * (FRAME + 2 * RGBA)
    assert plan.arena_bytes == {0: 5000, 1: 9000}
    assert plan.given_up == ()
    *_, sums = plan.lines()
    assert sums == "4 slots of 4 frames, 1 at once: 1.8 MB device and 1.8 MB pinned memory"


def test_a_plan_that_just_fits_is_taken_and_one_byte_less_is_not() -> None:
    exact = device_bytes(4, 4, 14_000)
    assert planned(exact).depth == 4
    assert planned(exact - 2).depth == 3


def test_slots_go_first_then_parallel_stages_then_the_batch() -> None:
    plan = planned(device_bytes(4, 2, 14_000))
    assert (plan.depth, plan.chain.batch, plan.branches) == (2, 4, {"2a": 0, "2b": 1})
    assert plan.given_up == ("memory is short: 2 slots instead of 4",)
    plan = planned(device_bytes(4, 2, 9000))
    assert (plan.depth, plan.chain.batch, plan.branches) == (2, 4, {"2a": 0, "2b": 0})
    assert plan.arena_bytes == {0: 9000}
    assert plan.given_up[-1] == "memory is short: stages run one after another"
    plan = planned(device_bytes(1, 2, 9000))
    assert (plan.depth, plan.chain.batch) == (2, 1)
    assert plan.given_up[-1] == "memory is short: batch size 1 instead of 4"


def test_on_a_cpu_both_kinds_of_memory_count() -> None:
    both = device_bytes(4, 4, 14_000) + 4 * 4 * (FRAME + 2 * RGBA)
    assert planned(both, shared=True).depth == 4
    assert planned(both - 2, shared=True).depth == 3


def test_a_plan_that_cannot_fit_is_refused_with_numbers() -> None:
    needed = device_bytes(1, 2, 9000)
    with pytest.raises(MissingError, match=r"needs 0\.3 MB, and 0\.3 MB may be used \(0\.4 MB are free\)"):
        planned(needed - 2)
