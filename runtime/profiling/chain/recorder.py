"""What `trt-anime profile` hands to a run over several stages."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial

from trt_anime.runtime.closing import Closing
from trt_anime.runtime.passes.lanes import Track
from trt_anime.runtime.passes.table import MATTE, PASSES
from trt_anime.runtime.passes.timed import RUN, Timed, Work
from trt_anime.runtime.profiling.chain.recording import (
    COPIES,
    FIRST,
    NETWORK,
    NETWORKS,
    OPEN,
    PASS,
    SHOT,
    SHOTS,
    ChainRecording,
    NetworkFacts,
)
from trt_anime.runtime.profiling.chain.recording import PASSES as PASS_TRACK
from trt_anime.runtime.profiling.chain.stacks import Stacks
from trt_anime.runtime.profiling.looking import Looking
from trt_anime.runtime.profiling.process_memory import Memory
from trt_anime.runtime.profiling.run_recorder import RunRecorder
from trt_anime.runtime.profiling.spans import Span
from trt_anime.runtime.sessions.api import Origin

_BY_SHOT = {one.name for one in PASSES if one.cadence != "film"}
BETWEEN = ""  # passes


class ChainRecorder(Closing):
    """Keeps one run in `recording`; see `passes.watch.Watch`. A `with` block ends its thread.

    Args:
        shown: what the run's progress is shown by.
    """

    def __init__(self, shown: Track) -> None:
        self.recording = ChainRecording()
        self._shown, self._during = shown, BETWEEN
        self._pipeline: RunRecorder | None = None
        self._timed: list[tuple[str, Timed]] = []
        self._opened_s = 0.0
        self._memory = Memory(self.recording.samples)
        self._stacks = Stacks(lambda: self._during)
        self._looking = Looking(self._stacks.look, self._memory.look)

    @property
    def recorder(self) -> RunRecorder:
        """See `Watch`."""
        self._pipeline = RunRecorder(looks=False)
        return self._pipeline

    def track(self, title: str, total: int | None) -> AbstractContextManager[Callable[[int], None]]:
        """For `process_chain`: a pass begins, and its shots, one after the other."""
        return self._tracked(title, total)

    def opened(self, stage: str, model: str, timed: Timed, start_s: float) -> None:
        """See `Watch`."""
        during, found = self._during, self.recording
        self._opened_s = now = time.perf_counter()
        found.device, found.title = timed.device.name, timed.device.title
        found.spans.append(Span(f"{OPEN}{model} ({during})", NETWORKS, start_s, now, -1))
        names = {}
        for graph, session in timed.sessions.items():
            facts = _facts(during, stage, model, graph, session.origin)
            found.networks[facts.name], names[graph] = facts, facts.name
        timed.listeners.append(partial(self._worked, f"{model} ({during})", names))
        self._timed.append((during, timed))

    def close(self) -> None:
        """End the thread, and take what the pipeline told; again is harmless."""
        self._looking.close()
        self._memory.close()
        found = self.recording
        found.stacks, found.looking_s = self._stacks.seconds(), self._looking.spent_s
        for during, timed in self._timed:
            total = found.allocated.setdefault(during, {"device": 0, "pinned": 0})
            for place, size_bytes in timed.allocated.items():
                total[place] += size_bytes
        self._timed.clear()
        if self._pipeline is not None:
            if self._pipeline.recording.written:
                found.take_pipeline(self._pipeline.recording, MATTE)
            self._pipeline = None

    @contextmanager
    def _tracked(self, title: str, total: int | None) -> Iterator[Callable[[int], None]]:
        found = self.recording
        start_s = shot_s = time.perf_counter()
        self._during, self._opened_s = title, start_s

        def note(count: int) -> None:
            nonlocal shot_s
            if title in _BY_SHOT:
                now, first = time.perf_counter(), found.frames[title]
                found.spans.append(Span(SHOT, SHOTS, max(shot_s, self._opened_s), now, first, title))
                shot_s = now
            found.frames[title] += count
            advance(count)

        found.frames[title] = 0
        try:
            with self._shown(title, total) as advance:
                yield note
        finally:
            self._during = BETWEEN
            found.spans.append(Span(PASS + title, PASS_TRACK, start_s, time.perf_counter(), -1))

    def _worked(self, copied: str, names: dict[str, str], work: Work) -> None:
        found = self.recording
        if work.what == RUN:
            name = names[work.graph]
            found.batches[name][work.batch] += 1
            layers = FIRST if work.first else ""
            found.spans.append(Span(NETWORK + name, NETWORKS, work.start_s, work.end_s, -1, layers))
        else:
            what = f"{work.what} {copied}"
            found.size_bytes[what] += work.size_bytes
            found.spans.append(Span(what, COPIES, work.start_s, work.end_s, -1))


def _facts(during: str, stage: str, model: str, graph: str, origin: Origin) -> NetworkFacts:
    return NetworkFacts(
        during=during,
        stage=stage,
        model=model,
        graph=graph,
        provider=origin.provider,
        library=origin.library,
        precision=origin.precision,
        file=origin.file.name if origin.file else "",
        sha256=origin.sha256,
    )
