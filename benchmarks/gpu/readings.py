"""A GPU's memory, clocks and temperature while it works, as NVIDIA's management library tells them."""

import importlib
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

from benchmarks.gpu.deadline import Clock
from trt_anime.errors import MissingError

# Bits of NVML's reasons for lower clocks -> words. Idle and settings of the owner's are no slowdown.
_REASONS = {
    0x0000000000000004: "power cap",
    0x0000000000000008: "hardware slowdown",
    0x0000000000000020: "thermal slowdown",
    0x0000000000000040: "thermal slowdown of the hardware",
    0x0000000000000080: "power brake",
}
_FIELDS = ("memory.used", "clocks.sm", "clocks.mem", "temperature.gpu", "power.draw")
_ACTIVE = ("clocks_event_reasons.active", "clocks_throttle_reasons.active")  # newer drivers, older ones


@dataclass(frozen=True)
class Reading:
    """One look; None where the GPU doesn't tell.

    Attributes:
        at_s: by the clock of whoever looked.
        used_bytes: of the GPU's memory, by everybody.
        sm_mhz, memory_mhz: clocks.
        slowed: why the clocks are lower than they could be.
    """

    at_s: float
    used_bytes: int | None = None
    sm_mhz: int | None = None
    memory_mhz: int | None = None
    celsius: int | None = None
    watts: float | None = None
    slowed: tuple[str, ...] = ()


Look = Callable[[float], Reading]


def looker(index: int = 0) -> Look:
    """The library where it is installed and answers, else the driver's tool.

    Raises MissingError: neither does.
    """
    reasons = []
    for make in (by_library, by_tool):
        try:
            look = make(index)
            look(0.0)
            return look
        except MissingError as error:
            reasons.append(str(error))
    raise MissingError(f"memory and clocks can't be read: {'; '.join(reasons)}")


def by_library(index: int) -> Look:
    """Raises MissingError."""
    try:
        nvml = importlib.import_module("pynvml")
    except ImportError as error:
        raise MissingError("needs nvidia-ml-py; pip install nvidia-ml-py") from error
    try:
        nvml.nvmlInit()
        handle = nvml.nvmlDeviceGetHandleByIndex(index)
    except nvml.NVMLError as error:
        raise MissingError(f"NVML: {error}") from error

    def told(ask: Callable[..., Any], *more: Any) -> Any:
        try:
            return ask(handle, *more)
        except nvml.NVMLError:
            return None

    def look(at_s: float) -> Reading:
        memory = told(nvml.nvmlDeviceGetMemoryInfo)
        milliwatts = told(nvml.nvmlDeviceGetPowerUsage)
        return Reading(
            at_s,
            None if memory is None else int(memory.used),
            told(nvml.nvmlDeviceGetClockInfo, nvml.NVML_CLOCK_SM),
            told(nvml.nvmlDeviceGetClockInfo, nvml.NVML_CLOCK_MEM),
            told(nvml.nvmlDeviceGetTemperature, nvml.NVML_TEMPERATURE_GPU),
            None if milliwatts is None else milliwatts / 1000,
            reasons_of(told(nvml.nvmlDeviceGetCurrentClocksEventReasons) or 0),
        )

    return look


def by_tool(index: int) -> Look:
    """Raises MissingError, also when a look fails later."""

    def look(at_s: float) -> Reading:
        for active in _ACTIVE:
            query = ",".join((*_FIELDS, active))
            command = [
                "nvidia-smi",
                f"--query-gpu={query}",
                "--format=csv,noheader,nounits",
                f"--id={index}",
            ]
            try:
                done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
            except subprocess.CalledProcessError:
                continue
            except (OSError, subprocess.SubprocessError) as error:
                raise MissingError(f"nvidia-smi: {error}") from error
            return from_tool(done.stdout, at_s)
        raise MissingError("nvidia-smi doesn't answer the query")

    return look


def from_tool(line: str, at_s: float) -> Reading:
    """A line of nvidia-smi's: numbers without units, ``[N/A]`` for what it doesn't know."""
    words = [word.strip() for word in line.split(",")]
    used, sm, memory, celsius, watts = (_number(word) for word in words[:5])
    active = words[5] if len(words) > 5 else ""
    return Reading(
        at_s,
        None if used is None else int(used * (1 << 20)),
        None if sm is None else int(sm),
        None if memory is None else int(memory),
        None if celsius is None else int(celsius),
        watts,
        reasons_of(int(active, 16) if active.startswith("0x") else 0),
    )


def reasons_of(bits: int) -> tuple[str, ...]:
    return tuple(words for bit, words in _REASONS.items() if bits & bit)


class Watch:
    """Looks again and again in a thread of its own, within the block.

    Attributes:
        readings: so far, in order.
        failure: why it stopped looking before the end; empty where it didn't.
    """

    def __init__(self, look: Look, clock: Clock, *, every_s: float = 1.0) -> None:
        self.readings: list[Reading] = []
        self.failure = ""
        self._look, self._clock, self._every_s = look, clock, every_s
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while True:
            try:
                self.readings.append(self._look(self._clock()))
            except MissingError as error:
                self.failure = str(error)
                return
            if self._ended.wait(self._every_s):
                return


def _number(word: str) -> float | None:
    try:
        return float(word)
    except ValueError:
        return None
