"""However long the film: memory stays flat, and nothing is left behind."""

import json
import subprocess
import sys

import pytest


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("device", ["cpu", "null"])
def test_twenty_thousand_frames(device: str) -> None:
    command = [sys.executable, "-m", "tests.runtime.pipeline.soak", device]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=240)
    seen = json.loads(done.stdout)
    assert seen["frames"] == [20_000, 20_000]
    assert seen["last_tenth_bytes"] <= 1.05 * seen["first_tenth_bytes"]
    assert (seen["threads"], seen["handles"]) == (0, 0)
