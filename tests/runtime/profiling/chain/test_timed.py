"""The device and sessions that tell: nothing is lost, nothing is told twice, results are the same."""

import time
from collections import Counter

import numpy as np
import pytest

from tests.runtime.pipeline.fakes import FakeSession, invert, pixels
from trt_anime.runtime.devices.host import HostDevice
from trt_anime.runtime.media.frames import Pixels
from trt_anime.runtime.profiling.chain.timed import RUN, Watched, Work
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
        watched = Watched(device, {"graph": session}, told.append)
        with Running(watched.sessions["graph"], watched.device, {"frame": SHAPE}) as running:
            for _ in range(5):
                assert (running({"frame": frame})["rgba"] == invert(frame=frame)).all()
        assert watched.allocated["device"] == watched.allocated["pinned"] == 2 * 4 * 6 * 7
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
        watched = Watched(device, {"graph": session}, lambda work: None)
        with Running(watched.sessions["graph"], watched.device, {"frame": SHAPE}) as running:
            for _ in range(50):
                running({"frame": np.zeros(SHAPE, np.uint8)})
    assert made["run began"] <= 3


def test_what_a_session_says_of_itself_is_passed_on() -> None:
    with HostDevice() as device:
        session = FakeSession(device, "fake", scratch=7)
        watched = Watched(device, {"graph": session}, lambda work: None)
        timed = watched.sessions["graph"]
        assert timed.origin == session.origin and timed.inputs == session.inputs
        assert timed.scratch_bytes({}) == 7 and timed.info.model == "fake"
        assert watched.device.name == "cpu" and watched.device.memory().total > 0
