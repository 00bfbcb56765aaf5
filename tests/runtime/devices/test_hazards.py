"""What the `host` device objects to, and in which words. That it finds all of it: see test_oracle."""

from collections.abc import Iterator

import numpy as np
import pytest

from trt_anime.errors import EngineError
from trt_anime.runtime.devices.api import Tensor
from trt_anime.runtime.devices.hazards import Checker, HazardError, Region, Span
from trt_anime.runtime.devices.host import HostBuffer, HostDevice, HostStream
from trt_anime.runtime.devices.schedule import Seeded


@pytest.fixture
def device() -> Iterator[HostDevice]:
    """Nothing runs before somebody waits for it."""
    with HostDevice(Seeded(lambda count: 0)) as device:
        yield device


@pytest.fixture
def first(device: HostDevice) -> HostStream:
    return device.stream(name="first")


@pytest.fixture
def second(device: HostDevice) -> HostStream:
    return device.stream(name="second")


def whole(buffer: HostBuffer) -> Tensor:
    return Tensor(buffer, (buffer.size_bytes,), np.dtype(np.uint8))


def part(buffer: HostBuffer, start: int, end: int) -> Tensor:
    return Tensor(buffer, (end - start,), np.dtype(np.uint8), start)


def nothing() -> None:
    pass


def filled(device: HostDevice, name: str, size_bytes: int = 8) -> HostBuffer:
    """Pinned memory that the host has written."""
    buffer = device.allocate_pinned(size_bytes, name=name)
    with device.writing(whole(buffer)) as array:
        array[:] = 7
    return buffer


def test_a_hazard_is_an_engine_error_that_asks_to_be_reported() -> None:
    error = HazardError("something is out of order")
    assert isinstance(error, EngineError)
    assert error.exit_code == 1
    assert "please report it" in str(error)


def test_names_both_operations_streams_and_the_buffer(
    device: HostDevice, first: HostStream, second: HostStream
) -> None:
    frame = whole(device.allocate(8, name="slot 0 frame"))
    device.run(nothing, reads=(), writes=(frame,), stream=first, name="decode")
    with pytest.raises(
        HazardError,
        match=r"'2a' on stream 'second' reads bytes 0 to 8 of 'slot 0 frame' while 'decode' on stream "
        r"'first' may still write there: no event orders the two",
    ):
        device.run(nothing, reads=(frame,), writes=(), stream=second, name="2a")


@pytest.mark.parametrize("early", ["read", "write"])
@pytest.mark.parametrize("late", ["read", "write"])
@pytest.mark.parametrize("cure", ["none", "wait", "synchronize", "is_done"])
def test_two_streams(
    device: HostDevice, first: HostStream, second: HostStream, early: str, late: str, cure: str
) -> None:
    frame = whole(filled(device, "frame"))
    event = device.event(name="early is over")
    reads, writes = ((frame,), ()) if early == "read" else ((), (frame,))
    device.run(nothing, reads=reads, writes=writes, stream=first, name="early")
    device.record(event, stream=first)
    if cure == "wait":
        device.wait(event, stream=second)
    elif cure == "synchronize":
        device.synchronize(event)
    elif cure == "is_done":
        while not device.is_done(event):
            pass
    reads, writes = ((frame,), ()) if late == "read" else ((), (frame,))

    def submit() -> None:
        device.run(nothing, reads=reads, writes=writes, stream=second, name="late")

    if cure == "none" and "write" in (early, late):
        with pytest.raises(HazardError, match=f"{late}s bytes .* may still {early} there"):
            submit()
    else:
        submit()


def test_an_event_recorded_too_early_orders_nothing(
    device: HostDevice, first: HostStream, second: HostStream
) -> None:
    frame = whole(device.allocate(8, name="frame"))
    event = device.event(name="too early")
    device.record(event, stream=first)
    device.run(nothing, reads=(), writes=(frame,), stream=first, name="early")
    device.wait(event, stream=second)
    with pytest.raises(HazardError, match="no event orders"):
        device.run(nothing, reads=(frame,), writes=(), stream=second, name="late")


def test_a_wait_means_the_mark_of_its_moment(
    device: HostDevice, first: HostStream, second: HostStream
) -> None:
    frame = whole(device.allocate(8, name="frame"))
    event = device.event(name="again and again")
    device.record(event, stream=first)
    device.wait(event, stream=second)
    device.run(nothing, reads=(), writes=(frame,), stream=first, name="early")
    device.record(event, stream=first)
    with pytest.raises(HazardError, match="no event orders"):
        device.run(nothing, reads=(frame,), writes=(), stream=second, name="late")
    device.wait(event, stream=second)
    device.run(nothing, reads=(frame,), writes=(), stream=second, name="late")


def test_a_refused_operation_has_not_happened(
    device: HostDevice, first: HostStream, second: HostStream
) -> None:
    frame, other = whole(device.allocate(8, name="frame")), whole(device.allocate(8, name="other"))
    done: list[str] = []
    device.run(lambda: done.append("early"), reads=(), writes=(frame,), stream=first, name="early")
    with pytest.raises(HazardError):
        device.run(lambda: done.append("late"), reads=(frame,), writes=(other,), stream=second, name="late")
    with pytest.raises(HazardError, match="of 'other', of which nobody wrote every one"):
        device.run(nothing, reads=(other,), writes=(), stream=second, name="later")
    device.close()
    assert done == ["early"]


def test_halves_of_a_buffer_are_apart(device: HostDevice, first: HostStream, second: HostStream) -> None:
    buffer = device.allocate(8, name="arena")
    device.run(nothing, reads=(), writes=(part(buffer, 0, 4),), stream=first, name="left")
    device.run(nothing, reads=(), writes=(part(buffer, 4, 8),), stream=second, name="right")
    with pytest.raises(HazardError, match="'left' on stream 'first'"):
        device.run(nothing, reads=(part(buffer, 3, 5),), writes=(), stream=second, name="across")


def test_the_host_looks_too_early(device: HostDevice, first: HostStream) -> None:
    source, target = filled(device, "source"), filled(device, "target")
    device.copy(whole(target), whole(source), stream=first)
    with (
        pytest.raises(HazardError, match=r"the host reads .*'copy of source to target' on stream 'first'"),
        device.reading(whole(target)),
    ):
        pass
    with (
        pytest.raises(HazardError, match=r"the host writes .* of 'source' while .* may still read there"),
        device.writing(whole(source)),
    ):
        pass
    with device.reading(whole(source)) as array:  # two readers are no conflict
        assert array.tolist() == [7] * 8


def test_work_within_the_hosts_block(device: HostDevice, first: HostStream) -> None:
    frame, other = filled(device, "frame"), filled(device, "other")
    with device.writing(whole(frame)):
        with pytest.raises(HazardError, match=r"reads .* of 'frame' within a block where the host writes"):
            device.copy(whole(other), whole(frame), stream=first)
        with (
            pytest.raises(HazardError, match=r"the host reads .* within a block"),
            device.reading(whole(frame)),
        ):
            pass
    with device.reading(whole(frame)), device.reading(part(frame, 0, 2)):
        device.copy(whole(other), whole(frame), stream=first)
        with pytest.raises(HazardError, match=r"writes .* of 'frame' within a block where the host reads"):
            device.copy(whole(frame), whole(other), stream=first)
    device.copy(whole(frame), whole(other), stream=first)


def test_the_host_may_not_look_at_device_memory(device: HostDevice) -> None:
    buffer = device.allocate(8, name="frame")
    for block in (device.reading, device.writing):
        with pytest.raises(HazardError, match="'frame', which is device memory"), block(whole(buffer)):
            pass


def test_bytes_that_nobody_wrote(device: HostDevice, first: HostStream) -> None:
    frame, copied = device.allocate_pinned(8, name="frame"), device.allocate(8, name="copied")
    with device.writing(part(frame, 0, 3)), device.writing(part(frame, 5, 8)):
        pass
    with pytest.raises(
        HazardError, match=r"reads bytes 0 to 8 of 'frame', of which nobody wrote every one"
    ):
        device.copy(whole(copied), whole(frame), stream=first)
    with pytest.raises(HazardError, match="the host reads bytes 2 to 4"), device.reading(part(frame, 2, 4)):
        pass
    with device.writing(part(frame, 3, 5)):
        pass
    device.copy(whole(copied), whole(frame), stream=first)


def test_a_block_that_failed_has_written_nothing(device: HostDevice) -> None:
    frame = device.allocate_pinned(8, name="frame")
    with pytest.raises(ZeroDivisionError), device.writing(whole(frame)):
        raise ZeroDivisionError
    with pytest.raises(HazardError, match="nobody wrote"), device.reading(whole(frame)):
        pass


@pytest.mark.parametrize("action", ["wait", "synchronize", "is_done", "elapsed_s"])
def test_events_that_were_never_recorded(device: HostDevice, first: HostStream, action: str) -> None:
    event = device.event(name="slot 1 free", timing=True)
    with pytest.raises(HazardError, match="event 'slot 1 free', which was never recorded"):
        match action:
            case "wait":
                device.wait(event, stream=first)
            case "synchronize":
                device.synchronize(event)
            case "is_done":
                device.is_done(event)
            case "elapsed_s":
                device.elapsed_s(event, event)


def test_closing_a_buffer_in_use(device: HostDevice, first: HostStream) -> None:
    frame, event = filled(device, "frame"), device.event(name="read")
    device.run(nothing, reads=(whole(frame),), writes=(), stream=first, name="2a")
    device.record(event, stream=first)
    with pytest.raises(
        HazardError, match=r"'frame' is closed while '2a' on stream 'first' may still use it"
    ):
        frame.close()
    device.synchronize(event)
    with device.reading(whole(frame)), pytest.raises(HazardError, match="closed within a block"):
        frame.close()
    frame.close()
    frame.close()


def test_using_a_closed_buffer(device: HostDevice, first: HostStream) -> None:
    frame, other = filled(device, "frame"), filled(device, "other")
    frame.close()
    with pytest.raises(HazardError, match="'frame', which is closed"):
        device.run(nothing, reads=(whole(frame),), writes=(), stream=first, name="2a")
    with pytest.raises(HazardError, match="'frame' is used after it was closed"):
        device.copy(whole(other), whole(frame), stream=first)
    with pytest.raises(HazardError, match="closed"), device.reading(whole(frame)):
        pass


def test_work_that_looks_at_what_it_did_not_name(device: HostDevice, first: HostStream) -> None:
    frame, other = filled(device, "frame"), filled(device, "other")
    event = device.event(name="end")

    def work() -> None:
        assert device.view(part(frame, 2, 4)).tolist() == [7, 7]
        device.view(part(other, 0, 5))

    device.run(work, reads=(whole(frame),), writes=(part(other, 0, 4),), stream=first, name="2a")
    device.record(event, stream=first)
    with pytest.raises(HazardError, match=r"'2a' looks at bytes 0 to 5 of 'other', which it named neither"):
        device.synchronize(event)


def test_the_host_may_view_anything_once_work_has_ended(device: HostDevice, first: HostStream) -> None:
    frame, other, event = filled(device, "frame"), filled(device, "other"), device.event(name="end")
    device.run(nothing, reads=(whole(frame),), writes=(), stream=first, name="2a")
    device.record(event, stream=first)
    device.synchronize(event)
    assert device.view(whole(other)).tolist() == [7] * 8


def test_timing_tells_the_host_that_work_has_ended() -> None:
    with HostDevice(Seeded(lambda count: count - 1)) as device:  # eager: work runs when it is submitted
        stream, event = device.stream(name="work"), device.event(name="end", timing=True)
        frame = filled(device, "frame")
        device.run(nothing, reads=(whole(frame),), writes=(), stream=stream, name="2a")
        device.record(event, stream=stream)
        with pytest.raises(HazardError, match="'frame' is closed while '2a'"):
            frame.close()
        assert device.elapsed_s(event, event) == 0
        frame.close()


def test_forgets_what_can_no_longer_conflict() -> None:
    checker, region = Checker(), Region("frame")
    lines = [checker.line(f"line {n}") for n in range(3)]
    whole, left = Span(region, 0, 8), Span(region, 0, 4)
    for _ in range(5):
        checker.submit(lines[0], "write", (), (whole,))
    assert len(region.accesses) == 1
    checker.wait(lines[1], checker.mark(lines[0]))
    for _ in range(5):
        checker.submit(lines[1], "read", (left,), ())
    assert [(old.start, old.end, old.writes) for old in region.accesses] == [(0, 8, True), (0, 4, False)]
    checker.wait(lines[2], checker.mark(lines[1]))
    checker.submit(lines[2], "write", (), (left,))
    assert [(old.start, old.end) for old in region.accesses] == [(4, 8), (0, 4)]
    checker.host_knows(checker.mark(lines[2]))
    checker.submit(lines[0], "read", (Span(region, 0, 1),), ())
    assert [(old.who, old.start, old.end) for old in region.accesses] == [("read", 0, 1)]
    assert region.written == [(0, 8)]
