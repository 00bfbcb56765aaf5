"""Captured work on `host` and `null`: what a graph takes, what it refuses, and what it does later."""

import threading
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from trt_anime.errors import EngineError
from trt_anime.runtime.devices.api import CpuDevice, Graph, Tensor
from trt_anime.runtime.devices.clock import SimulatedClock
from trt_anime.runtime.devices.hazards import HazardError
from trt_anime.runtime.devices.host import HostDevice
from trt_anime.runtime.devices.latencies import Latencies
from trt_anime.runtime.devices.null import NullDevice

U8 = np.dtype(np.uint8)


@pytest.fixture(params=["host", "null"])
def device(request: pytest.FixtureRequest) -> Iterator[CpuDevice]:
    with HostDevice() if request.param == "host" else NullDevice(clock=SimulatedClock()) as device:
        yield device


def pinned(device: CpuDevice, name: str) -> Tensor:
    tensor = Tensor(device.allocate_pinned(8, name=name), (8,), U8)
    with device.writing(tensor) as array:
        array[:] = 1
    return tensor


def finish(device: CpuDevice, name: str = "work") -> None:
    stream, event = device.stream(name=name), device.event(name="end")
    device.record(event, stream=stream)
    device.synchronize(event)


def test_runs_at_each_launch_and_not_before() -> None:
    with HostDevice() as device:
        frame, out = pinned(device, "frame"), pinned(device, "out")
        stream, end = device.stream(name="work"), device.event(name="end")

        def double() -> None:
            device.view(frame)[:] *= 2

        with device.capture(stream=stream) as made:
            device.run(double, reads=(frame,), writes=(frame,), stream=stream, name="double")
            device.copy(out, frame, stream=stream)
        graph = made()
        for expected in (2, 4, 8):
            graph.launch(stream=stream)
            device.record(end, stream=stream)
            device.synchronize(end)
            with device.reading(out) as array:
                assert array.tolist() == [expected] * 8


def test_takes_its_time_at_each_launch() -> None:
    latencies = Latencies(copy_in_bytes_per_s=8, seconds_per_run={"2a": 2.0})
    with NullDevice(latencies, SimulatedClock()) as device:
        frame = Tensor(device.allocate(8, name="frame"), (8,), U8)
        stream, source, end = device.stream(name="work"), pinned(device, "in"), device.event(name="end")
        with device.capture(stream=stream) as made:
            device.copy(frame, source, stream=stream)
            device.run(lambda: None, reads=(frame,), writes=(), stream=stream, name="2a")
        graph = made()
        for _ in range(2):
            graph.launch(stream=stream)
        device.record(end, stream=stream)
        device.synchronize(end)
        assert device.clock.now_s == 6.0


def test_order_is_checked_at_each_launch() -> None:
    with HostDevice() as device:
        frame, out = pinned(device, "frame"), pinned(device, "out")
        first, second, done = (
            device.stream(name="first"),
            device.stream(name="second"),
            device.event(name="done"),
        )
        with device.capture(stream=first) as made:
            device.copy(out, frame, stream=first)
        graph = made()
        graph.launch(stream=first)
        device.record(done, stream=first)
        with pytest.raises(HazardError, match="on stream 'second' writes bytes 0 to 8 of 'out'"):
            graph.launch(stream=second)
        device.wait(done, stream=second)
        graph.launch(stream=second)
        with pytest.raises(HazardError, match="the host writes"), device.writing(frame):
            pass


def test_a_graph_of_closed_memory() -> None:
    with HostDevice() as device:
        frame, out = pinned(device, "frame"), pinned(device, "out")
        stream = device.stream(name="work")
        with device.capture(stream=stream) as made:
            device.copy(out, frame, stream=stream)
        frame.buffer.close()
        with pytest.raises(HazardError, match="'frame', which is closed"):
            made().launch(stream=stream)


Act = Callable[[CpuDevice, Graph, Tensor], object]
REFUSED: dict[str, Act] = {
    "'copy of frame to frame' can't be put on stream 'other'": lambda device, graph, tensor: device.copy(
        tensor, tensor, stream=device.stream(name="other")
    ),
    "event 'new' can't be recorded": lambda device, graph, tensor: device.record(
        device.event(name="new"), stream=device.stream(name="other")
    ),
    "event 'new' can't be waited for": lambda device, graph, tensor: device.wait(
        device.event(name="new"), stream=device.stream(name="other")
    ),
    "event 'new' can't be synchronized on": lambda device, graph, tensor: device.synchronize(
        device.event(name="new")
    ),
    "event 'new' can't be asked for": lambda device, graph, tensor: device.is_done(
        device.event(name="new")
    ),
    "'new' can't be allocated": lambda device, graph, tensor: device.allocate(8, name="new"),
    "'pin' can't be allocated": lambda device, graph, tensor: device.allocate_pinned(8, name="pin"),
    "a graph can't be launched": lambda device, graph, tensor: graph.launch(
        stream=device.stream(name="other")
    ),
    "a capture of stream 'other' can't begin": lambda device, graph, tensor: device.capture(
        stream=device.stream(name="other")
    ).__enter__(),
}


@pytest.mark.parametrize("message", REFUSED)
@pytest.mark.parametrize("swallowed", [False, True])
def test_what_cannot_be_captured(device: CpuDevice, message: str, swallowed: bool) -> None:
    stream, frame = device.stream(name="work"), pinned(device, "frame")
    with device.capture(stream=stream) as made:
        pass
    graph = made()
    with (
        pytest.raises(EngineError, match=f"{message}.* while stream 'work' is captured"),
        device.capture(stream=stream),
    ):
        try:
            REFUSED[message](device, graph, frame)
        except EngineError:
            if not swallowed:
                raise
    device.copy(frame, frame, stream=stream)  # the stream is usable again
    finish(device)


def test_an_error_in_the_block_leaves_the_stream_usable(device: CpuDevice) -> None:
    stream, frame = device.stream(name="work"), pinned(device, "frame")
    with pytest.raises(ZeroDivisionError), device.capture(stream=stream):
        raise ZeroDivisionError
    event = device.event(name="end")
    device.copy(frame, frame, stream=stream)
    device.record(event, stream=stream)
    device.synchronize(event)


def test_the_graph_is_there_after_the_block(device: CpuDevice) -> None:
    stream = device.stream(name="work")
    with device.capture(stream=stream) as made, pytest.raises(EngineError, match="leave the block first"):
        made()
    graph = made()
    graph.launch(stream=stream)
    graph.close()
    graph.close()
    with pytest.raises(EngineError, match="once it is closed"):
        graph.launch(stream=stream)


def test_other_threads_go_on_but_not_on_the_captured_stream(device: CpuDevice) -> None:
    captured, other, frame = (
        device.stream(name="work"),
        device.stream(name="other"),
        pinned(device, "frame"),
    )
    errors: list[Exception] = []

    def elsewhere() -> None:
        event = device.event(name="end")
        device.copy(frame, frame, stream=other)
        device.record(event, stream=other)
        device.synchronize(event)
        acts: list[Callable[[], None]] = [
            lambda: device.copy(frame, frame, stream=captured),
            lambda: device.record(event, stream=captured),
            lambda: device.wait(event, stream=captured),
        ]
        for act in acts:
            try:
                act()
            except EngineError as error:
                errors.append(error)

    thread = threading.Thread(target=elsewhere)
    with (
        pytest.raises(EngineError, match="while stream 'work' is captured"),
        device.capture(stream=captured),
    ):
        thread.start()
        thread.join()
    assert len(errors) == 3
