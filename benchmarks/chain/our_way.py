"""The chain as ours: stage graphs in the product's sessions, overlapped on the cores.

Reading, reading ahead, sessions, propagators, captioner and writing are the runtime's. Only what goes when
is decided here: the product goes through a film stage after stage, which keeps less in memory, reuses what
it held, and so does other work than the baseline. Here all stages of a frame follow each other, those of
several frames at once. A stage that remembers gets its frames in order, in a thread of its own beside all
others, as soon as the first stage has done with them.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from queue import SimpleQueue

import numpy as np
from numpy.typing import NDArray

from benchmarks.chain.our_stages import Runner, runner_of
from benchmarks.chain.stages import Arrays, ChainStage, Given, pictures, values_of
from trt_anime.export import graphs
from trt_anime.runtime.devices.api import Device
from trt_anime.runtime.devices.opening import open_device
from trt_anime.runtime.media.reader import open_source
from trt_anime.runtime.results.planes import write_frame
from trt_anime.runtime.sessions.api import Session
from trt_anime.runtime.sessions.opening import open_graph
from trt_anime.runtime.sessions.running import Running
from trt_anime.runtime.streams import Writers, ahead, behind

# Frames in the stages at once on a GPU: one is copied while another computes.
_GPU_LANES = 2


@dataclass
class _Item:
    """A frame on its way.

    Attributes:
        early: its values, once the first stage has done with it; others read from that one only.
        beside: what stages in threads of their own make of it.
    """

    values: Arrays
    early: Future[Arrays] = field(default_factory=Future)
    beside: list[Future[Arrays]] = field(default_factory=list)


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

    def through(self, rows: Sequence[ChainStage], values: Arrays) -> Arrays:
        """`values` and what the stages, one after another, make of them."""
        for row in rows:
            values = values | self.run(row, row.inputs(values))
        return values

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
    def open(
        cls, rows: Sequence[ChainStage], *, device: str, threads: int, size: tuple[int, int]
    ) -> Iterator["OurChain"]:
        """Until the block ends.

        Args:
            size: (height, width) of the frames.

        Raises MissingError, EngineError.
        """
        with ExitStack() as stack:
            opened = stack.enter_context(open_device("cpu" if device == "cpu" else "cuda:0"))
            sessions: dict[str, Session] = {}
            runners: dict[str, Runner] = {}
            for row in rows:
                is_plain = row.cadence == "each frame"
                files = graphs.ensure(row.model)
                opening = partial(
                    open_graph,
                    device=opened,
                    name=row.name,
                    provider="onnxruntime",
                    precision="fp32",
                    threads=threads,
                    size=size,
                    allow_cpu_nodes=True,
                    at_once=threads if is_plain else 1,
                )
                found = {
                    graph: stack.enter_context(opening(graph, graph=files[graph])[0])
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
        return list(self._through(items, rows))

    def clip(
        self, rows: Sequence[ChainStage], prompts: NDArray[np.float32], clip: Path, output: Path
    ) -> int:
        """Every frame of the clip through all stages into files; how many there were."""
        count = 0
        with open_source(clip, threads=self._threads) as source, Writers.open(self._threads) as writers:
            items = (values_of(frame.rgb, number, prompts) for number, frame in enumerate(ahead(source)))
            for count, values in enumerate(self._through(items, rows), 1):
                for folder, picture in pictures(values).items():
                    writers.do(partial(write_frame, output / folder, (count - 1,), picture))
        return count

    def _through(self, items: Iterable[Arrays], rows: Sequence[ChainStage]) -> Iterator[Arrays]:
        plain = [row for row in rows if row.model not in self._runners]
        with ExitStack() as stack:
            others = [
                (row, stack.enter_context(ThreadPoolExecutor(1, row.model)))
                for row in rows
                if row.model in self._runners
            ]
            pool = stack.enter_context(ThreadPoolExecutor(len(self.lanes), "stages"))

            def begun(values: Arrays) -> _Item:
                item = _Item(values)
                item.beside = [thread.submit(self._beside, row, item.early) for row, thread in others]
                return item

            work = self._in_a_lane(plain)
            for found, beside in behind(work, map(begun, items), pool, depth=2 * len(self.lanes)):
                yield {**found, **{name: value for job in beside for name, value in job.result().items()}}

    def _in_a_lane(
        self, rows: Sequence[ChainStage]
    ) -> Callable[[_Item], tuple[Arrays, list[Future[Arrays]]]]:
        free: SimpleQueue[Lane] = SimpleQueue()
        for lane in self.lanes:
            free.put(lane)

        def work(item: _Item) -> tuple[Arrays, list[Future[Arrays]]]:
            lane = free.get()
            try:
                item.early.set_result(lane.through(rows[:1], item.values))
                return lane.through(rows[1:], item.early.result()), item.beside
            except BaseException as error:
                if not item.early.done():
                    item.early.set_exception(error)
                raise
            finally:
                free.put(lane)

        return work

    def _beside(self, row: ChainStage, early: Future[Arrays]) -> Arrays:
        values = early.result()
        return self._runners[row.model](row.inputs(values)) if row.runs_for(values) else {}
