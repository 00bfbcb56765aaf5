"""What profiling costs, in pairs of runs with a recorder and without.

    python -m benchmarks.profile_cost [--write]

On the null device nothing is computed, so many more frames pass in a second: there a recorder weighs most.
In the chain the truth stands in for its networks: what is left is what the host's threads do.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.footage import CLIP
from benchmarks.machine import OtherLoad
from benchmarks.records import facts, is_to_be_kept, keep, offer_writing
from samples.film import FilmOptions, write_film
from samples.oracle import CHOICES, Oracle, no_files
from samples.scene import Scene, SceneOptions
from trt_anime.export import graphs
from trt_anime.runtime.options import ProcessOptions
from trt_anime.runtime.passes.run import process_chain
from trt_anime.runtime.process import process_clip
from trt_anime.runtime.profiling.bootstrap import change
from trt_anime.runtime.profiling.chain.recorder import ChainRecorder
from trt_anime.runtime.profiling.run_recorder import RunRecorder

COMMAND = "python -m benchmarks.profile_cost --write"
MODEL = "u2netp"
DEVICES = ("cpu", "null", "chain")
_SCENE = SceneOptions(seed=3, width=320, height=180, frames=48)


@dataclass(frozen=True)
class Cost:
    """With the recorder against without it, of each pair.

    Attributes:
        time: of a run.
        cpu: CPU time, which other programs disturb less.
        own: share of a run's CPU time that is spent in the recorder's own functions; of the chain, in
            looking at stacks.
    """

    device: str
    time: tuple[float, ...]
    cpu: tuple[float, ...]
    own: float

    def content(self) -> dict[str, Any]:
        """For a record."""
        return {"time": _summary(self.time), "cpu": _summary(self.cpu), "own": self.own}


def line(device: str, row: Mapping[str, Any]) -> str:
    """A cost of a record in words."""
    return (
        f"{device}: {_words(row['time'])} of a run's time, {_words(row['cpu'])} of CPU time;"
        f" {row['own']:.2%} of CPU time in the recorder's own functions"
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
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--devices", nargs="+", default=list(DEVICES), choices=DEVICES)
    offer_writing(parser)
    given = parser.parse_args()
    writes = is_to_be_kept(given, parser)
    content = measured(given.pairs, given.devices)
    for device, row in content["devices"].items():
        print(line(device, row))
    if writes:
        keep("profile_cost", content)


def measured(pairs: int, devices: Sequence[str] = DEVICES) -> dict[str, Any]:
    """The content of a record."""
    load = OtherLoad()
    costs = {device: cost_of(device, pairs).content() for device in devices}
    return {
        **facts(COMMAND, ("trt-anime", "onnxruntime")),
        "others": round(load.share(), 3),
        "devices": costs,
    }


def cost_of(device: str, pairs: int) -> Cost:
    """`device`: one of `DEVICES`."""
    return chain_cost(pairs) if device == "chain" else cost(device, pairs)


def chain_cost(pairs: int) -> Cost:
    """Pairs of all stages, the truth in place of networks, in alternating order after a run to warm up."""
    scene, found, own = Scene(_SCENE), [], []
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "film.mp4"
        write_film(scene, clip, FilmOptions(preset="veryfast", sound=False))
        _chain_seconds(Oracle(scene), clip, None)
        for number in range(pairs):
            runs: dict[bool, tuple[float, float]] = {}
            for on in (False, True) if number % 2 else (True, False):
                recorder = ChainRecorder(_untracked) if on else None
                runs[on] = _chain_seconds(Oracle(scene), clip, recorder)
                own += [recorder.recording.looking_s / runs[on][1]] if recorder else []
            found.append((runs[True][0] / runs[False][0], runs[True][1] / runs[False][1]))
    walls, cpus = zip(*found, strict=True)
    return Cost("chain", walls, cpus, own=median(own))


def _chain_seconds(oracle: Oracle, clip: Path, recorder: ChainRecorder | None) -> tuple[float, float]:
    """As `_seconds`."""
    options = ProcessOptions(
        input=clip, output=clip.with_name("chain"), stages=_STAGES, preset="fast", overwrite=True
    )
    start_s = time.process_time()
    with recorder or nullcontext():
        record = process_chain(
            options,
            CHOICES,
            files=no_files,
            tools=oracle.tools(),
            track=recorder.track if recorder else _untracked,
            watch=recorder,
        )
    return record.elapsed_s, time.process_time() - start_s


_STAGES = ("1", "2a", "2b", "2c", "3", "4")


def _untracked(title: str, total: int | None) -> AbstractContextManager[Callable[[int], None]]:
    return nullcontext(lambda count: None)


def cost(device: str, pairs: int) -> Cost:
    """Pairs in alternating order after one run to warm up; four times as many on `null`, which is quick."""
    graph = graphs.ensure(MODEL)["matte"] if device == "cpu" else Path()
    found: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        own = TimedRecorder()
        _, cpu_s = _seconds(device, graph, Path(folder), own)
        for number in range(pairs if device == "cpu" else 4 * pairs):
            order = (False, True) if number % 2 else (True, False)
            runs = {
                on: _seconds(device, graph, Path(folder), RunRecorder() if on else None) for on in order
            }
            found.append((runs[True][0] / runs[False][0], runs[True][1] / runs[False][1]))
    walls, cpus = zip(*found, strict=True)
    return Cost(device, walls, cpus, own=sum(own.spent_ns) / 1e9 / cpu_s)


def _summary(ratios: Sequence[float]) -> dict[str, float]:
    """The median, the spread, and where the mean lies 19 times of 20; all less 1."""
    sure = change([[1.0]], [[ratio] for ratio in ratios])
    assert sure is not None
    ends = {"low": min(ratios), "high": max(ratios), "mean_low": sure.low, "mean_high": sure.high}
    found = {"median": median(ratios)} | ends
    return {"pairs": len(ratios)} | {name: round(value - 1, 5) for name, value in found.items()}


def _words(row: Mapping[str, Any]) -> str:
    spread = f"{row['pairs']} pairs from {row['low']:+.2%} to {row['high']:+.2%}"
    return (
        f"{row['median']:+.2%} ({spread}, mean within {row['mean_low']:+.2%} and {row['mean_high']:+.2%})"
    )


def _seconds(device: str, graph: Path, folder: Path, recorder: RunRecorder | None) -> tuple[float, float]:
    """Of a run: time that passed, CPU time of all threads."""
    options = ProcessOptions(
        input=CLIP, output=folder / "out", device=device, held=device == "cpu", overwrite=True
    )
    start_s = time.process_time()
    with recorder or nullcontext():
        record = process_clip(options, graph=lambda stage: graph, recorder=recorder)
    return record.elapsed_s, time.process_time() - start_s


if __name__ == "__main__":
    main()
