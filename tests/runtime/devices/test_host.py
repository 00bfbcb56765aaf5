"""The `host` device keeps CUDA's rules, with threads and one step at a time."""

import gc
import threading
from collections.abc import Callable, Iterator
from random import Random

import numpy as np
import pytest

from trt_anime.errors import EngineError, InputError, MissingError
from trt_anime.runtime.devices import host
from trt_anime.runtime.devices.api import CpuDevice, Memory, Tensor
from trt_anime.runtime.devices.hazards import HazardError
from trt_anime.runtime.devices.host import HostBuffer, HostDevice, HostStream
from trt_anime.runtime.devices.schedule import Schedule, Seeded, Threads

_RANDOM = Random(0)

SCHEDULES: dict[str, Callable[[], Schedule]] = {
    "threads": Threads,
    "lazy": lambda: Seeded(lambda count: 0),
    "seeded": lambda: Seeded(_RANDOM.randrange),
}
U8 = np.dtype(np.uint8)


@pytest.fixture(params=SCHEDULES)
def device(request: pytest.FixtureRequest) -> Iterator[HostDevice]:
    device = HostDevice(SCHEDULES[request.param]())
    yield device
    device.__exit__(None, RuntimeError(), None)  # quiet about failures that a test has made


@pytest.fixture
def stream(device: HostDevice) -> HostStream:
    return device.stream(name="work")


def whole(buffer: HostBuffer) -> Tensor:
    return Tensor(buffer, (buffer.size_bytes,), U8)


def finish(device: HostDevice, stream: HostStream) -> None:
    event = device.event(name="end")
    device.record(event, stream=stream)
    device.synchronize(event)


def fail(error: BaseException) -> None:
    raise error


def test_is_a_device(device: HostDevice) -> None:
    cpu: CpuDevice = device
    assert cpu.name == "cpu"
    assert cpu.title
    assert device.stream(name="one").handle == 0


def test_memory_is_aligned_typed_and_counted(device: HostDevice, monkeypatch: pytest.MonkeyPatch) -> None:
    before = device.memory()
    assert 0 < before.free <= before.total
    buffers = [device.allocate(100 + n, name="a") for n in range(3)] + [device.allocate_pinned(7, name="b")]
    assert all(buffer.pointer % 64 == 0 for buffer in buffers)
    assert [buffer.place for buffer in buffers] == ["device"] * 3 + ["pinned"]
    monkeypatch.setattr(host, "ram", lambda: Memory(10**12, 10**12))
    device = HostDevice(Threads())
    buffer = device.allocate(1000, name="c")
    assert device.memory() == Memory(10**12 - 1000, 10**12)
    buffer.close()
    assert device.memory().free == 10**12
    device.close()


def test_too_little_memory_gives_both_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "ram", lambda: Memory(5_000, 10_000))
    with HostDevice() as device:
        device.allocate(2_000, name="first")
        with pytest.raises(
            MissingError, match=r"slot 0 frame: needs 3,001 bytes, but 'cpu' has 3,000 free"
        ):
            device.allocate_pinned(3_001, name="slot 0 frame")
        device.allocate_pinned(3_000, name="slot 0 frame")


def test_bytes_go_in_through_work_and_out(device: HostDevice) -> None:
    shape, dtype = (2, 3), np.dtype(np.float32)
    pinned, there, result, out = (
        Tensor(allocate(64, name=name), shape, dtype, 8)
        for allocate, name in (
            (device.allocate_pinned, "in"),
            (device.allocate, "there"),
            (device.allocate, "result"),
            (device.allocate_pinned, "out"),
        )
    )
    stream = device.stream(name="all")
    with device.writing(pinned) as array:
        array[:] = np.arange(6, dtype=np.float32).reshape(shape)
    device.copy(there, pinned, stream=stream)

    def double() -> None:
        np.multiply(device.view(there), 2, out=device.view(result))

    device.run(double, reads=(there,), writes=(result,), stream=stream, name="double")
    device.copy(out, result, stream=stream)
    finish(device, stream)
    with device.reading(out) as array:
        assert array.tolist() == [[0, 2, 4], [6, 8, 10]]
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


def test_empty_tensors_touch_nothing(device: HostDevice, stream: HostStream) -> None:
    buffer = device.allocate_pinned(8, name="frame")
    empty = Tensor(buffer, (4,), U8, 2).rows(0)
    with device.writing(whole(buffer)):
        device.copy(empty, empty, stream=stream)
    with device.reading(empty) as array:
        assert array.shape == (0,)


def test_copies_of_other_sizes_are_refused(device: HostDevice, stream: HostStream) -> None:
    large, small = device.allocate(8, name="large"), device.allocate(4, name="small")
    with pytest.raises(ValueError, match="large takes 8 bytes, but small gives 4"):
        device.copy(whole(large), whole(small), stream=stream)


def test_calls_return_at_once_and_events_order_threads() -> None:
    gate, done = threading.Event(), list[str]()
    with HostDevice() as device:
        frame, pinned = device.allocate(8, name="frame"), device.allocate_pinned(8, name="pinned")
        first, second = device.stream(name="first"), device.stream(name="second")
        written, read = device.event(name="written"), device.event(name="read")

        def write() -> None:
            assert gate.wait(60)
            device.view(whole(frame))[:] = 9
            done.append("write")

        device.run(write, reads=(), writes=(whole(frame),), stream=first, name="write")
        device.record(written, stream=first)
        device.wait(written, stream=second)
        device.copy(whole(pinned), whole(frame), stream=second)
        device.run(lambda: done.append("after"), reads=(), writes=(), stream=second, name="after")
        device.record(read, stream=second)
        assert not device.is_done(written)
        assert not device.is_done(read)
        assert done == []
        gate.set()
        device.synchronize(read)
        assert done == ["write", "after"]
        assert device.is_done(written)
        with device.reading(whole(pinned)) as array:
            assert array.tolist() == [9] * 8


def test_streams_run_at_the_same_time() -> None:
    both = threading.Barrier(2)
    with HostDevice() as device:
        streams = [device.stream(name=name) for name in ("first", "second")]
        for stream in streams:
            device.run(lambda: _meet(both), reads=(), writes=(), stream=stream, name="meet")
        for stream in streams:
            finish(device, stream)


def _meet(barrier: threading.Barrier) -> None:
    barrier.wait(60)


def test_a_loop_around_is_done_ends(device: HostDevice, stream: HostStream) -> None:
    event = device.event(name="end")
    device.run(lambda: None, reads=(), writes=(), stream=stream, name="work")
    device.record(event, stream=stream)
    while not device.is_done(event):
        pass


def test_elapsed_time_is_between_the_marks(device: HostDevice, stream: HostStream) -> None:
    start, end, plain = (
        device.event(name=name, timing=name != "plain") for name in ("start", "end", "plain")
    )
    device.record(start, stream=stream)
    device.run(lambda: None, reads=(), writes=(), stream=stream, name="work")
    device.record(end, stream=stream)
    device.record(plain, stream=stream)
    device.synchronize(plain)
    assert device.elapsed_s(start, end) > 0
    assert device.elapsed_s(end, start) == -device.elapsed_s(start, end)
    with pytest.raises(HazardError, match="'plain' is timed, but was made without"):
        device.elapsed_s(start, plain)


def test_time_before_the_mark_is_reached_is_refused() -> None:
    gate = threading.Event()
    with HostDevice() as device:
        stream, event = device.stream(name="work"), device.event(name="end", timing=True)
        device.run(lambda: _wait(gate), reads=(), writes=(), stream=stream, name="work")
        device.record(event, stream=stream)
        with pytest.raises(HazardError, match="'end' is timed before it is reached"):
            device.elapsed_s(event, event)
        gate.set()


def _wait(gate: threading.Event) -> None:
    assert gate.wait(60)


def test_a_failure_surfaces_when_synchronizing_and_stays(device: HostDevice, stream: HostStream) -> None:
    other, event, end = device.stream(name="other"), device.event(name="mark"), device.event(name="end")
    pinned, done = whole(device.allocate_pinned(8, name="pinned")), list[str]()
    device.run(lambda: done.append("before"), reads=(), writes=(), stream=stream, name="before")
    device.run(lambda: fail(ValueError("odd shape")), reads=(), writes=(), stream=stream, name="2a")
    device.record(event, stream=stream)
    device.wait(event, stream=other)
    for line in (stream, other):
        device.run(lambda: done.append("after"), reads=(), writes=(), stream=line, name="after")
    device.record(end, stream=other)
    with pytest.raises(
        EngineError, match=r"'2a' failed on stream 'work' \(ValueError: odd shape\)"
    ) as raised:
        device.synchronize(end)
    assert isinstance(raised.value.__cause__, ValueError)
    assert done == ["before"]
    calls: list[Callable[[], object]] = [
        lambda: device.synchronize(event),
        lambda: device.is_done(event),
        lambda: device.record(event, stream=stream),
        lambda: device.wait(event, stream=stream),
        lambda: device.run(lambda: None, reads=(), writes=(), stream=stream, name="next"),
        lambda: device.copy(pinned, pinned, stream=stream),
        lambda: device.reading(pinned).__enter__(),
        lambda: device.writing(pinned).__enter__(),
        lambda: device.capture(stream=stream),
        lambda: device.allocate(1, name="next"),
        lambda: device.stream(name="next"),
        lambda: device.event(name="next"),
    ]
    for call in calls:
        with pytest.raises(EngineError, match="odd shape"):
            call()


def test_our_own_errors_stay_what_they_are(device: HostDevice, stream: HostStream) -> None:
    error = InputError("clip.mkv: is too small; choose another")
    device.run(lambda: fail(error), reads=(), writes=(), stream=stream, name="2a")
    with pytest.raises(InputError) as raised:
        finish(device, stream)
    assert raised.value is error


def test_even_an_exit_in_work_leaves_nobody_waiting(device: HostDevice, stream: HostStream) -> None:
    device.run(lambda: fail(SystemExit(3)), reads=(), writes=(), stream=stream, name="2a")
    with pytest.raises(EngineError, match="SystemExit: 3"):
        finish(device, stream)


def test_buffers_can_be_closed_after_a_failure(device: HostDevice, stream: HostStream) -> None:
    buffer = device.allocate(8, name="frame")
    device.run(lambda: fail(ValueError()), reads=(), writes=(), stream=stream, name="2a")
    device.run(lambda: None, reads=(), writes=(whole(buffer),), stream=stream, name="2b")
    with pytest.raises(EngineError):
        finish(device, stream)
    buffer.close()
    assert buffer.array.size == 0


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_closing_ends_all_work_and_all_threads(schedule: str) -> None:
    before, done = set(threading.enumerate()), list[int]()
    device = HostDevice(SCHEDULES[schedule]())
    buffer = device.allocate(8, name="frame")
    streams = [device.stream(name=f"stream {n}") for n in range(3)]
    for n in range(30):
        device.run(lambda n=n: done.append(n), reads=(), writes=(), stream=streams[n % 3], name="work")  # type: ignore[misc]
    device.close()
    device.close()
    assert sorted(done) == list(range(30))
    assert set(threading.enumerate()) <= before
    assert buffer.array.size == 0
    with pytest.raises(EngineError, match="device 'cpu' is closed"):
        device.allocate(8, name="frame")


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_closing_tells_of_a_failure_that_nobody_saw(schedule: str) -> None:
    before = set(threading.enumerate())
    device = HostDevice(SCHEDULES[schedule]())
    stream = device.stream(name="work")
    device.run(lambda: fail(ValueError("odd shape")), reads=(), writes=(), stream=stream, name="2a")
    with pytest.raises(EngineError, match="odd shape"):
        device.close()
    assert set(threading.enumerate()) <= before


def test_the_blocks_own_error_comes_first() -> None:
    with pytest.raises(KeyError, match="mine"), HostDevice() as device:
        stream = device.stream(name="work")
        device.run(lambda: fail(ValueError("odd shape")), reads=(), writes=(), stream=stream, name="2a")
        raise KeyError("mine")


def test_memory_is_given_back_while_threads_idle() -> None:
    with HostDevice() as device:
        stream, buffer = device.stream(name="work"), device.allocate(1000, name="frame")
        device.run(lambda: None, reads=(), writes=(whole(buffer),), stream=stream, name="fill")
        pinned = device.allocate_pinned(1000, name="out")
        device.copy(whole(pinned), whole(buffer), stream=stream)
        finish(device, stream)
        owner = buffer.array.base
        assert isinstance(owner, np.ndarray)
        buffer.close()
        finish(device, stream)  # the thread has let go of the copy once it has taken this
        gc.collect()
        assert not [each for each in gc.get_referrers(owner) if isinstance(each, np.ndarray)]


def test_things_of_another_device_are_refused(device: HostDevice, stream: HostStream) -> None:
    with HostDevice() as other:
        buffer, event = other.allocate_pinned(8, name="theirs"), other.event(name="their event")
        with pytest.raises(EngineError, match="'theirs' was made by another device"):
            device.copy(whole(buffer), whole(buffer), stream=stream)
        with pytest.raises(EngineError, match="'their event' was made by another device"):
            device.record(event, stream=stream)
        with pytest.raises(EngineError, match="'work' was made by another device"):
            other.copy(whole(buffer), whole(buffer), stream=stream)
