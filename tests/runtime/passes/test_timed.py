"""The device and sessions that tell: nothing is lost, nothing is told twice, results are the same."""

import time
from collections import Counter
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.runtime.pipeline.fakes import FakeSession, invert, pixels
from trt_anime.runtime.devices.api import Tensor
from trt_anime.runtime.devices.host import HostDevice
from trt_anime.runtime.media.frames import Pixels
from trt_anime.runtime.passes.timed import RUN, Timed, Work, _batch
from trt_anime.runtime.sessions.api import Binding
from trt_anime.runtime.sessions.running import Running

SHAPE = (2, 4, 6, 3)
TAKES_S = 0.003


def slow(frame: Pixels) -> Pixels:
    time.sleep(TAKES_S)
    return np.asarray(invert(frame=frame), np.uint8)


@pytest.mark.parametrize("why_not", [None, "it can't be"], ids=["captured", "not captured"])
def test_every_run_and_copy_is_told_once_and_results_are_the_same(why_not: str | None) -> None:
    told: list[Work] = []
    frame = np.stack([pixels(0), pixels(1)])
    before = time.perf_counter()
    with HostDevice() as device:
        session = FakeSession(device, "fake", compute=slow, why_not_captured=why_not)
        timed = Timed(device, {"graph": session}, copies=True)
        timed.listeners.append(told.append)
        with Running(timed.sessions["graph"], timed.device, {"frame": SHAPE}) as running:
            for _ in range(5):
                assert (running({"frame": frame})["rgba"] == invert(frame=frame)).all()
        assert timed.allocated["device"] == timed.allocated["pinned"] == 2 * 4 * 6 * 7
    after = time.perf_counter()
    assert Counter(work.what for work in told) == {RUN: 5, "copy in": 5, "copy out": 5}
    runs = [work for work in told if work.what == RUN]
    assert [work.first for work in runs] == [True, False, False, False, False]
    assert {(work.graph, work.batch) for work in runs} == {("graph", 2)}
    assert all(TAKES_S <= work.end_s - work.start_s < 1 for work in runs)
    assert {work.size_bytes for work in told if work.what == "copy in"} == {2 * 4 * 6 * 3}
    assert all(before <= work.start_s <= work.end_s <= after for work in told)


def test_events_are_used_again() -> None:
    """A film has hundreds of thousands of runs."""
    with HostDevice() as device:
        made = Counter[str]()
        real = device.event

        def event(*, name: str, timing: bool = False) -> object:
            made[name] += 1
            return real(name=name, timing=timing)

        device.event = event  # type: ignore[method-assign, assignment]
        session = FakeSession(device, "fake", why_not_captured="no")
        timed = Timed(device, {"graph": session}, copies=True)
        with Running(timed.sessions["graph"], timed.device, {"frame": SHAPE}) as running:
            for _ in range(50):
                running({"frame": np.zeros(SHAPE, np.uint8)})
    assert made["run began"] <= 3


def test_what_a_session_says_of_itself_is_passed_on() -> None:
    with HostDevice() as device:
        session = FakeSession(device, "fake", scratch=7)
        timed = Timed(device, {"graph": session}, copies=True)
        proxy = timed.sessions["graph"]
        assert proxy.origin == session.origin and proxy.inputs == session.inputs
        assert proxy.scratch_bytes({}) == 7 and proxy.info.model == "fake"
        assert timed.device.name == "cpu" and timed.device.memory().total > 0


def test_what_another_stream_waited_for_is_told_and_what_nobody_did_is_settled() -> None:
    told: list[Work] = []
    with HostDevice() as device:
        session = FakeSession(device, "fake", compute=slow)
        timed = Timed(device, {"graph": session}, copies=False)
        timed.listeners.append(told.append)
        first, second = (timed.device.stream(name=name) for name in ("first", "second"))
        ended, waited = (timed.device.event(name=name) for name in ("ended", "waited"))
        byte = np.dtype(np.uint8)
        tensors = {
            name: Tensor(device.allocate(48 * depth, name=name), (2, 4, 6, depth), byte)
            for name, depth in (("frame", 3), ("rgba", 4))
        }
        pinned = Tensor(device.allocate_pinned(144, name="pinned"), (2, 4, 6, 3), byte)
        with device.writing(pinned) as array:
            array[...] = 0
        timed.device.copy(tensors["frame"], pinned, stream=first)
        run = partial(timed.sessions["graph"].enqueue, tensors, scratch=None)
        run(stream=first)
        timed.device.record(ended, stream=first)
        timed.device.wait(ended, stream=second)
        timed.device.record(waited, stream=second)
        timed.device.synchronize(waited)
        assert len(told) == 1
        run(stream=first)
        assert len(told) == 1
        timed.settle()
        timed.settle()
        assert len(told) == 2


def test_copies_are_told_only_to_who_asked() -> None:
    told: list[Work] = []
    with HostDevice() as device:
        timed = Timed(device, {"graph": FakeSession(device, "fake")}, copies=False)
        timed.listeners.append(told.append)
        with Running(timed.sessions["graph"], timed.device, {"frame": SHAPE}) as running:
            running({"frame": np.zeros(SHAPE, np.uint8)})
    assert [work.what for work in told] == [RUN]


def test_a_capacity_is_no_batch() -> None:
    """XMem's memory has rows, of which a session is given as many as are in use, before its objects."""
    shapes = {"memory_key": ("cells", 8), "memory_value": ("objects", 9, 4)}
    session: Any = SimpleNamespace(
        inputs=[Binding(name, np.dtype(np.float32), shape) for name, shape in shapes.items()],
        info=SimpleNamespace(capacity={"cells": 9}),
    )
    with HostDevice() as device:
        buffer = device.allocate(288, name="memory")
        kind = np.dtype(np.float32)
        given = {
            "memory_key": Tensor(buffer, (5, 8), kind),
            "memory_value": Tensor(buffer, (2, 9, 4), kind),
        }
        assert _batch(session, given) == 2
        buffer.close()
