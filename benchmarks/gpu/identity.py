"""Which GPU is here, and what findings on it hold for."""

import hashlib
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from benchmarks.gpu.report import versions
from benchmarks.machine import cpu

ROOT = Path(__file__).parents[2]

# What the findings depend on; documents and the like may change.
_CODE = ("benchmarks", "calibration", "engines", "export", "runtime", "samples", "tests", "trt_anime")
_FIELDS = ("name", "driver_version", "memory.total", "compute_cap")


@dataclass(frozen=True)
class Gpu:
    """What is checked.

    Attributes:
        facts: for people, such as driver and memory.
        driver: its version; empty where nobody tells.
    """

    name: str
    facts: tuple[str, ...] = ()
    driver: str = ""

    @property
    def slug(self) -> str:
        """Such as ``nvidia-h200``."""
        return re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-")

    @property
    def key(self) -> dict[str, str]:
        """Findings with another key are another machine's, or another program's."""
        return {"gpu": self.name, "driver": self.driver, "versions": versions(), "code": code_digest()}


def gpu_here() -> Gpu | None:
    """The first GPU, as the driver's own tool has it, or else CUDA; None: none answers."""
    return _by_tool() or _by_cuda()


def rehearsal() -> Gpu:
    """No GPU at all, where the parts only have to show that they work."""
    return Gpu("rehearsal", (f"on {cpu()}: this says nothing about any GPU",))


def code_digest(root: Path = ROOT) -> str:
    """Hex SHA-256 of all of the program's Python, names included."""
    digest = hashlib.sha256()
    for folder in _CODE:
        for place, folders, files in os.walk(root / folder):  # links to folders are not followed
            folders.sort()
            for name in sorted(files):
                if name.endswith(".py"):
                    path = Path(place) / name
                    digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _by_tool() -> Gpu | None:
    command = ["nvidia-smi", f"--query-gpu={','.join(_FIELDS)}", "--format=csv,noheader", "--id=0"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    except (OSError, subprocess.SubprocessError):
        return None
    words = [word.strip() for word in done.stdout.split(",")]
    if len(words) != len(_FIELDS) or not words[0]:
        return None
    name, driver, memory, capability = words
    return Gpu(name, (f"compute capability {capability}, {memory}", f"driver {driver}"), driver)


def _by_cuda() -> Gpu | None:
    from trt_anime.errors import TrtAnimeError

    try:
        from trt_anime.runtime.devices.cuda_driver import cuda_devices, load_driver, supported_cuda

        driver = load_driver()
        found = cuda_devices(driver)
        if not found:
            return None
        first = found[0]
        capability = f"compute capability {first.capability // 10}.{first.capability % 10}"
        facts = (f"{capability}, {first.memory_bytes / 1e9:.1f} GB", f"CUDA {supported_cuda(driver)}")
        return Gpu(first.name, facts, f"CUDA {supported_cuda(driver)}")
    except (TrtAnimeError, ImportError):
        return None
