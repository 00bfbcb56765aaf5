"""How often networks ran and how long that took, for `run.json` and for who predicts other runs from it."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from trt_anime.runtime.passes.timed import RUN, Work
from trt_anime.runtime.sessions.api import Origin


@dataclass
class Used:
    """A network that ran, for `run.json`.

    Attributes:
        stage: number of the stage that it ran for.
        runs: how often.
        run_s: seconds of all runs; of those that a pass waits for, with its arrays' way to the device and
            back.
        at_once: how many runs went side by side, so that `run_s` is so many times what passed.
    """

    stage: str
    model: str
    graph: str
    origin: Origin
    runs: int = 0
    run_s: float = 0.0
    at_once: int = 1

    def note(self, seconds: float) -> None:
        """One run more."""
        self.runs += 1
        self.run_s += seconds


def counted_call(used: Used, run: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The same function, whose calls are counted."""

    def call(inputs: Any) -> Any:
        start = time.perf_counter()
        found = run(inputs)
        used.note(time.perf_counter() - start)
        return found

    return call


def counter(used: Mapping[str, Used]) -> Callable[[Work], None]:
    """For `Timed.listeners`: counts the runs of each graph."""

    def listen(work: Work) -> None:
        if work.what == RUN:
            used[work.graph].note(work.end_s - work.start_s)

    return listen
