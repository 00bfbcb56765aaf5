"""Every frame comes out once, right and in time, whatever the depth, the batch and the order of things."""

import random
import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.runtime.pipeline.fakes import (
    EveryFrame,
    FakeSession,
    MemorySegment,
    MemorySink,
    frames,
    invert,
    node,
    pixels,
)
from tests.runtime.pipeline.flows import Ran, flow
from trt_anime.errors import EngineError, OutputError, TrtAnimeError
from trt_anime.runtime.devices.host import HostDevice
from trt_anime.runtime.devices.schedule import Seeded
from trt_anime.runtime.media.frames import Frame, Pixels


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


def seeded(seed: int) -> HostDevice:
    return HostDevice(Seeded(random.Random(seed).randrange))


def test_every_frame_is_written_once_with_its_own_result() -> None:
    sink = MemorySink()
    with HostDevice() as device:
        ran = flow(device, [node(device, "2a")], [sink], count=20)
    assert sorted(sink.pictures) == list(range(20))
    for index, layers in sink.pictures.items():
        np.testing.assert_array_equal(layers["layer 2a"], invert(frame=pixels(index)))
    assert [index for kind, index in sink.log if kind == "write"] == list(range(20))
    assert ran.tally.frames == ran.tally.computed == sum(ran.advanced) == 20
    assert ran.tally.stage_s["2a"] > 0


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    depth=st.integers(1, 4),
    batch=st.integers(1, 3),
    lanes=st.integers(1, 2),
    hold=st.integers(1, 3),
    scratch=st.sampled_from([0, 64]),
    captured=st.booleans(),
)
def test_any_interleaving_gives_the_same(
    seed: int, depth: int, batch: int, lanes: int, hold: int, scratch: int, captured: bool
) -> None:
    """Two stages from the frame, one from both; the host device fails on any order left open."""
    ordered, free = MemorySink(("layer 2a", "layer 3")), MemorySink(("layer 1",), in_order=False)
    reason = None if captured else "for this test"
    options: dict[str, Any] = {"scratch": scratch, "why_not_captured": reason}
    with seeded(seed) as device:
        nodes = [
            node(device, "1", **options),
            node(device, "2a", **options),
            node(device, "3", {"a": "1.rgba", "b": "2a.rgba"}, compute=_sum, **options),
        ]
        flow(device, nodes, [ordered, free], count=11, hold=hold, depth=depth, batch=batch, lanes=lanes)
    for index in range(11):
        first = invert(frame=pixels(index // hold))
        np.testing.assert_array_equal(ordered.pictures[index]["layer 2a"], first)
        np.testing.assert_array_equal(free.pictures[index]["layer 1"], first)
        np.testing.assert_array_equal(ordered.pictures[index]["layer 3"], _sum(first, first))


def _sum(a: Pixels, b: Pixels) -> Pixels:
    return np.add(a, b)


def test_held_frames_are_computed_once_and_written_at_every_place() -> None:
    sink = MemorySink()
    with HostDevice() as device:
        work = node(device, "2a", why_not_captured="every run is counted here")
        ran = flow(device, [work], [sink], count=24, hold=3, segment_frames=8)
    assert sorted(sink.pictures) == list(range(24))
    for index, layers in sink.pictures.items():
        np.testing.assert_array_equal(layers["layer 2a"], invert(frame=pixels(index // 3)))
    # Nothing is reused across segments, which begin at 8 and 16 in the middle of a hold.
    assert ran.tally.computed == 8 + 2
    assert isinstance(work.session, FakeSession)
    assert len(work.session.runs) == 8 + 2


def test_segments_hold_their_stamps_and_facts() -> None:
    sinks = [MemorySink(), MemorySink(in_order=False)]
    with HostDevice() as device:
        ran = flow(
            device,
            [node(device, "2a")],
            sinks,
            count=20,
            hold=2,
            look_ahead=EveryFrame(shots=[0, 10]),
            segment_frames=8,
        )
    assert [(s.number, len(s.stamps), s.computed, s.shots) for s in ran.segments] == [
        (0, 8, 4, (0,)),
        (1, 8, 4, (10,)),
        (2, 4, 2, ()),
    ]
    stamps = [stamp for segment in ran.segments for stamp in segment.stamps]
    assert [stamp.index for stamp in stamps] == list(range(20))
    assert [stamp.pts for stamp in stamps] == [1001 * index for index in range(20)]
    assert [len(piece) for segment in ran.segments for piece in segment.pieces] == [1] * 6
    for sink in sinks:
        assert [number for kind, number in sink.log if kind == "close"] == [0, 1, 2]


def test_a_run_may_begin_at_any_segment() -> None:
    sink = MemorySink()
    with HostDevice() as device:
        ran = flow(device, [node(device, "2a")], [sink], source=frames(20, start=8))
    assert [segment.number for segment in ran.segments] == [1, 2]
    assert sorted(sink.pictures) == list(range(8, 20))


@pytest.mark.parametrize("fixed", [None, 3])
def test_a_last_batch_that_is_not_full(fixed: int | None) -> None:
    sink = MemorySink()
    with HostDevice() as device:
        work = node(device, "2a", fixed_batch=fixed)
        flow(device, [work], [sink], count=20, batch=3)
    for index in range(20):
        np.testing.assert_array_equal(sink.pictures[index]["layer 2a"], invert(frame=pixels(index)))
    assert isinstance(work.session, FakeSession)
    # Segments of 8, 8 and 4 frames in batches of 3.
    assert set(work.session.runs) == ({3} if fixed else {3, 2, 1})


def test_graphs_are_used_from_the_third_time_on_and_a_refusal_is_told_once() -> None:
    with HostDevice() as device:
        works = [node(device, "2a"), node(device, "2b", why_not_captured="ONNX Runtime has its own")]
        ran = flow(device, works, [MemorySink()], count=40, depth=2)
    first, second = (work.session for work in works)
    assert isinstance(first, FakeSession) and isinstance(second, FakeSession)
    # In each of two slots: as it is, then into the graph; all else is replayed.
    assert len(first.runs) == 4
    assert len(second.runs) == 40
    assert ran.notices == ["stage 2b runs without a CUDA graph: ONNX Runtime has its own"]


def broken(count: int) -> Iterator[Frame]:
    yield from frames(count)
    raise TrtAnimeError("the clip breaks off")


@pytest.mark.parametrize("batch", [1, 4])
def test_frames_before_a_broken_one_are_finished(batch: int) -> None:
    sink, ran = MemorySink(), Ran()
    with HostDevice() as device, pytest.raises(TrtAnimeError, match="breaks off"):
        flow(device, [node(device, "2a")], [sink], source=broken(13), batch=batch, into=ran)
    assert [len(segment.stamps) for segment in ran.segments] == [8, 5]
    assert sorted(sink.pictures) == list(range(13))


def fail_at(limit: int) -> MemorySink:
    def on_write(index: int) -> None:
        if index >= limit:
            raise OutputError("disk full")

    return MemorySink(on_write=on_write)


@pytest.mark.parametrize("in_order", [True, False])
@pytest.mark.parametrize("depth", [1, 3])
def test_a_failing_sink_ends_the_run_and_keeps_finished_segments(in_order: bool, depth: int) -> None:
    failing, ran = fail_at(9), Ran()
    failing.in_order = in_order
    other = MemorySink()
    with HostDevice() as device, pytest.raises(OutputError, match="disk full"):
        flow(device, [node(device, "2a")], [other, failing], count=10_000, depth=depth, into=ran)
    assert [segment.number for segment in ran.segments] == [0]
    assert ("abandon", 1) in failing.log and ("abandon", 1) in other.log


def test_a_failing_stage_ends_the_run() -> None:
    def compute(frame: Pixels) -> Pixels:
        if (frame[0] == pixels(12)).all():
            raise EngineError("the device is gone")
        return invert(frame=frame)

    sink, ran = MemorySink(), Ran()
    with HostDevice() as device, pytest.raises(EngineError, match="the device is gone"):
        flow(device, [node(device, "2a", compute=compute)], [sink], count=10_000, into=ran)
    kept = [stamp.index for segment in ran.segments for stamp in segment.stamps]
    assert kept == sorted(sink.pictures) == list(range(len(kept)))
    assert 8 < len(kept) <= 12


def test_an_interruption_finishes_what_is_in_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    sink, ran, waits = MemorySink(), Ran(), iter(range(100))
    started = threading.Event()
    sink.on_write = lambda index: started.set() if index == 10 else None
    wait = threading.Event.wait

    def interrupted(self: threading.Event, timeout: float | None = None) -> bool:
        # The main thread polls with a time limit; nobody else does.
        if timeout is not None and next(waits) == 0:
            started.wait()
            raise KeyboardInterrupt
        return wait(self, timeout)

    monkeypatch.setattr(threading.Event, "wait", interrupted)
    with HostDevice() as device, pytest.raises(KeyboardInterrupt):
        flow(device, [node(device, "2a")], [sink], count=1_000_000, into=ran)
    written = [stamp.index for segment in ran.segments for stamp in segment.stamps]
    assert written == sorted(sink.pictures) == list(range(len(written)))
    assert 10 < len(written) < 1_000_000
    assert ran.tally.frames == len(written)


def test_sinks_in_any_order_share_the_threads_and_others_have_their_own() -> None:
    free, first, second = MemorySink(in_order=False), MemorySink(), MemorySink()
    with HostDevice() as device:
        flow(device, [node(device, "2a")], [free, first, second], count=64)
    assert len(first.threads) == len(second.threads) == 1
    assert first.threads == {"encode in order_0"}
    assert free.threads <= {"encode_0", "encode_1"}


def test_all_work_has_ended_when_a_run_has_failed() -> None:
    """Its sessions are closed next."""
    begun, ended = [], []

    def slow(frame: Pixels) -> Pixels:
        begun.append(1)
        time.sleep(0.02)
        ended.append(1)
        return invert(frame=frame)

    with HostDevice() as device:
        with pytest.raises(OutputError, match="disk full"):
            flow(device, [node(device, "2a", compute=slow)], [fail_at(0)], count=50, depth=4, lanes=2)
        assert len(begun) == len(ended) > 0
    assert len(begun) == len(ended), "no work was left for later"


def test_a_failing_end_neither_hangs_nor_hides_the_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def abandon(self: MemorySegment) -> None:
        raise OSError("abandoned, too")

    monkeypatch.setattr(MemorySegment, "abandon", abandon)
    with HostDevice() as device, pytest.raises(OutputError, match="disk full"):
        flow(device, [node(device, "2a")], [fail_at(3)], count=50)
