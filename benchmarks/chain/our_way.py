"""The chain as ours: stage graphs in sessions; decode, the stages of several frames and encode overlap.

A stage that remembers gets its frames in order, in a thread of its own beside all others.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import cast

import numpy as np
from numpy.typing import NDArray

from benchmarks.chain.our_stages import Runner, runner_of
from benchmarks.chain.stages import Arrays, ChainStage, Given, pictures, values_of
from trt_anime.export import graphs
from trt_anime.runtime.devices.api import CpuDevice, Device
from trt_anime.runtime.devices.opening import open_device
from trt_anime.runtime.media.frames import FrameSource
from trt_anime.runtime.media.reader import open_source
from trt_anime.runtime.results.planes import write_frame
from trt_anime.runtime.sessions.api import GpuDevice, Session
from trt_anime.runtime.sessions.running import Running

# Frames in the stages at once on a GPU: one is copied while another computes.
_GPU_LANES = 2


Last = Callable[[int, Arrays], Arrays]
"""Gets an item's number and what all stages made of it."""


class Lane:
    """Stages of one graph, for one frame at a time, with memory of its own; sessions are shared.

    Args:
        sessions: by the stage's model.
    """

    def __init__(self, sessions: Mapping[str, Session], device: Device) -> None:
        self._sessions, self._device = sessions, device
        self._running: dict[str, Running] = {}

    def run(self, row: ChainStage, inputs: Given) -> Arrays:
        """One stage: arrays in, arrays out. Shapes must stay the same from frame to frame."""
        session = self._sessions[row.model]
        if row.model not in self._running:
            shapes = {name: array.shape for name, array in inputs.items()}
            self._running[row.model] = Running(session, self._device, shapes)
        return self._running[row.model](inputs)

    def close(self) -> None:
        for running in self._running.values():
            running.close()


class OurChain:
    """Sessions on a device, and lanes that share them.

    Args:
        sessions: of the stages that are one graph for each frame, by model.
        runners: of all others, by model.

    Attributes:
        lanes: one for each frame that is in the stages at once.
    """

    def __init__(
        self,
        sessions: Mapping[str, Session],
        runners: Mapping[str, Runner],
        device: Device,
        *,
        lanes: int,
        threads: int,
    ) -> None:
        self.lanes = [Lane(sessions, device) for _ in range(lanes)]
        self._runners, self._threads = runners, threads

    @classmethod
    @contextmanager
    def open(cls, rows: Sequence[ChainStage], *, device: str, threads: int) -> Iterator["OurChain"]:
        """Until the block ends. Raises MissingError, EngineError."""
        with ExitStack() as stack:
            opened = stack.enter_context(open_device("cpu" if device == "cpu" else "cuda:0"))
            sessions: dict[str, Session] = {}
            runners: dict[str, Runner] = {}
            for row in rows:
                is_plain = row.cadence == "each frame"
                at_once = threads if is_plain else 1
                files = graphs.ensure(row.model)
                found = {
                    graph: stack.enter_context(
                        _session(files[graph], opened, row.name, threads, at_once=at_once)
                    )
                    for graph in row.graphs
                }
                if is_plain:
                    [sessions[row.model]] = found.values()
                else:
                    runners[row.model] = stack.enter_context(closing(runner_of(row, found, opened)))
            lanes = threads if device == "cpu" else _GPU_LANES
            chain = cls(sessions, runners, opened, lanes=lanes, threads=threads)
            for lane in chain.lanes:
                stack.callback(lane.close)
            yield chain

    def run(self, row: ChainStage, inputs: Given) -> Arrays:
        """One stage for one frame, alone."""
        runner = self._runners.get(row.model)
        return runner(inputs) if runner else self.lanes[0].run(row, inputs)

    def over(self, items: Iterable[Arrays], rows: Sequence[ChainStage]) -> list[Arrays]:
        """Each item's values through these stages, several items at once; results in their order."""
        return list(self._through(items, rows, lambda index, values: values))

    def clip(
        self, rows: Sequence[ChainStage], prompts: NDArray[np.float32], clip: Path, output: Path
    ) -> int:
        """Every frame of the clip through all stages into files; how many there were."""

        def write(index: int, values: Arrays) -> Arrays:
            for folder, picture in pictures(values).items():
                write_frame(output / folder, (index,), picture)
            return {}

        def items(source: FrameSource) -> Iterator[Arrays]:
            for number, frame in enumerate(source):
                yield values_of(frame.rgb, number, prompts)

        with open_source(clip, threads=self._threads) as source:
            return len(list(self._through(items(source), rows, write)))

    def _through(self, items: Iterable[Arrays], rows: Sequence[ChainStage], last: Last) -> Iterator[Arrays]:
        """`last` is done by other threads."""
        free: SimpleQueue[Lane] = SimpleQueue()
        for lane in self.lanes:
            free.put(lane)
        plain = [row for row in rows if row.model not in self._runners]

        def computed(lane: Lane, values: Arrays) -> Arrays:
            try:
                for row in plain:
                    values = values | lane.run(row, row.inputs(values))
                return values
            finally:
                free.put(lane)

        def beside(row: ChainStage, job: Future[Arrays]) -> Arrays:
            values = job.result()
            return self._runners[row.model](row.inputs(values)) if row.runs_for(values) else {}

        def finished(index: int, jobs: Sequence[Future[Arrays]]) -> Arrays:
            return last(index, {name: value for job in jobs for name, value in job.result().items()})

        with ExitStack() as stack:
            writers, computers = (
                stack.enter_context(ThreadPoolExecutor(count, name))
                for count, name in ((self._threads, "last"), (len(self.lanes), "stages"))
            )
            others = [
                (row, stack.enter_context(ThreadPoolExecutor(1, row.model)))
                for row in rows
                if row.model in self._runners
            ]
            pending: deque[Future[Arrays]] = deque()
            for index, values in enumerate(items):
                jobs = [computers.submit(computed, free.get(), values)]
                jobs += [thread.submit(beside, row, jobs[0]) for row, thread in others]
                pending.append(writers.submit(finished, index, jobs))
                while len(pending) > 2 * len(self.lanes):
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()


def _session(file: Path, device: Device, name: str, threads: int, *, at_once: int) -> Session:
    if device.name == "cpu":
        from trt_anime.runtime.sessions.ort_cpu import OrtCpuSession

        return OrtCpuSession(file, cast(CpuDevice, device), threads=threads, name=name, at_once=at_once)
    from trt_anime.runtime.sessions.ort_cuda import OrtCudaSession

    return OrtCudaSession(file, cast(GpuDevice, device), name=name, allow_cpu_nodes=True)
