"""A session by itself gives what the pipeline would, and is timed by the device's own events."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.runtime.devices.cuda_fake import FakeDriver
from tests.runtime.media import INFO, expected_rgba, picture, stage_graph
from trt_anime.errors import EngineError, InputError
from trt_anime.runtime.devices.api import CpuDevice, Device, Shape, Stream, Tensor
from trt_anime.runtime.devices.clock import SimulatedClock
from trt_anime.runtime.devices.cuda_device import CudaDevice
from trt_anime.runtime.devices.cuda_driver import load_driver
from trt_anime.runtime.devices.host import HostDevice
from trt_anime.runtime.devices.latencies import Latencies
from trt_anime.runtime.devices.null import NullDevice
from trt_anime.runtime.sessions.api import Binding, Origin
from trt_anime.runtime.sessions.bindings import BoundSession
from trt_anime.runtime.sessions.ort_cpu import OrtCpuSession
from trt_anime.runtime.sessions.running import Running
from trt_anime.runtime.sessions.timing import timed_session

BYTE = np.dtype(np.uint8)
SHAPES = {"frame": (1, 48, 64, 3)}


class Inverting(BoundSession):
    """`frame` inverted, by way of scratch memory.

    Attributes:
        names: what its runs are called on the device, in turn; the last one goes on.
        enqueued: how often it was.
    """

    parallel, threads_per_run = 1, 0
    why_not_captured: str | None = None

    def __init__(self, device: CpuDevice, *names: str) -> None:
        shape = ("batch", "height", "width", 3)
        super().__init__(
            name="invert",
            source="invert",
            info=INFO,
            origin=Origin(None, "", "none", "none", "none"),
            inputs=[Binding("frame", BYTE, shape)],
            outputs=[Binding("inverted", BYTE, shape)],
        )
        self._device, self.names, self.enqueued = device, list(names or ["invert"]), 0

    def scratch_bytes(self, inputs: Mapping[str, Shape]) -> int:
        return int(np.prod(inputs["frame"]))

    def own_bytes(self, inputs: Mapping[str, Shape]) -> int:
        return 0

    def enqueue(self, tensors: Mapping[str, Tensor], *, stream: Stream, scratch: Tensor | None) -> None:
        assert scratch is not None
        frame, inverted = tensors["frame"], tensors["inverted"]

        def work() -> None:
            room = self._device.view(scratch)
            room[:] = ~self._device.view(frame).ravel()
            self._device.view(inverted)[...] = room.reshape(frame.shape)

        self.enqueued += 1
        name = self.names.pop(0) if len(self.names) > 1 else self.names[0]
        self._device.run(work, reads=[frame], writes=[scratch, inverted], stream=stream, name=name)

    def close(self) -> None: ...


def frame(index: int) -> dict[str, Any]:
    return {"frame": picture(index)[None]}


def test_a_graph_on_the_cpu(tmp_path: Path) -> None:
    graph = stage_graph(tmp_path / "g.onnx")
    with (
        HostDevice() as device,
        OrtCpuSession(graph, device, threads=1, name="2a") as session,
        Running(session, device, SHAPES) as running,
    ):
        found = [running(frame(index)) for index in range(4)]  # the third is replayed
        for index, outputs in enumerate(found):
            np.testing.assert_array_equal(outputs["rgba"][0], expected_rgba(picture(index)))
        assert running.seconds(warm_up=1, repeats=3) > 0


def test_scratch_memory_is_given_and_work_is_replayed() -> None:
    with HostDevice() as device:
        session = Inverting(device)
        with Running(session, device, SHAPES) as running:
            for index in range(4):
                np.testing.assert_array_equal(running(frame(index))["inverted"], ~frame(index)["frame"])
        assert session.enqueued == 2  # as it is, and captured
        assert device.memory().free and not device._buffers


def test_without_a_graph() -> None:
    """What says that it can't be captured isn't; what fails in a capture runs on without."""
    with HostDevice() as device:
        session = Inverting(device)
        session.why_not_captured = "has its own stream"
        with Running(session, device, SHAPES) as running:
            for index in range(3):
                running(frame(index))
        assert session.enqueued == 3

        class Recording(Inverting):
            def enqueue(self, tensors: Any, *, stream: Stream, scratch: Tensor | None) -> None:
                super().enqueue(tensors, stream=stream, scratch=scratch)
                device.record(device.event(name="mine"), stream=stream)  # can't be captured on this device

        session = Recording(device)
        with Running(session, device, SHAPES) as running:
            for index in range(4):
                np.testing.assert_array_equal(running(frame(index))["inverted"], ~frame(index)["frame"])
        assert session.enqueued == 5


def test_seconds_are_the_median_after_warm_up() -> None:
    clock = SimulatedClock()
    seconds = {"cold": 9.0, "slow": 0.5, "usual": 0.25}
    with NullDevice(Latencies(seconds_per_run=seconds), clock) as device:
        session = Inverting(device, "usual", "cold", "cold", "slow", "usual")
        session.why_not_captured = "its runs differ"
        running = Running(session, device, SHAPES)
        running(frame(0))
        assert running.seconds(warm_up=2, repeats=3) == 0.25
        assert session.enqueued == 6


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ({}, r"inputs are \['frame'\], but arrays came for \[\]"),
        (
            {"frame": np.zeros((1, 48, 1, 3), np.uint8)},
            r"`frame` is uint8 \(1, 48, 64, 3\), but here uint8",
        ),
        ({"frame": np.zeros((1, 48, 64, 3), np.float32)}, "but here float32"),
    ],
)
def test_inputs_that_are_none(inputs: dict[str, Any], words: str) -> None:
    with (
        HostDevice() as device,
        Running(Inverting(device), device, SHAPES) as running,
        pytest.raises(ValueError, match=words),
    ):
        running(inputs)


def test_shapes_that_the_session_refuses(tmp_path: Path) -> None:
    graph = stage_graph(tmp_path / "g.onnx", side=64)
    with (
        HostDevice() as device,
        OrtCpuSession(graph, device, threads=1, name="2a") as session,
        pytest.raises(InputError, match="does not fit"),
    ):
        Running(session, device, SHAPES)


def test_a_run_that_fails() -> None:
    class Failing(Inverting):
        def enqueue(self, tensors: Any, *, stream: Stream, scratch: Tensor | None) -> None:
            def fail() -> None:
                raise EngineError("out of order")

            device.run(fail, reads=[], writes=list(tensors.values())[1:], stream=stream, name="x")

    with (
        pytest.raises(EngineError, match="out of order"),
        HostDevice() as device,
        Running(Failing(device), device, SHAPES) as running,
    ):
        running(frame(0))


def test_on_cuda_everything_but_the_device_is_freed() -> None:
    fake = FakeDriver()
    with CudaDevice(driver=load_driver(fake)) as device:
        session = CopySession(device)
        with Running(session, device, SHAPES) as running:
            for index in range(3):
                np.testing.assert_array_equal(running(frame(index))["copy"], frame(index)["frame"])
            assert running.seconds(warm_up=0, repeats=3) > 0
            assert [name for name, _ in fake.calls].count("cuGraphLaunch") == 5
        assert not fake.memory and not fake.runnable
    assert fake.left == 0


class CopySession(Inverting):
    """Its work is a copy on the device, which CUDA's double does."""

    def __init__(self, device: Device) -> None:
        super().__init__(device)  # type: ignore[arg-type]
        self.outputs = (Binding("copy", BYTE, ("batch", "height", "width", 3)),)

    def scratch_bytes(self, inputs: Mapping[str, Shape]) -> int:
        return 0

    def enqueue(self, tensors: Mapping[str, Tensor], *, stream: Stream, scratch: Tensor | None) -> None:
        self._device.copy(tensors["copy"], tensors["frame"], stream=stream)


def test_timed_sessions(tmp_path: Path) -> None:
    graph = stage_graph(tmp_path / "g.onnx")
    with timed_session(graph, "onnxruntime", frame(0)) as run:
        for _ in range(3):
            run()
