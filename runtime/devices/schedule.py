"""How the `host` device's work gets run: by threads, or one step at a time in an order under test."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from queue import SimpleQueue
from time import perf_counter
from typing import Protocol

from trt_anime.runtime.devices.hazards import Clock, HazardError

# How many steps `Seeded` runs at a call: fewer than are submitted, so that work piles up.
_BURSTS = (0, 0, 1, 3)


@dataclass(slots=True, eq=False)
class Mark:
    """A place in a stream.

    Attributes:
        clock: what is known once it is reached.
        at_s: `perf_counter` when it was reached.
    """

    name: str
    clock: Clock
    reached: threading.Event = field(default_factory=threading.Event)
    at_s: float = 0.0

    def reach(self) -> None:
        self.at_s = perf_counter()
        self.reached.set()


@dataclass(slots=True, eq=False)
class Step:
    """One thing that a stream does: wait for `needs`, do `work`, reach `mark`; each may be absent."""

    name: str
    work: Callable[[], None] | None = None
    needs: Mark | None = None
    mark: Mark | None = None


class Schedule(Protocol):
    """Runs the steps of every lane in order. Lanes are numbered from 0."""

    @property
    def failure(self) -> BaseException | None:
        """What the first failing step raised. After it no work is done, yet marks are reached."""
        ...

    def lane(self, name: str) -> int: ...

    def submit(self, lane: int, step: Step) -> None: ...

    def finish(self, mark: Mark) -> None:
        """Block until `mark` is reached."""
        ...

    def poll(self, mark: Mark) -> bool: ...

    def close(self) -> None:
        """End all steps, and every thread."""
        ...


class _Runner:
    """Does steps until one fails."""

    def __init__(self) -> None:
        self.failure: BaseException | None = None

    def do(self, step: Step) -> None:
        if step.work is not None and self.failure is None:
            try:
                step.work()
            # Even SystemExit: a lane that died would leave its marks unreached and the host waiting.
            except BaseException as error:
                self.failure = self.failure or error
        if step.mark is not None:
            step.mark.reach()


class Threads:
    """One thread for each lane."""

    def __init__(self) -> None:
        self._runner = _Runner()
        self._queues: list[SimpleQueue[Step | None]] = []
        self._threads: list[threading.Thread] = []

    @property
    def failure(self) -> BaseException | None:
        return self._runner.failure

    def lane(self, name: str) -> int:
        queue: SimpleQueue[Step | None] = SimpleQueue()
        # A daemon: a device that was never closed must not keep the program from ending.
        thread = threading.Thread(target=self._run, args=(queue,), name=name, daemon=True)
        self._queues.append(queue)
        self._threads.append(thread)
        thread.start()
        return len(self._queues) - 1

    def submit(self, lane: int, step: Step) -> None:
        self._queues[lane].put(step)

    def finish(self, mark: Mark) -> None:
        mark.reached.wait()

    def poll(self, mark: Mark) -> bool:
        return mark.reached.is_set()

    def close(self) -> None:
        for queue in self._queues:
            queue.put(None)
        for thread in self._threads:
            thread.join()
        self._queues.clear()
        self._threads.clear()

    def _run(self, queue: SimpleQueue[Step | None]) -> None:
        while (step := queue.get()) is not None:
            if step.needs is not None:
                step.needs.reached.wait()
            self._runner.do(step)
            del step  # or an idle thread would hold on to the memory that its last step used


class Seeded:
    """No threads: some steps run at each call, and `choose` says which.

    Args:
        choose: given n, a number from 0 to n - 1.
    """

    def __init__(self, choose: Callable[[int], int]) -> None:
        self._choose = choose
        self._runner = _Runner()
        self._names: list[str] = []
        self._lanes: list[deque[Step]] = []
        self._lock = threading.RLock()

    @property
    def failure(self) -> BaseException | None:
        return self._runner.failure

    def lane(self, name: str) -> int:
        with self._lock:
            self._names.append(name)
            self._lanes.append(deque())
            return len(self._lanes) - 1

    def submit(self, lane: int, step: Step) -> None:
        with self._lock:
            self._lanes[lane].append(step)
            for _ in range(_BURSTS[self._choose(len(_BURSTS))]):
                self._advance()

    def finish(self, mark: Mark) -> None:
        with self._lock:
            while not mark.reached.is_set():
                if not self._advance():
                    raise HazardError(f"'{mark.name}' is never reached: {self._stuck()}")

    def poll(self, mark: Mark) -> bool:
        """At least one step runs, so that a loop around it ends."""
        with self._lock:
            for _ in range(1 + _BURSTS[self._choose(len(_BURSTS))]):
                self._advance()
            return mark.reached.is_set()

    def close(self) -> None:
        with self._lock:
            # Without `choose`: a test that has failed may give no more choices.
            while ready := self._ready():
                self._runner.do(ready[0].popleft())
            if any(self._lanes):
                raise HazardError(f"work can't be ended: {self._stuck()}")

    def _advance(self) -> bool:
        ready = self._ready()
        if ready:
            lane = ready[self._choose(len(ready))]
            self._runner.do(lane.popleft())
        return bool(ready)

    def _ready(self) -> list[deque[Step]]:
        return [
            lane
            for lane in self._lanes
            if lane and (lane[0].needs is None or lane[0].needs.reached.is_set())
        ]

    def _stuck(self) -> str:
        return (
            "; ".join(
                f"stream '{name}' waits for event '{lane[0].needs.name}'"
                for name, lane in zip(self._names, self._lanes, strict=True)
                if lane and lane[0].needs is not None
            )
            or "no work is left"
        )
