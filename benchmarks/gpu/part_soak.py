"""Minutes of steady work: frames through the device alone, then whole runs one after another."""

import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from benchmarks.gpu.deadline import Deadline
from benchmarks.gpu.endurance import Verdict, verdict
from benchmarks.gpu.findings import Seen, StepError, Table
from benchmarks.gpu.line import Frames, Line
from benchmarks.gpu.models import MODEL
from benchmarks.gpu.part_precision import session_of
from benchmarks.gpu.part_sweep import batches, frames_of
from benchmarks.gpu.precision import CLIP
from benchmarks.gpu.readings import Look, Reading, Watch, looker
from benchmarks.gpu.running import Context, Step
from benchmarks.gpu.same import giving, require_as_cpu, require_layers_as_cpu, require_same
from trt_anime.errors import MissingError
from trt_anime.runtime.pipeline.chain import Node
from trt_anime.runtime.profiling.process_memory import resident_bytes
from trt_anime.runtime.stages import STAGES

# Of the part's time for either step; a soak of less than a minute says little.
LINE_S, RUNS_S, LEAST_S = 240.0, 150.0, 60.0
_STRETCH_S = 5.0
_REHEARSED_S, _REHEARSED_STRETCH_S = 8.0, 0.3
_MOST_ROWS = 24


def steps(context: Context) -> list[Step]:
    """Raises MissingError: nobody tells the GPU's memory and clocks."""
    look = _told_nothing if context.rehearsal else looker()
    least_s = _REHEARSED_S if context.rehearsal else LEAST_S
    return [
        Step("frames in memory", lambda: _soaked(context, look, _stretches, LINE_S), least_s),
        Step("whole runs", lambda: _soaked(context, look, _passes, RUNS_S), least_s),
    ]


def _soaked(
    context: Context,
    look: Look,
    work: Callable[[Context, Deadline, "Noted"], str],
    seconds: float,
) -> Seen:
    """Raises StepError: layers aren't the CPU's, memory grows or the speed falls. MissingError: too little
    was seen to say so.
    """
    seconds = _REHEARSED_S if context.rehearsal else min(seconds, context.deadline.left_s() - 15)
    noted, deadline = Noted(), Deadline(seconds)
    start = time.monotonic()
    every_s = 0.1 if context.rehearsal else 1.0
    with Watch(look, lambda: time.monotonic() - start, every_s=every_s) as watch:
        what = work(context, deadline, noted)
    found = verdict(watch.readings, noted.speeds, resident=noted.resident)
    table = table_of(what, watch.readings, noted.speeds)
    words = _words(found, time.monotonic() - start, noted, watch.failure)
    if found.failures:
        raise StepError(words, [table])
    if found.unknown and not context.rehearsal:
        raise MissingError(f"it can't be judged: {words}")
    return Seen(words, (table,))


class Noted:
    """What each stretch left: its speed, and the process's RAM after it.

    Attributes:
        checked: how near the layers are to the CPU's, in words.
    """

    def __init__(self) -> None:
        self.checked = ""
        self.speeds: list[float] = []
        self.resident: list[int] = []

    def note(self, fps: float) -> None:
        self.speeds.append(fps)
        self.resident.append(resident_bytes())


def table_of(what: str, readings: list[Reading], speeds: list[float]) -> Table:
    """A few looks, evenly spread, with the speed of their time."""
    step = max(1, -(-len(readings) // _MOST_ROWS))
    rows = []
    for index in range(0, len(readings), step):
        one = readings[index]
        fps = speeds[min(index * len(speeds) // len(readings), len(speeds) - 1)]
        used = None if one.used_bytes is None else one.used_bytes / 1e6
        figures = (used, one.sm_mhz, one.memory_mhz, one.celsius, one.watts)
        cells = ["" if value is None else f"{value:.0f}" for value in figures]
        rows.append((f"{one.at_s:.0f}", f"{fps:.1f}", *cells, ", ".join(one.slowed)))
    head = ("s", "FPS", "GPU MB", "SM MHz", "memory MHz", "°C", "W", "slowed by")
    return Table(f"Soak: {what}", "One look a second, thinned.", head, rows)


def _stretches(context: Context, deadline: Deadline, noted: Noted) -> str:
    from trt_anime.export import graphs

    graph = graphs.ensure(MODEL)["matte"]
    pictures = frames_of(context)
    height, width = pictures[0].shape[1:3]
    stretch_s = _REHEARSED_STRETCH_S if context.rehearsal else _STRETCH_S
    with (
        context.opened() as device,
        session_of(graph, device) as session,
        Line(device, [Node(STAGES["2a"], session)], height=height, width=width) as line,
    ):
        first = _layers(line, pictures)
        noted.checked = require_as_cpu(graph, giving(first, pictures), pictures, session.origin.provider)
        speed = line.run(batches(pictures, 1, 8)).fps
        while not noted.speeds or deadline.allows(stretch_s):
            done = line.run(batches(pictures, 1, max(4, round(speed * stretch_s))))
            speed = done.fps
            noted.note(speed)
        require_same(_layers(line, pictures), first)
    return f"{MODEL}, {width}x{height}, frames in memory"


def _layers(line: Line, pictures: list[Frames]) -> list[Frames]:
    """Of each picture, uint8 [1,H,W,4]."""
    found: list[Frames] = []
    line.run(pictures, lambda layers: found.append(layers["character"]))
    return found


def _passes(context: Context, deadline: Deadline, noted: Noted) -> str:
    from trt_anime.export import graphs
    from trt_anime.runtime.options import ProcessOptions
    from trt_anime.runtime.process import process_clip

    graph = graphs.ensure(MODEL)["matte"]
    took_s = 0.0
    with tempfile.TemporaryDirectory() as folder:
        options = ProcessOptions(
            input=CLIP,
            output=Path(folder) / "out",
            device=context.device,
            allow_cpu_nodes=True,
            held=False,
            overwrite=True,
            limit=4 if context.rehearsal else None,
        )
        noted.checked = require_layers_as_cpu(
            replace(options, overwrite=False, limit=None), graph, Path(folder) / "compared"
        )
        while not noted.speeds or deadline.allows(took_s):
            start = time.monotonic()
            record = process_clip(options, graph=lambda stage: graph)
            took_s = time.monotonic() - start
            noted.note(record.frames / took_s)
    return f"{MODEL}, {CLIP.name} to RGBA PNG again and again"


def _words(found: Verdict, seconds: float, noted: Noted, failure: str) -> str:
    words = [
        f"against the CPU: {noted.checked}",
        f"{seconds:.0f} s, {len(noted.speeds)} stretches",
        *found.failures,
        *found.unknown,
        *found.facts,
        *found.notes,
    ]
    return "; ".join([*words, *([f"it stopped looking: {failure}"] if failure else [])])


def _told_nothing(at_s: float) -> Reading:
    return Reading(at_s)
