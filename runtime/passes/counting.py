"""How often networks ran and how long that took, for `run.json` and for who predicts other runs from it."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from trt_anime.runtime.closing import Closing
from trt_anime.runtime.devices.api import Device, Event, Shape, Stream, Tensor
from trt_anime.runtime.sessions.api import Binding, Origin, Session
from trt_anime.stage import StageInfo


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


class CountedSession(Closing):
    """The same session, whose runs are timed by events on their stream. It stays its owner's.

    `settle` once all its work is done.
    """

    def __init__(self, session: Session, device: Device, used: Used) -> None:
        self._session, self._device, self._used = session, device, used
        self._free: list[tuple[Event, Event]] = []
        self._under_way: list[tuple[Event, Event]] = []

    @property
    def info(self) -> StageInfo:
        return self._session.info

    @property
    def origin(self) -> Origin:
        return self._session.origin

    @property
    def inputs(self) -> tuple[Binding, ...]:
        return self._session.inputs

    @property
    def outputs(self) -> tuple[Binding, ...]:
        return self._session.outputs

    @property
    def parallel(self) -> int:
        return self._session.parallel

    @property
    def threads_per_run(self) -> int:
        return self._session.threads_per_run

    @property
    def why_not_captured(self) -> str | None:
        return self._session.why_not_captured

    def shapes(self, inputs: Mapping[str, Shape]) -> dict[str, Shape]:
        """See `Session.shapes`."""
        return self._session.shapes(inputs)

    def scratch_bytes(self, inputs: Mapping[str, Shape]) -> int:
        """See `Session.scratch_bytes`."""
        return self._session.scratch_bytes(inputs)

    def own_bytes(self, inputs: Mapping[str, Shape]) -> int:
        """See `Session.own_bytes`."""
        return self._session.own_bytes(inputs)

    def enqueue(self, tensors: Mapping[str, Tensor], *, stream: Stream, scratch: Tensor | None) -> None:
        """See `Session.enqueue`."""
        self._take_done()
        began, ended = self._free.pop() if self._free else self._pair()
        self._device.record(began, stream=stream)
        self._session.enqueue(tensors, stream=stream, scratch=scratch)
        self._device.record(ended, stream=stream)
        self._under_way.append((began, ended))

    def settle(self) -> None:
        """Wait for runs under way and count them. Raises EngineError: the device failed."""
        for _, ended in self._under_way:
            self._device.synchronize(ended)
        self._take_done()

    def close(self) -> None:
        """Nothing of its own is held."""

    def _take_done(self) -> None:
        while self._under_way and self._device.is_done(self._under_way[0][1]):
            pair = self._under_way.pop(0)
            self._used.note(self._device.elapsed_s(*pair))
            self._free.append(pair)

    def _pair(self) -> tuple[Event, Event]:
        began, ended = (self._device.event(name=f"{self._used.graph} {end}", timing=True) for end in "<>")
        return began, ended
