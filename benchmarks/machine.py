"""What a number was measured on, and keeping every contender to the same cores."""

import os
import platform
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="minutes").replace("+00:00", "Z")


def load_average() -> str:
    """Of the last 1, 5 and 15 minutes."""
    return (
        "  ".join(f"{value:.2f}" for value in os.getloadavg()) if hasattr(os, "getloadavg") else "unknown"
    )


class OtherLoad:
    """How much of the machine's CPU time goes to other programs, from its creation on."""

    def __init__(self) -> None:
        self._before = self._times()

    def share(self) -> float:
        """0..1 of all cores; 0 where the system doesn't tell. Children are ours once they have ended."""
        busy, own, every = (now - then for now, then in zip(self._times(), self._before, strict=True))
        return min(max((busy - own) / every, 0.0), 1.0) if every > 0 else 0.0

    @staticmethod
    def _times() -> tuple[float, float, float]:
        """Seconds so far: busy, by us, in all."""
        try:
            line = Path("/proc/stat").read_text(encoding="utf-8").splitlines()[0]
        except OSError:
            return 0.0, 0.0, 0.0  # not Linux
        ticks = [int(word) / os.sysconf("SC_CLK_TCK") for word in line.split()[1:9]]
        idle = ticks[3] + ticks[4]
        return sum(ticks) - idle, sum(os.times()[:4]), sum(ticks)


def cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []  # not Linux
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else platform.processor() or platform.machine()}, {os.cpu_count()} cores"


def versions(packages: Sequence[str]) -> str:
    parts = [f"{package} {metadata.version(package)}" for package in packages]
    return ", ".join([f"Python {platform.python_version()}", *parts])


def keep_to_cores(count: int) -> None:
    """This process and its children use `count` cores only, where the system can hold them to that.

    Otherwise "two threads" would be two for one program, and two plus a decoder and an encoder for another.
    """
    if sys.platform == "linux":
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:count])
