"""What the operating system says of this machine's memory and processor."""

import os
import platform
from pathlib import Path

from trt_anime.runtime.devices.api import Memory

_MEMINFO = Path("/proc/meminfo")
_CPUINFO = Path("/proc/cpuinfo")


def ram() -> Memory:
    """RAM that programs can get without swapping, and all of it. Limits of a container aren't seen."""
    if not _MEMINFO.exists():
        total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        return Memory(total, total)  # macOS doesn't say what is free
    lines = (line.split() for line in _MEMINFO.read_text(encoding="ascii").splitlines())
    kilobytes = {words[0]: int(words[1]) for words in lines}
    return Memory(kilobytes["MemAvailable:"] * 1024, kilobytes["MemTotal:"] * 1024)


def processor() -> str:
    """The CPU's name, for people."""
    if _CPUINFO.exists():
        for line in _CPUINFO.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
