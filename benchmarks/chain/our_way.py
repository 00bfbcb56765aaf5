"""The chain as ours: stage graphs in sessions; decode, the stages of several frames and encode overlap."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from benchmarks.chain.stages import Arrays, ChainStage, Given, pictures
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


class Lane:
    """All stages for one frame at a time, with memory of its own; sessions are shared."""

    def __init__(self, sessions: Mapping[str, Session], device: Device) -> None:
        self._sessions, self._device = sessions, device
        self._running: dict[str, Running] = {}

    def run(self, row: ChainStage, inputs: Given) -> Arrays:
        """One stage: arrays in, arrays out. Shapes must stay the same from frame to frame."""
        session = self._sessions[row.name]
        if row.name not in self._running:
            shapes = {name: array.shape for name, array in inputs.items()}
            self._running[row.name] = Running(session, self._device, shapes)
        return self._running[row.name](inputs)

    def close(self) -> None:
        for running in self._running.values():
            running.close()


class OurChain:
    """Sessions on a device, and lanes that share them.

    Attributes:
        lanes: one for each frame that is in the stages at once.
    """

    def __init__(
        self, sessions: Mapping[str, Session], device: Device, *, lanes: int, threads: int
    ) -> None:
        self.lanes = [Lane(sessions, device) for _ in range(lanes)]
        self._threads = threads

    @classmethod
    @contextmanager
    def open(cls, rows: Sequence[ChainStage], *, device: str, threads: int) -> Iterator["OurChain"]:
        """Until the block ends. Raises MissingError, EngineError."""
        with ExitStack() as stack:
            opened = stack.enter_context(open_device("cpu" if device == "cpu" else "cuda:0"))
            sessions = {
                row.name: stack.enter_context(
                    _session(graphs.ensure(row.model)[row.graph], opened, row.name, threads)
                )
                for row in rows
            }
            lanes = threads if device == "cpu" else _GPU_LANES
            chain = cls(sessions, opened, lanes=lanes, threads=threads)
            for lane in chain.lanes:
                stack.callback(lane.close)
            yield chain

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
            for frame in source:
                yield {"frame": frame.rgb[None], "prompts": prompts}

        with open_source(clip, threads=self._threads) as source:
            return len(list(self._through(items(source), rows, write)))

    def _through(self, items: Iterable[Arrays], rows: Sequence[ChainStage], last: Any) -> Iterator[Arrays]:
        """`last` is done by other threads, to what the stages made of an item."""
        free: SimpleQueue[Lane] = SimpleQueue()
        for lane in self.lanes:
            free.put(lane)

        def computed(lane: Lane, values: Arrays) -> Arrays:
            try:
                for row in rows:
                    values = values | lane.run(row, row.inputs(values))
                return values
            finally:
                free.put(lane)

        def finished(index: int, job: Future[Arrays]) -> Arrays:
            return cast(Arrays, last(index, job.result()))

        with (
            ThreadPoolExecutor(self._threads, "last") as writers,
            ThreadPoolExecutor(len(self.lanes), "stages") as computers,
        ):
            pending: deque[Future[Arrays]] = deque()
            for index, values in enumerate(items):
                job = computers.submit(computed, free.get(), values)
                pending.append(writers.submit(finished, index, job))
                while len(pending) > 2 * len(self.lanes):
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()


def _session(file: Path, device: Device, name: str, threads: int) -> Session:
    if device.name == "cpu":
        from trt_anime.runtime.sessions.ort_cpu import OrtCpuSession

        return OrtCpuSession(file, cast(CpuDevice, device), threads=threads, name=name)
    from trt_anime.runtime.sessions.ort_cuda import OrtCudaSession

    return OrtCudaSession(file, cast(GpuDevice, device), name=name, allow_cpu_nodes=True)
