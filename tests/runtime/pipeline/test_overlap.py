"""Copy-in, compute and copy-out of different slots run at once: seen on a device whose clock jumps."""

import numpy as np
import pytest

from tests.runtime.pipeline.fakes import HEIGHT, WIDTH, node
from tests.runtime.pipeline.flows import plan_of
from trt_anime.runtime.devices.clock import SimulatedClock
from trt_anime.runtime.devices.latencies import Latencies
from trt_anime.runtime.devices.null import NullDevice
from trt_anime.runtime.pipeline.program import Program
from trt_anime.runtime.pipeline.slots import make_slot

STEP_S = 0.01
FRAMES = 100


def predicted_s(numbers: dict[str, float], *, depth: int, concurrent_runs: int = 1) -> float:
    """Simulated seconds for FRAMES frames; a copy of the frame in and of each layer out takes STEP_S."""
    clock = SimulatedClock()
    latencies = Latencies(
        copy_in_bytes_per_s=HEIGHT * WIDTH * 3 / STEP_S,
        copy_out_bytes_per_s=HEIGHT * WIDTH * 4 / STEP_S,
        concurrent_runs=concurrent_runs,
        seconds_per_run=numbers,
    )
    with NullDevice(latencies, clock) as device:
        plan = plan_of([node(device, number) for number in numbers], depth=depth)
        program = Program(device, plan, notify=lambda sentence: None)
        slots = [make_slot(device, plan, number) for number in range(plan.depth)]
        for index in range(FRAMES):
            slot = slots[index % depth]
            if index >= depth:
                program.collect(slot)
            with device.writing(slot.frame) as pixels:
                pixels[...] = np.uint8(index % 256)
            program.submit(slot, 1)
    return clock.now_s


@pytest.mark.parametrize(("depth", "steps_a_frame"), [(1, 3), (2, 1.5), (3, 1), (4, 1)])
def test_three_equal_parts(depth: int, steps_a_frame: float) -> None:
    seconds = predicted_s({"2a": STEP_S}, depth=depth)
    assert seconds == pytest.approx(FRAMES * steps_a_frame * STEP_S, rel=0.03)


def test_the_slowest_part_sets_the_pace() -> None:
    assert predicted_s({"2a": 4 * STEP_S}, depth=3) == pytest.approx(FRAMES * 4 * STEP_S, rel=0.03)


def test_stages_that_do_not_need_each_other_run_at_once_where_the_gpu_can() -> None:
    two = {"2a": 6 * STEP_S, "2b": 6 * STEP_S}
    assert predicted_s(two, depth=3) == pytest.approx(FRAMES * 12 * STEP_S, rel=0.03)
    assert predicted_s(two, depth=3, concurrent_runs=2) == pytest.approx(FRAMES * 6 * STEP_S, rel=0.03)


def test_a_stages_time_is_its_own() -> None:
    clock = SimulatedClock()
    with NullDevice(Latencies(seconds_per_run={"2a": 0.3, "2b": 0.2}), clock) as device:
        nodes = [node(device, "2a"), node(device, "2b", {"roi": "2a.rgba"})]
        plan = plan_of(nodes, depth=2)
        program, slot = Program(device, plan, notify=lambda sentence: None), make_slot(device, plan, 0)
        program.submit(slot, 1)
        assert program.collect(slot) == pytest.approx({"2a": 0.3, "2b": 0.2})
