"""The `null` device's arithmetic of time, exact on a clock that jumps."""

import threading
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from trt_anime.errors import EngineError, InputError, MissingError
from trt_anime.runtime.devices.api import CpuDevice, Memory, Tensor
from trt_anime.runtime.devices.clock import SimulatedClock, WallClock
from trt_anime.runtime.devices.hazards import HazardError
from trt_anime.runtime.devices.latencies import Latencies
from trt_anime.runtime.devices.null import NullDevice

U8 = np.dtype(np.uint8)
# Copies of a frame of 8 bytes and the run of "2a" all take one second.
EQUAL = Latencies(copy_in_bytes_per_s=8, copy_out_bytes_per_s=8, seconds_per_run={"2a": 1.0, "2b": 2.0})


def device_with(latencies: Latencies) -> tuple[NullDevice, SimulatedClock]:
    clock = SimulatedClock()
    return NullDevice(latencies, clock), clock


def tensor(device: NullDevice, name: str, *, is_pinned: bool = False) -> Tensor:
    allocate = device.allocate_pinned if is_pinned else device.allocate
    return Tensor(allocate(8, name=name), (8,), U8)


def never() -> None:
    raise AssertionError("the null device runs no work")


class Slot:
    """What one frame needs on its way: four pieces of memory and the events that guard them."""

    def __init__(self, device: NullDevice, number: int) -> None:
        name = f"slot {number}"
        self.pinned_in = tensor(device, f"{name} pinned in", is_pinned=True)
        self.frame = tensor(device, f"{name} frame")
        self.rgba = tensor(device, f"{name} rgba")
        self.pinned_out = tensor(device, f"{name} pinned out", is_pinned=True)
        self.copied_in = device.event(name=f"{name} copied in")
        self.computed = device.event(name=f"{name} computed")
        self.copied_out = device.event(name=f"{name} copied out")
        self.used = False


def overlapped_s(frames: int, depth: int, *, streams: int = 3) -> float:
    """Seconds for `frames` frames through copy in, compute and copy out, each on a stream of its own."""
    device, clock = device_with(EQUAL)
    lines = [device.stream(name=str(n)) for n in range(streams)]
    into, compute, out = (lines[n % streams] for n in range(3))
    slots = [Slot(device, number) for number in range(depth)]
    for index in range(frames):
        slot = slots[index % depth]
        if slot.used:
            device.synchronize(slot.copied_in)  # the host fills `pinned_in` again
            device.wait(slot.computed, stream=into)
            device.wait(slot.copied_out, stream=compute)
        device.copy(slot.frame, slot.pinned_in, stream=into)
        device.record(slot.copied_in, stream=into)
        device.wait(slot.copied_in, stream=compute)
        device.run(never, reads=(slot.frame,), writes=(slot.rgba,), stream=compute, name="2a")
        device.record(slot.computed, stream=compute)
        device.wait(slot.computed, stream=out)
        device.copy(slot.pinned_out, slot.rgba, stream=out)
        device.record(slot.copied_out, stream=out)
        slot.used = True
    device.close()
    return clock.now_s


@pytest.mark.parametrize("depth", [2, 3])
def test_three_equal_stages_overlap_threefold(depth: int) -> None:
    assert overlapped_s(300, depth) == 302.0  # one frame a second, and two seconds to fill and drain


def test_one_slot_or_one_stream_is_serial() -> None:
    assert overlapped_s(100, 3, streams=1) == 300.0
    assert overlapped_s(100, 1) == 201.0  # the next copy in runs beside this copy out, no more


def test_nothing_takes_time_without_latencies() -> None:
    device, clock = device_with(Latencies())
    stream, event = device.stream(name="work"), device.event(name="end")
    device.copy(tensor(device, "frame"), tensor(device, "in", is_pinned=True), stream=stream)
    device.run(never, reads=(), writes=(), stream=stream, name="whatever")
    device.record(event, stream=stream)
    assert device.is_done(event)
    device.synchronize(event)
    assert clock.now_s == 0.0


def test_is_a_device() -> None:
    device: CpuDevice = NullDevice()
    assert device.name == "null"
    assert device.title == "no GPU"
    assert device.stream(name="one").handle == 0
    device.close()


def test_pinned_memory_is_real_and_device_memory_is_not() -> None:
    device, _ = device_with(Latencies())
    stream = device.stream(name="work")
    out, frame = tensor(device, "out", is_pinned=True), tensor(device, "frame")
    with device.reading(out) as array:
        assert array.tolist() == [0] * 8
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1
    with device.writing(out) as array:
        array[:] = 5
    device.copy(out, frame, stream=stream)
    assert device.view(out).tolist() == [5] * 8
    assert (out.pointer > 0, frame.pointer) == (True, 0)
    for look in (device.reading, device.writing):
        with pytest.raises(HazardError, match="'frame' has no bytes"), look(frame):
            pass
    with pytest.raises(HazardError, match="'frame' has no bytes"):
        device.view(frame)


def test_memory_is_that_of_the_gpu() -> None:
    device, _ = device_with(Latencies(gpu="small GPU", memory_bytes=1000))
    buffer = device.allocate(600, name="first")
    pinned = device.allocate_pinned(5000, name="not on the GPU")
    assert device.memory() == Memory(400, 1000)
    with pytest.raises(MissingError, match="second: needs 401 bytes, but 'small GPU' has 400 free"):
        device.allocate(401, name="second")
    pinned.close()
    assert device.memory() == Memory(400, 1000)
    buffer.close()
    buffer.close()
    assert device.memory() == Memory(1000, 1000)
    device.allocate(1 << 9, name="fits")


def test_device_memory_takes_no_ram() -> None:
    with NullDevice() as device:
        device.allocate(1 << 45, name="32 TiB")


def test_work_begins_when_stream_event_and_host_are_ready() -> None:
    device, clock = device_with(Latencies(concurrent_runs=2, seconds_per_run={"2a": 1.0, "2b": 2.0}))
    first, second = device.stream(name="first"), device.stream(name="second")
    marks = [device.event(name=str(n), timing=True) for n in range(4)]
    device.record(marks[0], stream=first)
    device.run(never, reads=(), writes=(), stream=first, name="2b")
    device.record(marks[1], stream=first)  # at 2
    device.run(never, reads=(), writes=(), stream=second, name="2a")  # 0 to 1: nothing orders them
    device.wait(marks[1], stream=second)
    device.run(never, reads=(), writes=(), stream=second, name="2a")
    device.record(marks[2], stream=second)  # at 3
    assert clock.now_s == 0
    device.synchronize(marks[1])
    assert clock.now_s == 2
    assert (device.is_done(marks[1]), device.is_done(marks[2])) == (True, False)
    with pytest.raises(HazardError, match="'2' is timed before it is reached"):
        device.elapsed_s(marks[1], marks[2])
    clock.advance(5)
    assert device.is_done(marks[2])
    device.run(never, reads=(), writes=(), stream=second, name="2a")  # 7 to 8: the host came late
    device.record(marks[3], stream=second)
    device.synchronize(marks[3])
    assert clock.now_s == 8
    assert device.elapsed_s(marks[0], marks[3]) == 8
    assert device.elapsed_s(marks[1], marks[2]) == 1
    device.synchronize(marks[1])
    assert clock.now_s == 8


def test_a_mark_on_an_idle_stream_is_reached_now() -> None:
    device, clock = device_with(EQUAL)
    stream = device.stream(name="work")
    start, end = (device.event(name=name, timing=True) for name in ("start", "end"))
    clock.advance(5)
    device.record(start, stream=stream)
    device.run(never, reads=(), writes=(), stream=stream, name="2a")
    device.record(end, stream=stream)
    device.synchronize(end)
    assert device.elapsed_s(start, end) == 1


@pytest.mark.parametrize(("units", "seconds"), [(1, 4.0), (2, 2.0), (3, 2.0), (4, 1.0)])
def test_runs_share_the_gpu(units: int, seconds: float) -> None:
    device, clock = device_with(Latencies(concurrent_runs=units, seconds_per_run={"2a": 1.0}))
    for number in range(4):
        stream = device.stream(name=str(number))
        device.run(never, reads=(), writes=(), stream=stream, name="2a")
    device.close()
    assert clock.now_s == seconds


def test_closing_waits_for_the_last_to_end() -> None:
    device, clock = device_with(Latencies(concurrent_runs=2, seconds_per_run={"2a": 1.0, "2b": 2.0}))
    for name in ("2b", "2a"):
        device.run(never, reads=(), writes=(), stream=device.stream(name=name), name=name)
    device.close()
    assert clock.now_s == 2


def test_copies_of_one_direction_share_an_engine() -> None:
    device, clock = device_with(
        Latencies(copy_in_bytes_per_s=8, copy_out_bytes_per_s=4, copy_within_bytes_per_s=2)
    )
    pinned, frames = tensor(device, "pinned", is_pinned=True), [tensor(device, str(n)) for n in range(2)]
    marks = {}
    for name, target, source in (
        ("in", frames[0], pinned),
        ("in again", frames[1], pinned),
        ("out", pinned, frames[0]),
        ("within", frames[1], frames[0]),
    ):
        stream = device.stream(name=name)
        start, end = (device.event(name=name, timing=True) for _ in range(2))
        device.record(start, stream=stream)
        device.copy(target, source, stream=stream)
        device.record(end, stream=stream)
        marks[name] = (start, end)
    device.synchronize(marks["within"][1])
    assert {name: device.elapsed_s(*pair) for name, pair in marks.items()} == {
        "in": 1,
        "in again": 2,
        "out": 2,
        "within": 4,
    }
    device.close()
    assert clock.now_s == 4


def test_unknown_operations_are_named() -> None:
    device, _ = device_with(EQUAL)
    with pytest.raises(InputError, match="latencies: says nothing of '3', only of 2a, 2b; measure it"):
        device.run(never, reads=(), writes=(), stream=device.stream(name="work"), name="3")


@pytest.mark.parametrize("action", ["wait", "synchronize", "is_done", "elapsed_s"])
def test_events_that_were_never_recorded(action: str) -> None:
    device, _ = device_with(Latencies())
    stream, event = device.stream(name="work"), device.event(name="slot 1 free", timing=True)
    with pytest.raises(HazardError, match=r"event 'slot 1 free' .* never recorded"):
        match action:
            case "wait":
                device.wait(event, stream=stream)
            case "synchronize":
                device.synchronize(event)
            case "is_done":
                device.is_done(event)
            case "elapsed_s":
                device.elapsed_s(event, event)


def test_refuses_what_is_wrong() -> None:
    device, _ = device_with(Latencies())
    stream, event = device.stream(name="work"), device.event(name="plain")
    frame = tensor(device, "frame")
    with pytest.raises(ValueError, match="frame takes 2 bytes, but frame gives 8"):
        device.copy(frame.rows(2), frame, stream=stream)
    device.record(event, stream=stream)
    with pytest.raises(HazardError, match="'plain' is timed, but was made without"):
        device.elapsed_s(event, event)
    with NullDevice() as other, pytest.raises(EngineError, match="'frame' was made by another device"):
        other.run(never, reads=(frame,), writes=(), stream=other.stream(name="work"), name="2a")
    device.close()
    device.close()
    with pytest.raises(EngineError, match="device 'null' is closed"):
        device.allocate(8, name="late")


@given(st.lists(st.floats(-10, 10), max_size=20))
def test_simulated_time_never_goes_back(moments: list[float]) -> None:
    clock = SimulatedClock()
    for at_s in moments:
        before = clock.now_s
        clock.sleep_until(at_s)
        assert clock.now_s == max(before, at_s)


def test_the_wall_clock_reaches_its_moment() -> None:
    clock = WallClock()
    clock.sleep_until(clock.now_s - 1)
    until = clock.now_s + 0.002
    clock.sleep_until(until)
    assert clock.now_s >= until


def test_makes_no_threads() -> None:
    before = threading.active_count()
    overlapped_s(3, 2)
    assert threading.active_count() == before


def test_what_comes_out_is_an_answer_to_what_was_copied_in_last() -> None:
    def answer(given: NDArray[Any], out: NDArray[Any]) -> None:
        out[...] = given + 1

    with NullDevice(clock=SimulatedClock(), answer=answer) as device:
        stream = device.stream(name="all")
        sent, taken = (tensor(device, name, is_pinned=True) for name in ("sent", "taken"))
        frame, rgba = tensor(device, "frame"), tensor(device, "rgba")
        with device.capture(stream=stream) as captured:
            device.run(never, reads=[frame], writes=[rgba], stream=stream, name="2a")
        graph = captured()
        for value in (3, 8):
            with device.writing(sent) as array:
                array[...] = value
            device.copy(frame, sent, stream=stream)
            graph.launch(stream=stream)
            device.copy(taken, rgba, stream=stream)
            with device.reading(taken) as array:
                assert set(array.tolist()) == {value + 1}
