"""How often networks ran, and how long: exact on a device whose clock jumps."""

import numpy as np
import pytest

from trt_anime.runtime.devices.api import Tensor
from trt_anime.runtime.devices.clock import SimulatedClock
from trt_anime.runtime.devices.latencies import Latencies
from trt_anime.runtime.devices.null import NullDevice
from trt_anime.runtime.passes.counting import Used, counter
from trt_anime.runtime.passes.timed import Timed
from trt_anime.runtime.sessions.replay import ReplaySession
from trt_anime.runtime.stages import STAGES


def test_runs_on_a_stream_are_timed_where_they_run() -> None:
    device = NullDevice(Latencies(seconds_per_run={"2a": 0.5}, copy_in_bytes_per_s=1e-3), SimulatedClock())
    with ReplaySession(STAGES["2a"], device) as session:
        used = Used("2a", "u2netp", "matte", session.origin)
        timed = Timed(device, {"matte": session}, copies=False)
        timed.listeners.append(counter({"matte": used}))
        stream = device.stream(name="compute")
        tensors = {
            name: Tensor(device.allocate(8 * depth, name=name), (1, 2, 4, depth), np.dtype(np.uint8))
            for name, depth in (("frame", 3), ("rgba", 4))
        }
        for _ in range(3):
            timed.sessions["matte"].enqueue(tensors, stream=stream, scratch=None)
        assert used.runs == 0, "nobody has waited for one"
        timed.settle()
    assert used.runs == 3 and used.run_s == pytest.approx(1.5)
