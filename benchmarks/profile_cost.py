"""What profiling costs: runs with a recorder against runs without, in rounds of A B B A.

    python -m benchmarks.profile_cost [--write]

On the null device nothing is computed, so many more frames pass in a second: there a recorder weighs most.
Short runs and the turning order keep a machine that changes its speed from being taken for a cost. About
26 minutes. Counted is all from before the recorder is made until it is closed. Not counted is what
`trt-anime profile` does after its runs: layers and networks by themselves, ceilings, the report.
"""

import argparse
import gc
import math
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.footage import CLIP
from benchmarks.machine import OtherLoad
from benchmarks.records import facts, is_to_be_kept, keep, offer_writing
from samples.film import FilmOptions, write_film
from samples.oracle import PROMPT, no_files
from samples.scene import Scene, SceneOptions
from trt_anime.export import graphs
from trt_anime.runtime.options import ProcessOptions
from trt_anime.runtime.passes.choices import PRESETS
from trt_anime.runtime.passes.run import process_chain
from trt_anime.runtime.process import process_clip
from trt_anime.runtime.profiling.chain.recorder import ChainRecorder
from trt_anime.runtime.profiling.run_recorder import RunRecorder

COMMAND = "python -m benchmarks.profile_cost --write"
MODEL = "u2netp"
# Seconds for each: the chain's runs are longest, those on null are many a minute.
SECONDS = {"cpu": 400.0, "null": 240.0, "chain": 900.0}
LIMIT = 0.02  # of throughput, which is what was promised
_FEWEST = 2  # rounds, however long they take
_TRIMMED = 0.2  # of the rounds at each end
_DRAWS, _SEED = 4000, 20261126
_FRAMES = 12  # of stage 2a on the CPU
_SCENE = SceneOptions(seed=3, width=320, height=180, frames=24)
_STAGES = ("1", "2a", "2b", "2c", "3", "4")
_MEMORY, _ROOM_BYTES = Path("/dev/shm"), 2**30

# Does it once, with a recorder or without, into a folder that isn't there yet; gives CPU seconds that the
# recorder took, where it knows.
Run = Callable[[Path, bool], float]


@dataclass(frozen=True)
class Cost:
    """With the recorder against without it, of each round.

    Attributes:
        time: of the two runs with it, as a multiple of the two without.
        cpu: CPU time, which other programs disturb less.
        own: share of a run's CPU time that is spent in the recorder's own functions; of the chain, in
            looking at stacks and memory.
    """

    device: str
    time: tuple[float, ...]
    cpu: tuple[float, ...]
    own: float

    def content(self) -> dict[str, Any]:
        """For a record."""
        return {"time": _summary(self.time), "cpu": _summary(self.cpu), "own": self.own}


@dataclass(frozen=True)
class Took:
    """One run; seconds. See `Cost`."""

    time_s: float
    cpu_s: float
    own_s: float


@dataclass(frozen=True)
class Round:
    """Two runs with a recorder and two without, in the order A B B A."""

    on: tuple[Took, Took]
    off: tuple[Took, Took]

    @property
    def time(self) -> float:
        """How many times as long it took."""
        return sum(took.time_s for took in self.on) / sum(took.time_s for took in self.off)

    @property
    def cpu(self) -> float:
        """The same of CPU time."""
        return sum(took.cpu_s for took in self.on) / sum(took.cpu_s for took in self.off)


def line(device: str, row: Mapping[str, Any]) -> str:
    """A cost of a record in words."""
    own = "looking at stacks and memory" if device == "chain" else "the recorder's own functions"
    return (
        f"{device}: {verdict(row['time'])}: {_words(row['time'])} of a run's time, {_words(row['cpu'])} of"
        f" CPU time; {row['own']:.2%} of CPU time in {own}"
    )


def verdict(row: Mapping[str, Any]) -> str:
    """What the mean of a cost says of `LIMIT`, as sure as it is."""
    if row["mean_high"] < LIMIT:
        return f"under {LIMIT:.0%}"
    return (
        f"over {LIMIT:.0%}" if row["mean_low"] > LIMIT else f"under or over {LIMIT:.0%}, which isn't sure"
    )


class TimedRecorder(RunRecorder):
    """Adds up the CPU time of its own functions, the clock's included."""

    def __init__(self) -> None:
        super().__init__()
        self.spent_ns: list[int] = []
        for name in ("did", "acquired", "collected", "released"):
            setattr(self, name, self._timed(getattr(self, name)))

    def _timed(self, function: Callable[..., None]) -> Callable[..., None]:
        def timed(*given: Any, **named: Any) -> None:
            start_ns = time.thread_time_ns()
            function(*given, **named)
            self.spent_ns.append(time.thread_time_ns() - start_ns)

        return timed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", nargs="+", default=list(SECONDS), choices=list(SECONDS))
    parser.add_argument("--seconds", type=float, help="for each device, instead of what is usual")
    offer_writing(parser)
    given = parser.parse_args()
    writes = is_to_be_kept(given, parser)
    content = measured({device: given.seconds or SECONDS[device] for device in given.devices})
    for device, row in content["devices"].items():
        print(line(device, row))
    if writes:
        keep("profile_cost", content)


def measured(seconds: Mapping[str, float] = SECONDS) -> dict[str, Any]:
    """The content of a record; `seconds` are given to each device."""
    load = OtherLoad()
    costs = {device: cost_of(device, given_s).content() for device, given_s in seconds.items()}
    return {
        **facts(COMMAND, ("trt-anime", "onnxruntime")),
        "others": round(load.share(), 3),
        "devices": costs,
    }


def cost_of(device: str, seconds: float) -> Cost:
    """`device` is one of `SECONDS`. Layers lie in memory where there is room: disks have moods."""
    roomy = _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > _ROOM_BYTES
    with tempfile.TemporaryDirectory(dir=_MEMORY if roomy else None) as name:
        folder = Path(name)
        if device == "chain":
            rounds = rounds_of(_chain(folder), folder / "out", seconds)
            told = [took for one in rounds for took in one.on]
        else:
            told = [_took(_matte(device, TimedRecorder), folder / "out", on=True)]
            rounds = rounds_of(_matte(device, RunRecorder), folder / "out", seconds)
    return Cost(
        device,
        time=tuple(one.time for one in rounds),
        cpu=tuple(one.cpu for one in rounds),
        own=median(took.own_s / took.cpu_s for took in told),
    )


def rounds_of(run: Run, output: Path, seconds: float) -> list[Round]:
    """Until the time is over, after a run to warm up; every second round begins without a recorder."""
    rounds: list[Round] = []
    _took(run, output, on=False)
    until_s = time.monotonic() + seconds
    while len(rounds) < _FEWEST or time.monotonic() < until_s:
        on = len(rounds) % 2 == 0
        first, second, third, fourth = (_took(run, output, on=each) for each in (on, not on, not on, on))
        outer, inner = (first, fourth), (second, third)
        rounds.append(Round(outer, inner) if on else Round(inner, outer))
    return rounds


def _took(run: Run, output: Path, *, on: bool) -> Took:
    gc.collect()
    start_s, start_cpu_s = time.perf_counter(), time.process_time()
    own_s = run(output, on)
    took = Took(time.perf_counter() - start_s, time.process_time() - start_cpu_s, own_s)
    shutil.rmtree(output)
    return took


def _matte(device: str, kind: type[RunRecorder]) -> Run:
    """Stage 2a alone, with a recorder of that kind."""
    graph = graphs.ensure(MODEL)["matte"] if device == "cpu" else Path()
    limit = _FRAMES if device == "cpu" else None

    def run(output: Path, on: bool) -> float:
        options = ProcessOptions(
            input=CLIP, output=output, device=device, held=device == "cpu", limit=limit
        )
        with kind() if on else nullcontext() as recorder:
            process_clip(options, graph=lambda stage: graph, recorder=recorder)
        return sum(recorder.spent_ns) / 1e9 if isinstance(recorder, TimedRecorder) else 0.0

    return run


def _chain(folder: Path) -> Run:
    """All stages of a small film, on the null device."""
    clip = folder / "film.mp4"
    write_film(Scene(_SCENE), clip, FilmOptions(preset="veryfast", sound=False))
    fast = PRESETS["fast"]
    choices = replace(fast, effects=replace(fast.effects, prompts=(PROMPT,)))

    def run(output: Path, on: bool) -> float:
        options = ProcessOptions(input=clip, output=output, stages=_STAGES, preset="fast", device="null")
        with ChainRecorder(_untracked) if on else nullcontext() as recorder:
            process_chain(
                options,
                choices,
                files=no_files,
                track=recorder.track if recorder else _untracked,
                watch=recorder,
            )
        return recorder.recording.looking_s if recorder else 0.0

    return run


def _untracked(title: str, total: int | None) -> AbstractContextManager[Callable[[int], None]]:
    return nullcontext(lambda count: None)


def _summary(ratios: Sequence[float]) -> dict[str, float]:
    """The median, the spread, and where the trimmed mean lies 19 times of 20; all less 1."""
    mean_low, mean_high = _interval(np.asarray(ratios, np.float64))
    ends = {"low": min(ratios), "high": max(ratios), "mean_low": mean_low, "mean_high": mean_high}
    found = {"median": median(ratios)} | ends
    return {"pairs": len(ratios)} | {name: round(value - 1, 5) for name, value in found.items()}


def _interval(ratios: NDArray[np.float64]) -> tuple[float, float]:
    """Of the trimmed mean, by a bootstrap over rounds.

    Much is trimmed, or a few hiccups of the machine would decide. What is drawn of few rounds is too much
    alike by sqrt((n - 1) / n), which is made good.
    """
    count, rng = len(ratios), np.random.default_rng(_SEED)
    drawn = np.sort(ratios[rng.integers(0, count, (_DRAWS, count))], axis=1)
    cut = int(count * _TRIMMED)
    means = drawn[:, cut : count - cut].mean(1)
    wider = means.mean() + (means - means.mean()) * math.sqrt(count / (count - 1))
    low, high = np.quantile(wider, (0.025, 0.975))
    return float(low), float(high)


def _words(row: Mapping[str, Any]) -> str:
    spread = f"{row['pairs']} rounds from {row['low']:+.2%} to {row['high']:+.2%}"
    return (
        f"{row['median']:+.2%} ({spread}, mean within {row['mean_low']:+.2%} and {row['mean_high']:+.2%})"
    )


if __name__ == "__main__":
    main()
